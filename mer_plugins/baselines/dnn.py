"""DNN, the network: Orjesek, Jarina, Chmulik and Kuba, Radioelektronika 2019, reference [17].

Published (title; the abstract of its extension by the same authors, Multimedia Tools and
Applications 81, 2022, doi 10.1007/s11042-021-11584-7): features straight from the raw waveform by a
one-dimensional convolution, then, in the extension, an autoencoder-based layer with iterative
reconstruction, then bidirectional gated recurrent units; DEAM. Text of 2019, code and sizes were
not accessible.

Our reconstruction: 22.05 kHz; 8 filters of 10 ms every 5 ms, ReLU, maximum over 4; a layer of 8
with dropout 0.25; then the two branches of the same group's CRNN. ``iterations=0`` is our reading
of 2019, a plain layer; from 1 up our reading of the extension: tied weights reconstruct the layer's
input that many times, and each time it is encoded again.

Letters: b clip, t segment of half a second, n sample in a segment, c channel, h feature,
d output dimension. Every segment is encoded on its own.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from mer_plugins.baselines.branches import TwoBranches
from mer_plugins.sequence.checks import check_dropout, check_sizes, check_types


@dataclass(frozen=True)
class DNNConfig:
    """Sizes that the accessible sources leave open.

    Parameters
    ----------
    samples : int
        Of a segment: half a second at 22.05 kHz.
    channels, kernel, stride : int
        Filters of the convolution, their length and their distance, in samples.
    pool : int
        Positions of a filter of which the largest goes on.
    features : int
        Units of the layer after the convolution.
    iterations : int
        Reconstructions of that layer's input; 0 makes it a plain layer.
    hidden : int
        GRU units per direction, in each branch.
    pieces : int
        Linear functions of the maxout head.
    dropout : float
        Before the branches, in training.

    Raises
    ------
    ValueError
        If a size is no whole number from 1 up (`iterations`: from 0 up), a segment is too short for
        one pooled position, or dropout is not at least 0 and less than 1.
    """

    samples: int = 11_025
    channels: int = 8
    kernel: int = 220
    stride: int = 110
    pool: int = 4
    features: int = 8
    iterations: int = 0
    hidden: int = 8
    pieces: int = 2
    dropout: float = 0.25

    def __post_init__(self) -> None:
        check_types(self)
        check_sizes(self, "samples", "channels", "kernel", "stride", "pool", "features")
        check_sizes(self, "hidden", "pieces")
        check_dropout(self.dropout)
        if type(self.iterations) is not int or self.iterations < 0:
            raise ValueError(f"iterations is {self.iterations!r}: expected a whole number from 0")
        needed = self.kernel + (self.pool - 1) * self.stride
        if self.samples < needed:
            raise ValueError(f"samples is {self.samples}: expected at least {needed} for one pool")

    @property
    def positions(self) -> int:
        """Positions of a filter in a segment, after pooling."""
        return ((self.samples - self.kernel) // self.stride + 1) // self.pool


class ReconstructionLayer(nn.Module):
    """The encoder of an autoencoder with tied weights, whose input may be reconstructed first."""

    def __init__(self, inputs: int, units: int, iterations: int) -> None:
        super().__init__()
        self.iterations = iterations
        self.encoder = nn.Linear(inputs, units)
        self.decoder_bias = nn.Parameter(torch.zeros(inputs)) if iterations else None

    def forward(self, x: Tensor) -> Tensor:
        """Map (bt, inputs) to (bt, units), in [-1, 1]."""
        code = torch.tanh(self.encoder(x))
        for _ in range(self.iterations):
            reconstruction = functional.linear(code, self.encoder.weight.T, self.decoder_bias)
            code = torch.tanh(self.encoder(reconstruction))
        return code


class DNN(nn.Module):
    """The whole network; `encode` treats every segment alone."""

    segments_independent: ClassVar[bool] = True

    def __init__(self, config: DNNConfig) -> None:
        super().__init__()
        self.config = config
        self.convolution = nn.Sequential(
            OrderedDict(
                conv=nn.Conv1d(1, config.channels, config.kernel, config.stride),
                relu=nn.ReLU(),
                pool=nn.MaxPool1d(config.pool),
            )
        )
        inputs = config.channels * config.positions
        self.features = ReconstructionLayer(inputs, config.features, config.iterations)
        self.dropout = nn.Dropout(config.dropout)
        self.recurrent = TwoBranches(config.features, config.hidden, config.pieces)

    def encode(self, segments: Tensor) -> Tensor:
        """Encode segments, (bt, 1, n) normalised samples, to (bt, h)."""
        encoded: Tensor = self.features(rearrange(self.convolution(segments), "b c n -> b (c n)"))
        return encoded

    def decode(self, encoded: Tensor) -> Tensor:
        """Map encoded segments of a window, (b, t, h), to predictions, (b, t, d=2)."""
        out: Tensor = self.recurrent(self.dropout(encoded))
        return out

    def forward(self, segments: Tensor) -> Tensor:
        """Map normalised samples, (b, t, 1, n), to predictions, (b, t, d=2)."""
        b = segments.shape[0]
        encoded = self.encode(rearrange(segments, "b t 1 n -> (b t) 1 n"))
        return self.decode(rearrange(encoded, "(b t) h -> b t h", b=b))
