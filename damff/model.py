"""DAMFF, the network: Zhang, Yang, Luo and Zhang, ISMIR 2023, top to bottom.

Multi-scale convolution (section 3.1) -> dual attention feature fusion (3.2) -> sequence learning
(3.3). What the paper leaves open is a field of :class:`damff.config.DAMFFConfig`; its defaults are
the recommended reading.

Letters: b clip, t segment of half a second, c channel, f mel band, n frame, h hidden unit,
d output dimension. Every segment is encoded on its own; only the BiLSTM sees its neighbours.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from einops import rearrange
from einops.layers.torch import Rearrange
from torch import Tensor, nn

from damff.config import DAMFFConfig, Kernel


def conv_block(c_in: int, c_out: int, kernel: Kernel, pool: int) -> nn.Sequential:
    """Convolve ("same" padding), normalise, rectify, pool both axes (section 3.1)."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(c_in, c_out, kernel, padding=padding),
            norm=nn.BatchNorm2d(c_out),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(pool),
        )
    )


class ParallelConv(nn.Module):
    """One layer: kernels side by side over the same input, two unless told otherwise."""

    def __init__(self, c_in: int, c_out: int, kernels: tuple[Kernel, ...], pool: int) -> None:
        super().__init__()
        self.a = conv_block(c_in, c_out, kernels[0], pool)
        self.b = conv_block(c_in, c_out, kernels[1], pool) if len(kernels) > 1 else None

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (bt, c_in, f, n) to (bt, c_out, f / 2, n / 2), one for each kernel."""
        return [branch(x) for branch in self.children()]


class MultiScaleConvolution(nn.Module):
    """Temporal-frequency multi-scale convolution, section 3.1."""

    def __init__(self, config: DAMFFConfig) -> None:
        super().__init__()
        first, later = config.kernels
        c1, c2, c3 = config.channels
        self.axis = -1 if config.join == "time" else 1
        joined = c1 if config.join == "time" else len(first) * c1
        self.layer1 = ParallelConv(1, c1, first, config.pool)
        self.layer2 = ParallelConv(joined, c2, later, config.pool)
        self.layer3 = ParallelConv(2 * c2, c3, later, config.pool)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Map (bt, 1, f, n) to A and B, both (bt, c, f / 8, n / 4)."""
        x = torch.cat(self.layer1(x), dim=self.axis)
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


def reduction(config: DAMFFConfig) -> nn.Module:
    """Return what reduces Z, (bt, c, f, n), by its channels or its time (section 3.3)."""
    if config.reduce == "channel":
        return nn.Conv2d(config.channels[-1], config.reduced, 1)
    in_one = Rearrange("b c f n -> b 1 (c f) n")
    if config.reduce == "flatten":
        return in_one
    return nn.Sequential(nn.AvgPool2d((1, config.map_size[1])), in_one)


class DAMFFNet(nn.Module):
    """The whole network.

    ``encode`` treats every segment alone, ``decode`` runs the sequence head over a window of
    encoded segments; a sliding window therefore encodes each segment once for a whole recording.
    """

    def __init__(self, config: DAMFFConfig) -> None:
        super().__init__()
        self.config = config
        c, (f, n) = config.channels[-1], config.map_size
        kept = {"channel": config.reduced * n, "time-mean": c, "flatten": c * n}[config.reduce]
        self.convolution = MultiScaleConvolution(config)
        self.fusion = DAFF(config)
        self.reduce = reduction(config)
        self.dropout = nn.Dropout(config.dropout)
        self.bilstm = nn.LSTM(
            kept * f, config.hidden, config.layers, batch_first=True, bidirectional=True
        )
        self.head = nn.Linear(2 * config.hidden, config.outputs)

    def encode(self, segments: Tensor) -> Tensor:
        """Encode segments, (bt, f, n) normalised log-mel, to (bt, h)."""
        a, b = self.convolution(rearrange(segments, "b f n -> b 1 f n"))
        encoded: Tensor = rearrange(self.reduce(self.fusion(a, b)), "b c f n -> b (c f n)")
        return encoded

    def decode(self, encoded: Tensor) -> Tensor:
        """Map encoded segments of a window, (b, t, h), to predictions, (b, t, d)."""
        hidden, _ = self.bilstm(self.dropout(encoded))
        out: Tensor = self.head(hidden)
        return out.tanh() if self.config.output == "tanh" else out

    def forward(self, segments: Tensor) -> Tensor:
        """Map normalised log-mel, (b, t, f, n), to predictions, (b, t, d)."""
        b = segments.shape[0]
        encoded = self.encode(rearrange(segments, "b t f n -> (b t) f n"))
        return self.decode(rearrange(encoded, "(b t) h -> b t h", b=b))
