"""BCRSN, the network: Dong, Yang, Zhao and Li, IEEE Transactions on Multimedia 2019, reference [9].

Published (abstract and keywords, doi 10.1109/TMM.2019.2918739; DAMFF's paper, section 2): a
bidirectional convolutional recurrent sparse network, that is, an LSTM in which a convolutional
network replaces the connection from the input to the hidden layer; it learns
"sequential-information-included affect-salient features" from the spectrogram, selects among them
by Lasso regression, and predicts each half second in a weighted hybrid binary representation
(:mod:`mer_plugins.baselines.binary`). Sizes, layers and weights were not accessible, nor is there
code.

Our reconstruction: DAMFF's log-mel segments; 16 filters 5x5 with ReLU and 2x2 pooling, 32 filters
3x3 with ReLU and 4x4 pooling; a layer of 128 as the input term of a bidirectional LSTM with 64
units per direction; one linear layer whose absolute weights are penalised (1e-4), as the Lasso
does, gives 8 bits for each dimension. A feature that none of its weights reads is deselected. With
2x2 pooling throughout, ``pools=(2, 2)``, it has 1.7 million parameters instead of 0.5, nearly all
of them in the layer of 128.

Letters: b clip, t segment of half a second, f mel band, n frame in a segment, c channel, h feature,
d output dimension, k bit. Every segment is encoded on its own; only the LSTM sees its neighbours.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import ClassVar

from einops import rearrange
from torch import Tensor, nn

from mer_plugins.baselines.binary import MOST_BITS, decode_bits, weighted_bce
from mer_plugins.sequence.checks import check_at_least_zero, check_sizes, check_tuple, check_types
from mer_plugins.sequence.losses import finite


@dataclass(frozen=True)
class BCRSNConfig:
    """Sizes that the accessible sources leave open.

    Parameters
    ----------
    n_mels, n_frames : int
        Size of a segment.
    channels, kernels, pools : tuple of int
        Filters, their side (odd) and the side of the pooling, of both convolutions.
    features : int
        Units of the input term.
    hidden : int
        LSTM units per direction.
    bits : int
        Of each value, 1 to 16.
    gray : bool
        Gray code, in which neighbouring values differ in one bit.
    l1 : float
        Weight of the selection's penalty.

    Raises
    ------
    ValueError
        If a size is out of its range, or a segment is too small for both poolings.
    """

    n_mels: int = 128
    n_frames: int = 50
    channels: tuple[int, int] = (16, 32)
    kernels: tuple[int, int] = (5, 3)
    pools: tuple[int, int] = (2, 4)
    features: int = 128
    hidden: int = 64
    bits: int = 8
    gray: bool = False
    l1: float = 1e-4

    def __post_init__(self) -> None:
        check_types(self)
        check_sizes(self, "n_mels", "n_frames", "features", "hidden", "bits")
        check_tuple(self, "channels", 2)
        check_tuple(self, "kernels", 2, odd=True)
        check_tuple(self, "pools", 2)
        check_at_least_zero(self, "l1")
        if self.bits > MOST_BITS:
            raise ValueError(f"bits is {self.bits}: expected at most {MOST_BITS}")
        if min(self.map_size) < 1:
            raise ValueError(
                f"a segment of {self.n_mels} bands x {self.n_frames} frames is too small for "
                f"poolings of {self.pools}: expected at least their product, both ways"
            )

    @property
    def map_size(self) -> tuple[int, int]:
        """Bands and frames after both poolings."""
        first, second = self.pools
        return self.n_mels // first // second, self.n_frames // first // second


def conv_block(c_in: int, c_out: int, kernel: int, pool: int) -> nn.Sequential:
    """Convolve ("same" padding), rectify, pool."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(pool),
        )
    )


class BCRSN(nn.Module):
    """The whole network; `encode` treats every segment alone.

    `forward` gives values, for losses over values such as DAMFF's; :meth:`own_loss` is the
    network's own, over bits, with the penalty of the selection.
    """

    segments_independent: ClassVar[bool] = True

    def __init__(self, config: BCRSNConfig) -> None:
        super().__init__()
        self.config = config
        (c1, c2), (f, n) = config.channels, config.map_size
        self.convolution = nn.Sequential(
            conv_block(1, c1, config.kernels[0], config.pools[0]),
            conv_block(c1, c2, config.kernels[1], config.pools[1]),
        )
        self.input_term = nn.Linear(c2 * f * n, config.features)
        self.bilstm = nn.LSTM(config.features, config.hidden, batch_first=True, bidirectional=True)
        self.selection = nn.Linear(2 * config.hidden, 2 * config.bits)

    def encode(self, segments: Tensor) -> Tensor:
        """Encode segments, (bt, f, n) normalised log-mel, to (bt, h)."""
        x = self.convolution(rearrange(segments, "b f n -> b 1 f n"))
        encoded: Tensor = self.input_term(rearrange(x, "b c f n -> b (c f n)"))
        return encoded

    def decode_logits(self, encoded: Tensor) -> Tensor:
        """Map encoded segments of a window, (b, t, h), to the bits' logits, (b, t, d=2, k)."""
        hidden, _ = self.bilstm(encoded)
        logits: Tensor = rearrange(self.selection(hidden), "b t (d k) -> b t d k", d=2)
        return logits

    def decode(self, encoded: Tensor) -> Tensor:
        """Map encoded segments of a window, (b, t, h), to values in [-1, 1], (b, t, d=2)."""
        # In bfloat16 the lower bits would be lost.
        logits: Tensor = self.decode_logits(encoded).float()
        return decode_bits(logits.sigmoid(), gray=self.config.gray)

    def logits(self, segments: Tensor) -> Tensor:
        """Map normalised log-mel, (b, t, f, n), to the bits' logits, (b, t, d=2, k)."""
        return self.decode_logits(self._encode_window(segments))

    def forward(self, segments: Tensor) -> Tensor:
        """Map normalised log-mel, (b, t, f, n), to values in [-1, 1], (b, t, d=2)."""
        return self.decode(self._encode_window(segments))

    def penalty(self) -> Tensor:
        """Return the selection's penalty: `l1` times the sum of its absolute weights."""
        weights: Tensor = self.selection.weight
        return self.config.l1 * weights.abs().sum()

    def own_loss(self, segments: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
        """Return the loss over bits and the penalty, of (b, t, f, n), (b, t, d=2) and (b, t)."""
        logits = self.logits(segments)
        bits = weighted_bce(logits, reference, mask, gray=self.config.gray)
        return finite(bits + self.penalty())

    def _encode_window(self, segments: Tensor) -> Tensor:
        b = segments.shape[0]
        encoded = self.encode(rearrange(segments, "b t f n -> (b t) f n"))
        return rearrange(encoded, "(b t) h -> b t h", b=b)
