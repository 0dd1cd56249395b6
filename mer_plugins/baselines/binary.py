"""Weighted binary representation of emotion values: the coding, its inverse and its loss.

Published (abstract of BCRSN, reference [9], doi 10.1109/TMM.2019.2918739): "a weighted hybrid
binary representation (WHBR) method that converts the regression prediction process into a weighted
combination of multiple binary classification problems". The number of bits, their weights and what
is hybrid were not accessible.

Our reconstruction: y in [-1, 1] becomes u = (y + 1) / 2, and u the nearest of 2^K levels as K bits,
most significant first. Bit k weighs w_k = 2^-k / (1 - 2^-K), so that the weights sum to 1 and both
ends of the range are reached; the same weights stand in the decoding, u = sum_k w_k p_k, and in the
loss, sum_k w_k BCE_k. All bits of the plain code change at y = 0; in the Gray code, an option, one
bit changes from each level to the next.

Letters: b clip, t segment, d dimension, k bit (K of them).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MOST_BITS = 16  # more would be lost in float32 on the way there and back


def step(bits: int) -> float:
    """Return the distance of two neighbouring values that `bits` bits can say."""
    return 2 / (_levels(bits) - 1)


def bit_weights(bits: int) -> Tensor:
    """Return the weight of each bit, shape=(bits,), most significant first; they sum to 1."""
    _levels(bits)
    powers = 2.0 ** -torch.arange(1, bits + 1, dtype=torch.float64)
    return (powers / powers.sum()).float()


def encode_bits(values: Tensor, bits: int = 8, *, gray: bool = False) -> Tensor:
    """Turn values into bits.

    Parameters
    ----------
    values : torch.Tensor, shape=(...)
        In [-1, 1]; what lies beyond is taken as the nearer end, and NaN as 0.
    bits : int
        1 to 16.
    gray : bool
        Gray code instead of the plain one.

    Returns
    -------
    torch.Tensor, shape=(..., bits)
        0 or 1, float32, most significant first.

    Raises
    ------
    ValueError
        If `bits` is not a whole number from 1 to 16.

    Examples
    --------
    >>> encode_bits(torch.tensor([-1.0, 0.1, 1.0]), 3)
    tensor([[0., 0., 0.],
            [1., 0., 0.],
            [1., 1., 1.]])
    """
    units = (values.float().nan_to_num(nan=0.0).clamp(-1, 1) + 1) / 2
    levels = (units * (_levels(bits) - 1)).round().long()
    if gray:
        levels = levels ^ (levels >> 1)
    places = torch.arange(bits - 1, -1, -1, device=values.device)
    spread: Tensor = (levels[..., None] >> places) & 1
    return spread.float()


def decode_bits(probabilities: Tensor, *, gray: bool = False) -> Tensor:
    """Turn bits, or how probable each is to be 1, into values; differentiable.

    Parameters
    ----------
    probabilities : torch.Tensor, shape=(..., bits)
        In [0, 1], most significant first.
    gray : bool
        The bits are a Gray code. A plain bit is the parity of the Gray bits up to it, whose
        expectation is taken as if these were independent.

    Returns
    -------
    torch.Tensor, shape=(...)
        In [-1, 1]. Of bits from :func:`encode_bits`, the nearest value to what was encoded that
        they can say, which is at most half a step away.

    Examples
    --------
    >>> decode_bits(torch.tensor([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0]]))
    tensor([-1.,  0.,  1.])
    """
    signs = 2 * probabilities.float() - 1
    if gray:
        signs = -(-signs).cumprod(dim=-1)
    # A whole number even while the network is traced for export.
    weights = bit_weights(int(probabilities.shape[-1])).to(probabilities.device)
    return (signs * weights).sum(dim=-1)


def weighted_bce(logits: Tensor, reference: Tensor, mask: Tensor, *, gray: bool = False) -> Tensor:
    """Weighted binary cross-entropy of bits, the mean over labelled frames, summed over dimensions.

    Parameters
    ----------
    logits : torch.Tensor, shape=(b, t, d, K)
        Of each bit being 1.
    reference : torch.Tensor, shape=(b, t, d)
        In [-1, 1]; anything where there is no label.
    mask : torch.Tensor, shape=(b, t)
        1 where a label exists; without any, the loss is 0.
    gray : bool
        As for :func:`encode_bits`.
    """
    bits = logits.shape[-1]
    target = encode_bits(reference, bits, gray=gray)
    each = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    per_frame = (each * bit_weights(bits).to(each.device)).sum(dim=(2, 3))
    return (per_frame * mask).sum() / mask.sum().clamp(min=1)


def _levels(bits: int) -> int:
    if type(bits) is not int or not 1 <= bits <= MOST_BITS:
        raise ValueError(f"bits is {bits!r}: expected a whole number from 1 to {MOST_BITS}")
    return 1 << bits
