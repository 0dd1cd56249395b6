"""CRNN, the network: Malik, Adavanne, Drossos, Virtanen, Ticha, Jarina, SMC 2017, reference [16].

Published (abstract, arXiv 1706.02292): one convolutional layer, then two branches of recurrent
networks, trained separately for arousal and valence; far fewer parameters than the state of the art
before it. By a digest of the paper: GRU, also bidirectional, a maxout regression head, Adam,
dropout, elastic net. Code was not published.

Our reconstruction: 64 log mel-band energies, one frame of half a second each (so does a later
comparison by others); eight 3x3 filters with batch normalisation and ReLU; a layer of 8 shared by
both branches; 8 units per direction; maxout of 2; dropout 0.25; no elastic net; both branches
learn at once. In the published evaluation the front end was possibly another.

Letters: b clip, t segment of half a second, f mel band, n frame in a segment (1), c channel,
h feature, d output dimension.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

from einops import rearrange
from torch import Tensor, nn

from mer_plugins.baselines.branches import TwoBranches
from mer_plugins.sequence.checks import check_dropout, check_sizes, check_tuple, check_types


@dataclass(frozen=True)
class CRNNConfig:
    """Sizes that the accessible sources leave open.

    Parameters
    ----------
    n_mels : int
        Bands of a segment.
    n_frames : int
        Frames of a segment: 1.
    channels : int
        Filters of the convolution.
    kernel : tuple of int
        Segments and bands that a filter spans, both odd.
    features : int
        Units of the layer after the convolution.
    hidden : int
        GRU units per direction, in each branch.
    pieces : int
        Linear functions of the maxout head.
    dropout : float
        Before the branches, in training.

    Raises
    ------
    ValueError
        If a size is no whole number from 1 up, `n_frames` is not 1, the kernel is not two odd
        ones, or dropout is not at least 0 and less than 1.
    """

    n_mels: int = 64
    n_frames: int = 1
    channels: int = 8
    kernel: tuple[int, int] = (3, 3)
    features: int = 8
    hidden: int = 8
    pieces: int = 2
    dropout: float = 0.25

    def __post_init__(self) -> None:
        check_types(self)
        check_sizes(self, "n_mels", "channels", "features", "hidden", "pieces")
        check_tuple(self, "kernel", 2, odd=True)
        if self.n_frames != 1:
            raise ValueError(f"n_frames is {self.n_frames!r}: expected 1, a frame a segment")
        check_dropout(self.dropout)


class CRNN(nn.Module):
    """The whole network.

    The convolution sees the neighbouring segments, and zeros beyond the ends of a window: a segment
    has no encoding of its own, so `encode` takes a whole window, and a sliding window has to
    recompute each of its windows by `forward`.
    """

    segments_independent: ClassVar[bool] = False

    def __init__(self, config: CRNNConfig) -> None:
        super().__init__()
        self.config = config
        padding = (config.kernel[0] // 2, config.kernel[1] // 2)
        self.convolution = nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(1, config.channels, config.kernel, padding=padding),
                norm=nn.BatchNorm2d(config.channels),
                relu=nn.ReLU(),
            )
        )
        self.features = nn.Linear(config.channels * config.n_mels, config.features)
        self.dropout = nn.Dropout(config.dropout)
        self.recurrent = TwoBranches(config.features, config.hidden, config.pieces)

    def encode(self, segments: Tensor) -> Tensor:
        """Encode a window of segments, (b, t, f, n=1) normalised log-mel, to (b, t, h)."""
        x = self.convolution(rearrange(segments, "b t f 1 -> b 1 t f"))
        encoded: Tensor = self.features(rearrange(x, "b c t f -> b t (c f)"))
        return encoded

    def decode(self, encoded: Tensor) -> Tensor:
        """Map an encoded window, (b, t, h), to predictions, (b, t, d=2)."""
        out: Tensor = self.recurrent(self.dropout(encoded))
        return out

    def forward(self, segments: Tensor) -> Tensor:
        """Map normalised log-mel, (b, t, f, n=1), to predictions, (b, t, d=2)."""
        return self.decode(self.encode(segments))
