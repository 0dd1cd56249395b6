"""Losses over masked sequences: b clip, t half second, d dimension (valence, arousal).

Every loss takes ``(estimate, reference, mask)``, shape=(b, t), of one dimension, where `mask` is 1
where a label exists, and returns a scalar. The concordance loss needs float32: within one song the
label variance may be as small as 1e-3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mer_plugins.errors import MerError

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

_EPS = 1e-8


class TrainingError(MerError):
    """Training cannot go on."""


def ccc_per_batch(estimate: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """1 - CCC over all frames of the batch: smooth, and weighs the level between songs."""
    return 1 - _ccc(estimate.reshape(1, -1), reference.reshape(1, -1), mask.reshape(1, -1)).mean()


def ccc_per_sequence(estimate: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Mean of 1 - CCC over the clips that have one: the paper's metric as a loss.

    A clip with fewer than two labels has no CCC, here as in the scores; without any other the loss
    is 0.
    """
    counted = (mask.sum(dim=1) > 1).to(estimate.dtype)
    each = (1 - _ccc(estimate, reference, mask)) * counted
    return each.sum() / counted.sum().clamp(min=1)


def mse(estimate: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Mean squared error over the labelled frames of the batch."""
    return ((estimate - reference) ** 2 * mask).sum() / mask.sum().clamp(min=1)


def rmse(estimate: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Root mean squared error over the batch; a small constant keeps the gradient at 0 finite."""
    return (mse(estimate, reference, mask) + 1e-12).sqrt()


LOSSES: dict[str, Loss] = {
    "ccc": ccc_per_batch,
    "ccc-sequence": ccc_per_sequence,
    "mse": mse,
    "rmse": rmse,
}


def combined_loss(
    names: Sequence[str], estimate: Tensor, reference: Tensor, mask: Tensor
) -> Tensor:
    """Sum one loss a dimension; `estimate` and `reference` are (b, t, d), `mask` is (b, t).

    A batch without any label has a loss of 0, since there is nothing that could be wrong.

    Raises
    ------
    TrainingError
        If the loss is NaN or infinite.
    """
    if not mask.any():
        return finite(estimate.sum() * 0)
    parts = [
        LOSSES[name](estimate[..., d].float(), reference[..., d].float(), mask.float())
        for d, name in enumerate(names)
    ]
    return finite(torch.stack(parts).sum())


def finite(loss: Tensor) -> Tensor:
    """Return a loss; TrainingError if it is NaN or infinite, after which no weight is of use."""
    if not torch.isfinite(loss):
        raise TrainingError(
            f"the loss is {loss.item():g}: training has diverged; a smaller learning_rate may help"
        )
    return loss


class QuadrantLoss(nn.Module):
    """Loss of recordings of which only the quadrant is known.

    The logit of "valence is positive" is a scaled and shifted mean of the valence output over the
    excerpt, and so for arousal; scale and shift are learnt, since raters of quadrants and raters
    of curves need not share a scale. The network itself gets no further output.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((dimensions,), 4.0))
        self.shift = nn.Parameter(torch.zeros(dimensions))

    def forward(self, estimate: Tensor, present: Tensor, quadrants: Tensor) -> Tensor:
        """Return the cross-entropy, summed over excerpts that have a quadrant, over all b.

        Shapes: estimate (b, t, d); present (b, t), 1 where there is music; quadrants (b, d), the
        signs, 0 where unknown.
        """
        length = present.sum(dim=1, keepdim=True).clamp(min=1)
        mean = (estimate.float() * present[..., None]).sum(dim=1) / length
        logits = mean * self.scale + self.shift
        entropy = nn.functional.softplus(-quadrants * logits) * quadrants.abs()
        return entropy.mean(dim=1).sum() / len(estimate)


def _ccc(estimate: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
    """Concordance (Lin 1989, population moments) of each row, shape=(rows,)."""
    n = mask.sum(dim=1).clamp(min=1)
    mean_e = (estimate * mask).sum(dim=1) / n
    mean_r = (reference * mask).sum(dim=1) / n
    e = (estimate - mean_e[:, None]) * mask
    r = (reference - mean_r[:, None]) * mask
    spread = ((e**2).sum(dim=1) + (r**2).sum(dim=1)) / n + (mean_e - mean_r) ** 2
    return 2 * (e * r).sum(dim=1) / n / (spread + _EPS)
