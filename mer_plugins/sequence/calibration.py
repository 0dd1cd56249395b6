"""Level and spread of a model's output, set by what it predicted for recordings it never heard.

Augmentation, dropout and labels of several kinds leave a network's output wider or narrower than
listeners' ratings. Of all linear maps, the one that gives it their mean and standard deviation has
the largest concordance, r (Lin 1989), and the one to r times that deviation the smallest squared
error. The first states extremes that the model cannot know, the second flattens its curves. The map
here lies between, at sqrt(r) times the deviation: with r = 0.65, concordance is 0.65, 0.635 and
0.594 in this order of width, and R2 0.30, 0.40 and 0.42. No map moves a recording past another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mer_plugins.curves import DIMENSIONS

if TYPE_CHECKING:
    from mer_plugins.sequence.excerpts import LabelledTrack

Array = npt.NDArray[np.float64]

_CONSTANT = 1e-9
# However poor a model, its curves keep half of the labels' spread.
_LEAST_R = 0.25


@dataclass(frozen=True)
class Calibration:
    """A linear map of each dimension: ``slope * value + offset``, for valence and arousal."""

    slope: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)

    def __call__(self, values: Array) -> Array:
        """Map values, shape=(t, 2), and keep them in [-1, 1]."""
        mapped: Array = values * np.array(self.slope) + np.array(self.offset)
        return mapped.clip(-1, 1)


def fit_calibration(tracks: Sequence[LabelledTrack], estimates: Mapping[str, Array]) -> Calibration:
    """Match the labels' mean, and sqrt(r) of their deviation, each recording weighing the same.

    Parameters
    ----------
    tracks : sequence of LabelledTrack
        Those without labels say nothing.
    estimates : mapping of str to np.ndarray, shape=(t, 2)
        By the track's name, from a model that was not trained on it.

    Returns
    -------
    Calibration
        Slope 1 where the estimates or the labels are constant; no change at all without a
        labelled recording.
    """
    labelled = [track for track in tracks if track.mask.any()]
    if not labelled:
        return Calibration()
    reference = np.concatenate([t.labels[t.mask].astype(np.float64) for t in labelled])
    estimate = np.concatenate([estimates[t.name][t.mask] for t in labelled])
    weights = np.concatenate([np.full(t.mask.sum(), 1 / t.mask.sum()) for t in labelled])
    (mean_r, std_r), (mean_e, std_e) = _moments(reference, weights), _moments(estimate, weights)
    together = np.average((reference - mean_r) * (estimate - mean_e), axis=0, weights=weights)
    # Rounding gives a constant a deviation, too; labels that never vary set no spread.
    varies = (std_e > _CONSTANT) & (std_r > _CONSTANT)
    r = together / np.where(varies, std_r * std_e, 1)
    spread = std_r * np.sqrt(r.clip(_LEAST_R, 1))
    slope = np.where(varies, spread / np.where(varies, std_e, 1), 1.0)
    offset = mean_r - slope * mean_e
    return Calibration(_pair(slope), _pair(offset))


def calibrate_folds(
    tracks: Sequence[LabelledTrack], folds: Sequence[int], estimates: Mapping[str, Array]
) -> dict[int, Calibration]:
    """Fit each fold's map on the other folds, so that a fold's own labels never touch its scores.

    Parameters are those of :func:`fit_calibration`, and the fold of each track.
    """
    pairs = list(zip(tracks, folds, strict=True))
    return {
        fold: fit_calibration([track for track, of in pairs if of != fold], estimates)
        for fold in sorted(set(folds))
    }


def _moments(values: Array, weights: Array) -> tuple[Array, Array]:
    mean = np.average(values, axis=0, weights=weights)
    return mean, np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))


def _pair(values: Array) -> tuple[float, float]:
    first, second = (float(values[d]) for d in range(len(DIMENSIONS)))
    return first, second
