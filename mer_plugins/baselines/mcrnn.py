"""MCRNN, the network: He and Ferguson, IEEE ISM 2020, reference [18].

Published (abstract, doi 10.1109/ISM.2020.00037): raw audio; "multi-view convolutional neural
networks as feature extractors", merged and fed into two layers of bidirectional LSTM; data
augmentation; regression, on the 744 songs of "Emotion in Music". Kernels, widths and the kind of
augmentation were not accessible, nor is there code.

Our reconstruction: 22.05 kHz; three views, whose first filters last 3, 12 and 46 ms and stand a
quarter of that apart; in each, three blocks of convolution, batch normalisation, ReLU and pooling
with 16, 32 and 64 channels, then mean and maximum over the segment; 64 LSTM units per direction;
dropout 0.3. In training each excerpt gets a random gain, a little noise and a small shift; pitch
and tempo stay, since changing them would change the emotion.

Letters: b clip, t segment of half a second, n sample in a segment, c channel, h feature,
d output dimension. Every segment is encoded on its own; only the LSTM sees its neighbours.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

import torch
from einops import rearrange
from torch import Tensor, nn

from mer_plugins.sequence.checks import (
    check_at_least_zero,
    check_dropout,
    check_sizes,
    check_tuple,
    check_types,
)


@dataclass(frozen=True)
class MCRNNConfig:
    """Sizes that the accessible sources leave open.

    Parameters
    ----------
    samples : int
        Of a segment: half a second at 22.05 kHz.
    kernels, strides : tuple of int
        Length and distance of each view's first filters, in samples.
    channels : tuple of int
        Filters of the three blocks, the same in every view.
    later_kernel : int
        Length of the filters of the second and third block, odd.
    pool : int
        Positions of which the largest goes on, in every block.
    hidden, layers : int
        LSTM units per direction, and LSTM layers.
    dropout : float
        Before and between the LSTM layers, in training.
    gain_db : float
        Training excerpts get a gain up to this, either way, in dB.
    noise : float
        Standard deviation of the noise they get; the normalised samples have 1.
    shift : int
        They are shifted by up to this many samples, either way, the end joining the start.

    Raises
    ------
    ValueError
        If a size is out of its range, there is not one stride for each kernel, or a segment is too
        short for the filters and poolings of a view.
    """

    samples: int = 11_025
    kernels: tuple[int, ...] = (64, 256, 1024)
    strides: tuple[int, ...] = (16, 64, 256)
    channels: tuple[int, int, int] = (16, 32, 64)
    later_kernel: int = 3
    pool: int = 2
    hidden: int = 64
    layers: int = 2
    dropout: float = 0.3
    gain_db: float = 3.0
    noise: float = 0.01
    shift: int = 220

    def __post_init__(self) -> None:
        check_types(self)
        check_sizes(self, "samples", "later_kernel", "pool", "hidden", "layers")
        check_tuple(self, "kernels", None)
        check_tuple(self, "strides", len(self.kernels))
        check_tuple(self, "channels", 3)
        check_dropout(self.dropout)
        check_at_least_zero(self, "gain_db", "noise", "shift")
        if self.later_kernel % 2 == 0:
            raise ValueError(f"later_kernel is {self.later_kernel}: expected an odd number")
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            self._check_length(kernel, stride)

    def _check_length(self, kernel: int, stride: int) -> None:
        needed = kernel + (self.pool**3 - 1) * stride
        if self.samples < needed:
            raise ValueError(
                f"samples is {self.samples}: expected at least {needed} for three poolings of the "
                f"view with filters of {kernel} every {stride}"
            )


class Augmentation(nn.Module):
    """Gain, noise and shift of whole excerpts, in training only."""

    def __init__(self, config: MCRNNConfig) -> None:
        super().__init__()
        self.gain_db, self.noise, self.shift = config.gain_db, config.noise, config.shift

    def forward(self, segments: Tensor) -> Tensor:
        """Map (b, t, 1, n) to the same shape; in evaluation, to itself."""
        if not self.training:
            return segments
        b, t = segments.shape[:2]
        gain_db = self.gain_db * (2 * torch.rand(b, 1, device=segments.device) - 1)
        samples = self._shifted(rearrange(segments, "b t 1 n -> b (t n)"))
        samples = samples * 10 ** (gain_db / 20) + self.noise * torch.randn_like(samples)
        return rearrange(samples, "b (t n) -> b t 1 n", t=t)

    def _shifted(self, samples: Tensor) -> Tensor:
        shifts = torch.randint(-self.shift, self.shift + 1, (len(samples),)).tolist()
        return torch.stack([clip.roll(s) for clip, s in zip(samples, shifts, strict=True)])


def conv_block(c_in: int, c_out: int, kernel: int, stride: int, pool: int) -> nn.Sequential:
    """Convolve, normalise, rectify, pool; with stride 1 padded to the same length."""
    padding = kernel // 2 if stride == 1 else 0
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv1d(c_in, c_out, kernel, stride, padding),
            norm=nn.BatchNorm1d(c_out),
            relu=nn.ReLU(),
            pool=nn.MaxPool1d(pool),
        )
    )


class View(nn.Module):
    """One view of the waveform: its first filters set the span, three blocks, global pooling."""

    def __init__(self, config: MCRNNConfig, kernel: int, stride: int) -> None:
        super().__init__()
        c1, c2, c3 = config.channels
        self.blocks = nn.Sequential(
            conv_block(1, c1, kernel, stride, config.pool),
            conv_block(c1, c2, config.later_kernel, 1, config.pool),
            conv_block(c2, c3, config.later_kernel, 1, config.pool),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (bt, 1, n) to (bt, 2c): mean and maximum of each channel."""
        x = self.blocks(x)
        return torch.cat([x.mean(dim=-1), x.amax(dim=-1)], dim=-1)


class MCRNN(nn.Module):
    """The whole network; `encode` treats every segment alone, and never augments it."""

    segments_independent: ClassVar[bool] = True

    def __init__(self, config: MCRNNConfig) -> None:
        super().__init__()
        self.config = config
        pairs = zip(config.kernels, config.strides, strict=True)
        self.augment = Augmentation(config)
        self.views = nn.ModuleList(View(config, kernel, stride) for kernel, stride in pairs)
        self.dropout = nn.Dropout(config.dropout)
        self.bilstm = nn.LSTM(
            len(config.kernels) * 2 * config.channels[-1],
            config.hidden,
            config.layers,
            batch_first=True,
            bidirectional=True,
            # With a single layer there is no place between layers, which torch warns about.
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.head = nn.Linear(2 * config.hidden, 2)

    def encode(self, segments: Tensor) -> Tensor:
        """Encode segments, (bt, 1, n) normalised samples, to (bt, h)."""
        return torch.cat([view(segments) for view in self.views], dim=-1)

    def decode(self, encoded: Tensor) -> Tensor:
        """Map encoded segments of a window, (b, t, h), to predictions, (b, t, d=2)."""
        hidden, _ = self.bilstm(self.dropout(encoded))
        out: Tensor = self.head(hidden)
        return out

    def forward(self, segments: Tensor) -> Tensor:
        """Map normalised samples, (b, t, 1, n), to predictions, (b, t, d=2)."""
        b = segments.shape[0]
        encoded = self.encode(rearrange(self.augment(segments), "b t 1 n -> (b t) 1 n"))
        return self.decode(rearrange(encoded, "(b t) h -> b t h", b=b))
