"""Statistics of frame-wise features over each half second, and smoothing over wider stretches.

Letters: m half second, n frame, k feature. A recording of s seconds has ceil(s / 0.5) half seconds;
the last one may hold fewer frames than the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mer_plugins.curves import FloatArray

HOP_S = 0.5


def statistics(frames: FloatArray, per_half_second: int) -> FloatArray:
    """Return mean and standard deviation of each feature over each half second.

    Parameters
    ----------
    frames : np.ndarray, shape=(n, k)
        n at least 1.
    per_half_second : int
        Frames in a whole half second, positive.

    Returns
    -------
    np.ndarray, shape=(m, 2 k)
        All means, then all deviations (ddof 0; 0 of a single frame), float64.

    Examples
    --------
    >>> statistics(np.array([[1.0], [3.0], [5.0]]), 2)
    array([[2., 1.],
           [5., 0.]])
    """
    starts = np.arange(0, len(frames), per_half_second)
    counts = np.diff(starts, append=len(frames))[:, None]
    # Less one typical value, so that the squares keep the digits of small movements.
    origin = frames[0].astype(float)
    centred = frames - origin
    means = np.add.reduceat(centred, starts) / counts
    squares = np.add.reduceat(centred**2, starts) / counts
    deviations = np.sqrt(np.maximum(squares - means**2, 0))
    return np.concatenate([means + origin, deviations], axis=1)


def smoothed(values: FloatArray, half_widths: Sequence[int]) -> FloatArray:
    """Average each half second over stretches that are centred on it, and then the stretches.

    Of a linear function it makes no difference whether its values are smoothed or what it is given.

    Parameters
    ----------
    values : np.ndarray, shape=(m, k)
        m at least 1.
    half_widths : sequence of int
        For each stretch, the half seconds to either side that it takes in; at the ends of the
        recording, those that are there. At least one; 0 is the half second itself.

    Returns
    -------
    np.ndarray, shape=(m, k)

    Examples
    --------
    >>> smoothed(np.array([[0.0], [3.0], [6.0]]), (0, 1))
    array([[0.75],
           [3.  ],
           [5.25]])
    """
    means: FloatArray = np.mean([_centred_means(values, width) for width in half_widths], axis=0)
    return means


def _centred_means(values: FloatArray, width: int) -> FloatArray:
    indices = np.arange(len(values))
    begin, end = np.maximum(indices - width, 0), np.minimum(indices + width + 1, len(values))
    totals = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    means: FloatArray = (totals[end] - totals[begin]) / (end - begin)[:, None]
    return means
