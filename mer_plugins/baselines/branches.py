"""The recurrent branches that CRNN [16] and DNN [17], of one group, have in common.

Published: two branches, one for arousal and one for valence, of (bidirectional) gated recurrent
units; for CRNN, by a digest of the paper, a maxout regression head. Ours: the sizes, which stand in
the networks' configurations, and that both branches learn at once, from the sum of their losses.

Letters: b clip, t segment of half a second, h feature, d output dimension.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn


class Maxout(nn.Module):
    """The largest of `pieces` linear functions (Goodfellow et al. 2013), one output."""

    def __init__(self, inputs: int, pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, t, h) to (b, t, 1)."""
        values: Tensor = self.linear(x)
        return values.amax(dim=-1, keepdim=True)


class Branch(nn.Module):
    """One dimension: bidirectional GRU, then maxout."""

    def __init__(self, inputs: int, hidden: int, pieces: int) -> None:
        super().__init__()
        self.bigru = nn.GRU(inputs, hidden, batch_first=True, bidirectional=True)
        self.maxout = Maxout(2 * hidden, pieces)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, t, h) to (b, t, 1)."""
        hidden, _ = self.bigru(x)
        value: Tensor = self.maxout(hidden)
        return value


class TwoBranches(nn.Module):
    """A branch for valence and one for arousal, which share nothing but their input."""

    def __init__(self, inputs: int, hidden: int, pieces: int) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(
            OrderedDict(
                valence=Branch(inputs, hidden, pieces), arousal=Branch(inputs, hidden, pieces)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, t, h) to (b, t, d=2)."""
        return torch.cat([branch(x) for branch in self.branches.values()], dim=-1)
