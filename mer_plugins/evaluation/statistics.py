r"""Intervals and tests over songs, which are what a collection is a sample of.

A song is summed up by six moments a dimension: :math:`n, \sum r, \sum e, \sum r^2, \sum e^2,
\sum re`. A resample of songs is a row of counts; pooled and song-level scores follow from the
counts times the moments, per-song scores from the counts times the songs' scores. The seed makes
the resamples, so all systems see the same songs and their differences are paired.

References
----------
.. [1] B. Efron and R. J. Tibshirani, "An introduction to the bootstrap", 1993, chapter 13.
.. [2] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
   Statistics 6(2), 1979.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy import stats

from mer_plugins.curves import FloatArray

METRICS = ("ccc", "pcc", "rmse", "r2")
RESAMPLES, SEED, LEVEL = 10_000, 0, 0.95
_CHUNK = 500
# Sums of squares of centred values are exact to about 1e-16: below this a variance is rounding.
_NO_VARIANCE = 1e-18


def moments(reference: FloatArray, estimate: FloatArray) -> FloatArray:
    """Return n and the sums of r, e, r^2, e^2 and re of series, shape=(n, d), as shape=(d, 6)."""
    r, e = np.asarray(reference, dtype=float), np.asarray(estimate, dtype=float)
    sums = [np.ones_like(r), r, e, r * r, e * e, r * e]
    return np.stack([addends.sum(axis=0) for addends in sums], axis=-1)


def scores_of(
    found: FloatArray, reference_centre: float = 0.0, estimate_centre: float = 0.0
) -> FloatArray:
    """Return :data:`METRICS`, shape=(..., 4), of moments, shape=(..., 6).

    Parameters
    ----------
    found : np.ndarray, shape=(..., 6)
        As :func:`moments` gives them, or sums of such.
    reference_centre, estimate_centre : float
        What was taken off the series before; near their means it keeps the digits.

    Returns
    -------
    np.ndarray, shape=(..., 4)
        Of a constant estimate CCC is 0 and PCC nan; of a constant reference, or of none, all but
        RMSE are nan.
    """
    n, *sums = np.moveaxis(np.asarray(found, dtype=float), -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r, e, rr, ee, re = (total / n for total in sums)
        r_var, e_var, covariance = rr - r * r, ee - e * e, re - r * e
        moved = reference_centre - estimate_centre
        error = rr + ee - 2 * re + 2 * moved * (r - e) + moved**2
        r_var = np.where(r_var > _NO_VARIANCE, r_var, np.nan)
        is_flat = e_var <= _NO_VARIANCE
        ccc = 2 * covariance / (r_var + e_var + (r - e + moved) ** 2)
        ccc = np.where(is_flat & ~np.isnan(r_var), 0.0, ccc)
        pcc = np.where(is_flat, np.nan, covariance / np.sqrt(r_var * e_var))
        rmse = np.sqrt(np.maximum(error, 0))
        return np.stack([ccc, pcc, rmse, 1 - error / r_var], axis=-1)


def bootstrap(
    score: Callable[[FloatArray], FloatArray],
    songs: int,
    count: int = RESAMPLES,
    seed: int = SEED,
) -> FloatArray:
    """Score resamples of songs [1]_.

    Parameters
    ----------
    score : callable
        Takes counts, shape=(b, songs), how often each resample holds each song; returns
        shape=(b, ...).
    songs, count, seed : int
        Number of songs and of resamples; the same three give the same resamples.

    Returns
    -------
    np.ndarray, shape=(count, ...)
    """
    rng = np.random.default_rng(seed)
    shares = np.full(songs, 1 / songs)
    sizes = [min(_CHUNK, count - done) for done in range(0, count, _CHUNK)]
    # In pieces: ten thousand rows of all songs would not fit for a large collection.
    return np.concatenate(
        [score(rng.multinomial(songs, shares, size=size).astype(float)) for size in sizes]
    )


def weighted_means(counts: FloatArray, columns: FloatArray) -> FloatArray:
    """Average columns, shape=(songs, k), by counts, shape=(b, songs), as shape=(b, k); nan skips.

    nan where a resample holds no song with a value.
    """
    known = ~np.isnan(columns)
    with np.errstate(invalid="ignore"):
        means: FloatArray = counts @ np.where(known, columns, 0.0) / (counts @ known.astype(float))
    return means


def weighted_areas(
    counts: FloatArray, positive: npt.NDArray[np.bool_], estimate: FloatArray
) -> FloatArray:
    """Return the area under the ROC curve, shape=(b,), of songs that count several times or never.

    Parameters
    ----------
    counts : np.ndarray, shape=(b, songs)
        How often each resample holds each song.
    positive : np.ndarray of bool, shape=(songs,)
        The reference.
    estimate : np.ndarray, shape=(songs,)
        As :func:`mer_plugins.agreement.area_under_curve`, whose value a row of ones gives.

    Returns
    -------
    np.ndarray, shape=(b,)
        nan where a resample lacks one kind.
    """
    order = np.argsort(estimate, kind="stable")
    ties = np.flatnonzero(np.diff(estimate[order], prepend=-np.inf))
    ordered = counts[:, order]
    above = np.add.reduceat(ordered * positive[order], ties, axis=1)
    below = np.add.reduceat(ordered * ~positive[order], ties, axis=1)
    won = above * (below.cumsum(axis=1) - below / 2)
    with np.errstate(invalid="ignore"):
        areas: FloatArray = won.sum(axis=1) / (above.sum(axis=1) * below.sum(axis=1))
    return areas


def interval(resampled: FloatArray, level: float = LEVEL) -> tuple[FloatArray, FloatArray]:
    """Return the percentile interval over the first axis; resamples without a score are left out.

    nan where no resample has one.
    """
    tail = (1 - level) / 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN slice", RuntimeWarning)
        low, high = np.nanquantile(resampled, [tail, 1 - tail], axis=0)
    return low, high


def paired_p(first: FloatArray, other: FloatArray) -> tuple[float, float]:
    """Return two-sided p of the Wilcoxon signed-rank test and of the paired t test.

    Parameters
    ----------
    first, other : np.ndarray, shape=(songs,)
        Scores of two systems for the same songs, without nan.

    Returns
    -------
    wilcoxon, t : float
        1 if no song differs; nan below two songs. If all differ by the same, t is 0.
    """
    difference = np.asarray(other) - np.asarray(first)
    if len(difference) < 2:
        return float("nan"), float("nan")
    if not difference.any():
        return 1.0, 1.0
    wilcoxon = float(stats.wilcoxon(difference).pvalue)
    if np.ptp(difference) <= 1e-12:
        return wilcoxon, 0.0
    return wilcoxon, float(stats.ttest_rel(other, first).pvalue)


def holm(p: npt.ArrayLike) -> FloatArray:
    """Adjust a family of p values, shape=(m,), by Holm's step-down rule [2]_; nan stays out.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    found = np.asarray(p, dtype=float)
    adjusted = np.full_like(found, np.nan)
    order = np.argsort(found)[: int((~np.isnan(found)).sum())]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(found[order] * factors), 1)
    return adjusted
