"""A curve in a few numbers: mean, range, trend and how long it stays in each quadrant."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from mer_plugins.curves import EmotionCurve

# Russell's quadrants, counted as the field does; the axes belong to the positive side.
QUADRANT_NAMES = ("Q1 V+A+", "Q2 V-A+", "Q3 V-A-", "Q4 V+A-")


@dataclass(frozen=True)
class CurveSummary:
    """A curve in a few numbers.

    Parameters
    ----------
    duration_s : float
        Seconds covered.
    mean, low, high : tuple of float
        (valence, arousal), in [-1, 1].
    trend_per_minute : tuple of float
        Slope of the least-squares line of (valence, arousal); 0 for a single value.
    quadrants : tuple of float
        Shares of the time in Q1 (V+A+), Q2 (V-A+), Q3 (V-A-) and Q4 (V+A-); they add up to 1.
    """

    duration_s: float
    mean: tuple[float, float]
    low: tuple[float, float]
    high: tuple[float, float]
    trend_per_minute: tuple[float, float]
    quadrants: tuple[float, float, float, float]

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        return asdict(self)


def summarise(curve: EmotionCurve) -> CurveSummary:
    """Summarise a curve.

    Raises
    ------
    ValueError
        If the curve is empty.

    Examples
    --------
    >>> curve = EmotionCurve(np.array([0.0, 0.5]), np.array([[0.2, 0.4], [-0.2, 0.4]]), 0.5)
    >>> summarise(curve).quadrants
    (0.5, 0.5, 0.0, 0.0)
    """
    if not len(curve):
        raise ValueError("the curve is empty: expected at least one value")
    positive = curve.values >= 0
    valence, arousal = positive[:, 0], positive[:, 1]
    shares = [valence & arousal, ~valence & arousal, ~valence & ~arousal, valence & ~arousal]
    q1, q2, q3, q4 = (float(share.mean()) for share in shares)
    slopes = np.polyfit(curve.times / 60, curve.values, 1)[0] if len(curve) > 1 else np.zeros(2)
    return CurveSummary(
        duration_s=curve.duration_s,
        mean=_pair(curve.values.mean(axis=0)),
        low=_pair(curve.values.min(axis=0)),
        high=_pair(curve.values.max(axis=0)),
        trend_per_minute=_pair(slopes),
        quadrants=(q1, q2, q3, q4),
    )


def _pair(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
