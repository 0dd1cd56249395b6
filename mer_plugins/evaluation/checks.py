"""Warnings that come before any score: another scale, valence and arousal swapped, a shift in time.

A wrong scale or order gives scores that look like those of a weak system. Nothing is corrected
here; the scores are of the curves as they stand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mer_plugins.agreement import pcc, rmse
from mer_plugins.curves import DIMENSIONS, FloatArray, Scale
from mer_plugins.evaluation.reference import GRID_S, Song, with_curves
from mer_plugins.evaluation.statistics import bootstrap, interval
from mer_plugins.time_grid import Intervals, on_grid

_ROUNDING = 1e-9
# A correct system lies far on the other side of both: what is compared is not noise around 0.
ORDER_MARGIN, ORDER_LEAST, ORDER_FEW = 0.2, 0.2, 0.8
# Measured on simulated listeners and on DEAM (docs/evaluation.md): what noise gains stays below.
MAX_LAG_S, LAG_LEAST, LAG_GAIN = 3.0, 0.3, 0.1
FEWEST_SONGS = 5
_RESAMPLES = 1000
CLOSER = 0.3
_UNIT = Scale(0, 1)
_NATIVE = (Scale(1, 9), _UNIT, Scale(1, 5), Scale(0, 100))


def scale_warning(reference: FloatArray, estimate: FloatArray) -> str:
    """Tell of values that do not fit [-1, 1]; an empty text if they do.

    Parameters
    ----------
    reference, estimate : np.ndarray, shape=(n, 2)
        Of all songs, matched; the reference in [-1, 1].

    Notes
    -----
    Values beyond [-1, 1] are named with the scale that holds them all; of several, the one that
    brings them closest to the reference. Values within are suspected of [0, 1] if they lie there
    and, converted, come closer to the reference. One dimension alone is told of by its name;
    within [-1, 1], only if converting it takes :data:`CLOSER` of its error away.
    """
    if not len(estimate):
        return ""
    columns = [_misfit(reference[:, d], estimate[:, d], 1 - CLOSER) for d in range(len(DIMENSIONS))]
    if sum(map(bool, columns)) == 1:
        return next(f"{d}: {text}" for d, text in zip(DIMENSIONS, columns, strict=True) if text)
    return _misfit(reference.ravel(), estimate.ravel())


def reference_scale_warning(songs: Sequence[Song]) -> str:
    """Tell of labels of which none is negative, as those in [0, 1]; an empty text if they are not.

    Fewer than :data:`FEWEST_SONGS` songs with a curve do not tell.
    """
    found = [song.labels.values for song in with_curves(songs)]
    if len(found) < FEWEST_SONGS or min(values.min() for values in found) < 0:
        return ""
    values = np.concatenate(found)
    return (
        f"none of the reference's labels is negative ({values.min():g} to {values.max():g}): if "
        "they are in [0, 1], convert them with Scale(0, 1).to_unit. Taken as they stand"
    )


def _misfit(reference: FloatArray, estimate: FloatArray, at_most: float = 1.0) -> str:
    """Tell of values that do not fit, all of one scale, shape=(n,).

    Within [-1, 1] they do not if converting leaves less than `at_most` of their error.
    """

    def error(scale: Scale) -> float:
        return rmse(reference, scale.to_unit(estimate))

    low, high = float(estimate.min()), float(estimate.max())
    if low < -1 - _ROUNDING or high > 1 + _ROUNDING:
        holding = (s for s in _NATIVE if s.low <= low and high <= s.high)
        fits = min(holding, key=error, default=None)
        return _scale_text(estimate, f"reach {low:g} to {high:g}, beyond [-1, 1]", fits)
    if low >= 0 and error(_UNIT) < at_most * rmse(reference, estimate):
        return _scale_text(estimate, f"stay within {low:g} to {high:g}", _UNIT)
    return ""


def order_warning(reference: FloatArray, estimate: FloatArray, songs: int | None = None) -> str:
    r"""Tell if valence and arousal seem swapped; an empty text if not.

    Parameters
    ----------
    reference, estimate : np.ndarray, shape=(n, 2)
        Of all songs, matched.
    songs : int, optional
        How many songs these are. Levels differ between songs, so a few songs are as few values,
        however many half seconds they have: the margin grows by :data:`ORDER_FEW` over the root of
        their number.

    Notes
    -----
    Compared are the mean of the pooled correlations valence-valence and arousal-arousal, and that
    of the two crosswise ones. Where valence and arousal go together, the two means are close
    whatever the order, so their difference is taken relative to
    :math:`\sqrt{(1 - \rho_r)(1 - \rho_e)}`, of the correlations between both dimensions of the
    reference and of the estimate: it is then the correlation of valence less arousal, with its
    sign turned. Beyond :data:`ORDER_MARGIN`, and with a crosswise mean beyond
    :data:`ORDER_LEAST`, it counts.
    """
    if len(reference) < 2:
        return ""
    found = [[pcc(reference[:, i], estimate[:, j]) for j in (0, 1)] for i in (0, 1)]
    straight, crosswise = (found[0][0] + found[1][1]) / 2, (found[0][1] + found[1][0]) / 2
    together = [pcc(pair[:, 0], pair[:, 1]) for pair in (reference, estimate)]
    margin = ORDER_MARGIN + (ORDER_FEW / np.sqrt(songs) if songs else 0.0)
    apart = np.sqrt((1 - together[0]) * (1 - together[1]))
    if not crosswise > ORDER_LEAST or crosswise - straight <= margin * apart:
        return ""
    return (
        f"{DIMENSIONS[0]} and {DIMENSIONS[1]} seem swapped: the estimates correlate with the other "
        f"dimension of the reference ({crosswise:.2f}) better than with their own "
        f"({straight:.2f}); expected (valence, arousal). Scored as they stand"
    )


def lag_warning(curves: Sequence[tuple[Intervals, Intervals]]) -> str:
    """Tell if the estimates are late or early as a whole; an empty text if they are not.

    Parameters
    ----------
    curves : sequence of (Intervals, Intervals)
        Reference and estimate of each song, not yet matched.

    Notes
    -----
    At each delay within :data:`MAX_LAG_S` songs are correlated together: the sum of the covariances
    within them, over the root of the product of the summed variances. A delay that leaves less than
    half of a song is not tried for it. The best delay counts if its correlation reaches
    :data:`LAG_LEAST` and gains :data:`LAG_GAIN` or more, and in 97.5 % of a thousand resamples of
    songs half of that: the best of thirteen always gains something. Fewer than :data:`FEWEST_SONGS`
    songs do not tell.
    """
    if len(curves) < FEWEST_SONGS:
        return ""
    sums = np.stack([_sums_at(curves, lag_s) for lag_s in _lags()])
    told = [
        text
        for d, dimension in enumerate(DIMENSIONS)
        if (text := _shift_text(dimension, sums[:, :, d]))
    ]
    if not told:
        return ""
    return f"the estimates seem shifted in time: {', '.join(told)}. Scored as they stand"


def _shift_text(dimension: str, sums: FloatArray) -> str:
    """Tell of the best delay of one dimension; sums have shape=(delays, songs, 3)."""
    found = _correlation(sums.sum(axis=1))
    if np.isnan(found[0]):
        return ""
    # Of delays that differ by rounding errors only, the smallest.
    best = int(np.nanargmax(np.round(found, 9)))
    gain = float(found[best] - found[0])
    if found[best] < LAG_LEAST or gain < LAG_GAIN:
        return ""
    gains = bootstrap(
        lambda n: _correlation(n @ sums[best]) - _correlation(n @ sums[0]), len(sums[0]), _RESAMPLES
    )
    if not interval(gains)[0] >= LAG_GAIN / 2:
        return ""
    lag_s = _lags()[best]
    return (
        f"{dimension} by {abs(lag_s):g} s {'late' if lag_s > 0 else 'early'} (correlation within "
        f"songs {found[best]:.2f} in place of {found[0]:.2f}, a gain of {gain:.2f})"
    )


def _lags() -> list[float]:
    """Return the delays to try, the smallest first."""
    steps = round(MAX_LAG_S / GRID_S)
    return [0.0, *(sign * k * GRID_S for k in range(1, steps + 1) for sign in (1, -1))]


def _sums_at(curves: Sequence[tuple[Intervals, Intervals]], lag_s: float) -> FloatArray:
    """Sum r e, r^2 and e^2 within each song once a delay is undone, shape=(songs, 2, 3)."""
    sums = np.zeros((len(curves), len(DIMENSIONS), 3))
    for i, (reference, estimate) in enumerate(curves):
        kept, e = on_grid(reference, estimate.moved(-lag_s))
        if len(e) >= max(2, len(reference) / 2):
            r = reference.values[kept]
            r, e = r - r.mean(axis=0), e - e.mean(axis=0)
            sums[i] = np.stack([(r * e).sum(axis=0), (r * r).sum(axis=0), (e * e).sum(axis=0)], 1)
    return sums


def _correlation(sums: FloatArray) -> FloatArray:
    """Correlate from sums of products, shape=(..., 3); nan if nothing moves."""
    spread = np.sqrt(sums[..., 1] * sums[..., 2])
    found: FloatArray = sums[..., 0] / np.where(spread > _ROUNDING, spread, np.nan)
    return found


def _scale_text(estimate: FloatArray, found: str, fits: Scale | None) -> str:
    hint = (
        f"they fit [{fits.low:g}, {fits.high:g}], convert them with "
        f"Scale({fits.low:g}, {fits.high:g}).to_unit"
        if fits
        else "convert them with Scale.to_unit"
    )
    return (
        f"values {found} (mean {estimate.mean():.2f}, deviation {estimate.std():.2f}): expected "
        f"(valence, arousal) in [-1, 1]; {hint}. Scored as they stand"
    )
