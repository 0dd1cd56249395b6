"""DAMFF, the network: Zhang, Yang, Luo and Zhang, ISMIR 2023, top to bottom.

Multi-scale convolution (section 3.1) -> dual attention feature fusion (3.2) -> sequence learning
(3.3). What the paper leaves open is a field of :class:`DAMFFConfig`; its defaults are the
recommended reading.

Letters: b clip, t segment of half a second, c channel, f mel band, n frame, h hidden unit,
d output dimension. Every segment is encoded on its own; only the BiLSTM sees its neighbours.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from einops import rearrange
from torch import Tensor, nn

from mer_plugins.sequence.checks import check_dropout, check_sizes, check_tuple, check_types

Kernel = tuple[int, int]

# Branch kernels of layer 1 and of layers 2 and 3, (frequency, time): figure 4, sections 3.1, 4.4.2.
CNN_VARIANTS: dict[str, tuple[tuple[Kernel, Kernel], tuple[Kernel, Kernel]]] = {
    "hybrid": (((3, 1), (1, 5)), ((3, 3), (5, 5))),
    "t-f": (((3, 1), (1, 5)), ((3, 1), (1, 5))),
    "square": (((3, 3), (5, 5)), ((3, 3), (5, 5))),
    "t-s": (((1, 5), (1, 5)), ((3, 3), (5, 5))),
    "f-s": (((3, 1), (3, 1)), ((3, 3), (5, 5))),
}

Fusion = Literal["scam", "attention-map", "attended-sum", "channel", "spatial", "sum", "aff"]
FUSIONS: tuple[Fusion, ...] = get_args(Fusion)


@dataclass(frozen=True)
class DAMFFConfig:
    """One reading of the paper.

    Parameters
    ----------
    cnn : str
        Architecture of table 1: ``hybrid``, ``t-f``, ``square``, ``t-s`` or ``f-s``. Every layer
        keeps two branches, so the shapes after it are the same in all five.
    fusion : str
        ``scam``: the paper's (equations 1 to 4). Table 3: ``attention-map`` (without fusion
        strategy, the literal reading: X' goes on), ``attended-sum`` (the other reading: X * X'),
        ``spatial`` (without channel attention), ``channel`` (without spatial attention), ``sum``
        (without DAFF: A + B). ``aff``: attentional feature fusion of reference [36].
    n_mels, n_frames : int
        Size of a segment.
    channels : tuple of int
        Channels a branch in layers 1, 2 and 3 (open in the text: figure 1).
    reduction : int
        Bottleneck of both attentions (open; reference [36]'s code has 4).
    hidden : int
        BiLSTM units per direction (open).
    outputs : int
        1: one model per dimension, as published; 2: a shared trunk with two heads.
    axis_order : str
        ``frequency-time``: a 3x1 kernel spans three mel bands, as section 3.1 defines it;
        ``time-frequency``: it spans three frames.
    raw_view : bool
        Equation 2's "view operation" taken literally, which scrambles channels and positions;
        False is the mean over channels that the text describes.
    dropout : float
        Before the BiLSTM; the paper mentions none.
    """

    cnn: str = "hybrid"
    fusion: Fusion = "scam"
    n_mels: int = 128
    n_frames: int = 50
    channels: tuple[int, int, int] = (8, 16, 64)
    reduction: int = 4
    hidden: int = 64
    outputs: int = 2
    axis_order: Literal["frequency-time", "time-frequency"] = "frequency-time"
    raw_view: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_types(self)
        check_sizes(self, "n_mels", "n_frames", "reduction", "hidden")
        check_tuple(self, "channels", 3)
        check_dropout(self.dropout)
        if self.cnn not in CNN_VARIANTS:
            raise ValueError(f"cnn is {self.cnn!r}: expected one of {', '.join(CNN_VARIANTS)}")
        if self.outputs not in (1, 2):
            raise ValueError(f"outputs is {self.outputs!r}: expected 1 or 2")
        if min(self.map_size) < 1:
            raise ValueError(
                f"a segment of {self.n_mels} bands x {self.n_frames} frames is too small "
                "for three poolings: at least 8 x 4 are needed"
            )
        if self.reduction > min(self.channels[-1], self.map_size[0] * self.map_size[1]):
            raise ValueError(
                f"reduction is {self.reduction}: expected at most the {self.channels[-1]} channels "
                f"and the {self.map_size[0] * self.map_size[1]} positions it reduces"
            )

    @property
    def kernels(self) -> tuple[tuple[Kernel, Kernel], tuple[Kernel, Kernel]]:
        """Branch kernels of layer 1 and of layers 2 and 3, (frequency, time)."""
        first, later = CNN_VARIANTS[self.cnn]
        if self.axis_order == "frequency-time":
            return first, later
        return _turned(first), _turned(later)

    @property
    def map_size(self) -> tuple[int, int]:
        """Frequency and time size of A and B: three poolings, and one concatenation along time."""
        return self.n_mels // 8, self.n_frames // 2 * 2 // 4


def _turned(kernels: tuple[Kernel, Kernel]) -> tuple[Kernel, Kernel]:
    (h_a, w_a), (h_b, w_b) = kernels
    return (w_a, h_a), (w_b, h_b)


def conv_block(c_in: int, c_out: int, kernel: Kernel) -> nn.Sequential:
    """Convolve ("same" padding), normalise, rectify, halve both axes (section 3.1)."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(c_in, c_out, kernel, padding=padding),
            norm=nn.BatchNorm2d(c_out),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(2),
        )
    )


class ParallelConv(nn.Module):
    """One layer: two kernels side by side over the same input."""

    def __init__(self, c_in: int, c_out: int, kernels: tuple[Kernel, Kernel]) -> None:
        super().__init__()
        self.a = conv_block(c_in, c_out, kernels[0])
        self.b = conv_block(c_in, c_out, kernels[1])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (bt, c_in, f, n) to two of (bt, c_out, f / 2, n / 2)."""
        return self.a(x), self.b(x)


class MultiScaleConvolution(nn.Module):
    """Temporal-frequency multi-scale convolution, section 3.1."""

    def __init__(self, config: DAMFFConfig) -> None:
        super().__init__()
        first, later = config.kernels
        c1, c2, c3 = config.channels
        self.layer1 = ParallelConv(1, c1, first)
        self.layer2 = ParallelConv(c1, c2, later)
        self.layer3 = ParallelConv(2 * c2, c3, later)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (bt, 1, f, n) to A and B, both (bt, c, f / 8, n / 4)."""
        x = torch.cat(self.layer1(x), dim=-1)
        x = torch.cat(self.layer2(x), dim=1)
        a, b = self.layer3(x)
        return a, b


class ChannelAttention(nn.Module):
    """What matters, equation 1: BN(conv(ReLU(BN(conv(GAP X)))))."""

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.excite = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(channels, channels // reduction, 1),
                norm1=nn.BatchNorm2d(channels // reduction),
                relu=nn.ReLU(),
                conv2=nn.Conv2d(channels // reduction, channels, 1),
                norm2=nn.BatchNorm2d(channels),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (bt, c, f, n) to (bt, c, 1, 1)."""
        weights: Tensor = self.excite(x.mean(dim=(2, 3), keepdim=True))
        return weights


class SpatialAttention(nn.Module):
    """Where it matters, equation 2: the same excitation over the positions of the channel mean.

    The point-wise Conv1d takes the positions as its channels, since with the one pooled channel as
    input it could not weigh positions against each other.
    """

    def __init__(self, map_size: tuple[int, int], reduction: int, *, raw_view: bool) -> None:
        super().__init__()
        positions = map_size[0] * map_size[1]
        self.raw_view = raw_view
        self.excite = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv1d(positions, positions // reduction, 1),
                norm1=nn.BatchNorm1d(positions // reduction),
                relu=nn.ReLU(),
                conv2=nn.Conv1d(positions // reduction, positions, 1),
                norm2=nn.BatchNorm1d(positions),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (bt, c, f, n) to (bt, 1, f, n)."""
        f, n = x.shape[2:]
        pooled = self.pool(x)
        weights: Tensor = rearrange(self.excite(pooled), "b (f n) 1 -> b 1 f n", f=f, n=n)
        return weights

    def pool(self, x: Tensor) -> Tensor:
        """Pool (bt, c, f, n) over channels to (bt, fn, 1)."""
        if self.raw_view:
            b, c, f, n = x.shape
            return x.contiguous().view(b, f * n, c).mean(dim=2, keepdim=True)
        return rearrange(x.mean(dim=1), "b f n -> b (f n) 1")


class SCAM(nn.Module):
    """Spatial channel attention module, equation 3: X' = sigmoid(S + C)."""

    def __init__(self, config: DAMFFConfig, *, channel: bool = True, spatial: bool = True) -> None:
        super().__init__()
        c, r = config.channels[-1], config.reduction
        self.channel = ChannelAttention(c, r) if channel else None
        self.spatial = (
            SpatialAttention(config.map_size, r, raw_view=config.raw_view) if spatial else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (bt, c, f, n) to weights in (0, 1) of the same shape (broadcast where one is off)."""
        maps = [branch(x) for branch in (self.spatial, self.channel) if branch is not None]
        return torch.sigmoid(sum(maps[1:], maps[0]))


class AFF(nn.Module):
    """Attentional feature fusion weights of reference [36]: local and global channel context."""

    def __init__(self, config: DAMFFConfig) -> None:
        super().__init__()
        self.global_context = ChannelAttention(config.channels[-1], config.reduction)
        self.local_context = ChannelAttention(config.channels[-1], config.reduction).excite

    def forward(self, x: Tensor) -> Tensor:
        """Map (bt, c, f, n) to weights in (0, 1) of the same shape."""
        return torch.sigmoid(self.local_context(x) + self.global_context(x))


class DAFF(nn.Module):
    """Dual attention feature fusion, equation 4: Z = X' * A + (1 - X') * B, on X = A + B."""

    def __init__(self, config: DAMFFConfig) -> None:
        super().__init__()
        self.fusion = config.fusion
        self.attention = self._attention(config)

    @staticmethod
    def _attention(config: DAMFFConfig) -> nn.Module | None:
        if config.fusion == "sum":
            return None
        if config.fusion == "aff":
            return AFF(config)
        return SCAM(config, channel=config.fusion != "spatial", spatial=config.fusion != "channel")

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Fuse A and B, both (bt, c, f, n), into Z of the same shape."""
        x = a + b
        if self.attention is None:
            return x
        weights: Tensor = self.attention(x)
        if self.fusion == "attention-map":
            return weights
        if self.fusion == "attended-sum":
            return x * weights
        return weights * a + (1 - weights) * b


class DAMFFNet(nn.Module):
    """The whole network.

    ``encode`` treats every segment alone, ``decode`` runs the sequence head over a window of
    encoded segments; a sliding window therefore encodes each segment once for a whole recording.
    """

    def __init__(self, config: DAMFFConfig) -> None:
        super().__init__()
        self.config = config
        c, (f, n) = config.channels[-1], config.map_size
        self.convolution = MultiScaleConvolution(config)
        self.fusion = DAFF(config)
        self.reduce = nn.Conv2d(c, 1, 1)
        self.dropout = nn.Dropout(config.dropout)
        self.bilstm = nn.LSTM(f * n, config.hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * config.hidden, config.outputs)

    def encode(self, segments: Tensor) -> Tensor:
        """Encode segments, (bt, f, n) normalised log-mel, to (bt, h)."""
        a, b = self.convolution(rearrange(segments, "b f n -> b 1 f n"))
        encoded: Tensor = rearrange(self.reduce(self.fusion(a, b)), "b 1 f n -> b (f n)")
        return encoded

    def decode(self, encoded: Tensor) -> Tensor:
        """Map encoded segments of a window, (b, t, h), to predictions, (b, t, d)."""
        hidden, _ = self.bilstm(self.dropout(encoded))
        out: Tensor = self.head(hidden)
        return out

    def forward(self, segments: Tensor) -> Tensor:
        """Map normalised log-mel, (b, t, f, n), to predictions, (b, t, d)."""
        b = segments.shape[0]
        encoded = self.encode(rearrange(segments, "b t f n -> (b t) f n"))
        return self.decode(rearrange(encoded, "(b t) h -> b t h", b=b))
