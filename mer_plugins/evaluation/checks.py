"""Warnings that come before any score: values in another scale, valence and arousal swapped.

A wrong scale or order gives scores that look like those of a weak system. Nothing is corrected
here; the scores are of the curves as they stand.
"""

from __future__ import annotations

import numpy as np

from mer_plugins.agreement import pcc, rmse
from mer_plugins.curves import DIMENSIONS, FloatArray, Scale

_ROUNDING = 1e-9
# A correct system lies far on the other side of both: what is compared is not noise around 0.
ORDER_MARGIN, ORDER_LEAST = 0.2, 0.2
_NATIVE = (Scale(1, 9), Scale(0, 1), Scale(1, 5), Scale(0, 100))


def scale_warning(reference: FloatArray, estimate: FloatArray) -> str:
    """Tell of values that do not fit [-1, 1]; an empty text if they do.

    Parameters
    ----------
    reference, estimate : np.ndarray, shape=(n, 2)
        Of all songs, matched; the reference in [-1, 1].

    Notes
    -----
    Values beyond [-1, 1] are named with the scale that holds them all. Values within are suspected
    of [0, 1] if they lie there and, converted, come closer to the reference.
    """
    if not len(estimate):
        return ""
    low, high = float(estimate.min()), float(estimate.max())
    if low < -1 - _ROUNDING or high > 1 + _ROUNDING:
        fits = next((s for s in _NATIVE if s.low <= low and high <= s.high), None)
        return _scale_text(estimate, f"reach {low:g} to {high:g}, beyond [-1, 1]", fits)
    unit = _NATIVE[1]
    if low >= 0 and rmse(reference.ravel(), unit.to_unit(estimate).ravel()) < rmse(
        reference.ravel(), estimate.ravel()
    ):
        return _scale_text(estimate, f"stay within {low:g} to {high:g}", unit)
    return ""


def order_warning(reference: FloatArray, estimate: FloatArray) -> str:
    r"""Tell if valence and arousal seem swapped; an empty text if not.

    Parameters
    ----------
    reference, estimate : np.ndarray, shape=(n, 2)
        Of all songs, matched.

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
    apart = np.sqrt((1 - together[0]) * (1 - together[1]))
    if crosswise <= ORDER_LEAST or crosswise - straight <= ORDER_MARGIN * apart:
        return ""
    return (
        f"{DIMENSIONS[0]} and {DIMENSIONS[1]} seem swapped: the estimates correlate with the other "
        f"dimension of the reference ({crosswise:.2f}) better than with their own "
        f"({straight:.2f}); expected (valence, arousal). Scored as they stand"
    )


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
