"""A curve in a few numbers: mean, range, trend, quadrants, and the region its mean lies in.

Regions are the eight of Russell's circumplex, a name each 45 degrees (J. A. Russell: A circumplex
model of affect, Journal of Personality and Social Psychology 39(6), 1980). Such a word is a place
in the plane, the nearest of eight, and not what anybody said of the music.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from mer_plugins.curves import DIMENSIONS, EmotionCurve, FloatArray

# Russell's quadrants, counted as the field does; the axes belong to the positive side.
QUADRANT_NAMES = ("Q1 V+A+", "Q2 V-A+", "Q3 V-A-", "Q4 V+A-")
# At 0, 45, 90, ... degrees from positive valence towards high arousal.
_CIRCUMPLEX = (
    *("pleasure", "excitement", "arousal", "distress"),
    *("misery", "depression", "sleepiness", "contentment"),
)
NEUTRAL, _NEUTRAL_RADIUS = "neutral", 0.1


def nearest_region(valence: float, arousal: float) -> str:
    """Name the region of Russell's circumplex that a point of the plane is nearest to.

    Returns
    -------
    str
        One of eight words; ``neutral`` within 0.1 of the centre, where the direction says little.

    Examples
    --------
    >>> nearest_region(0.6, 0.5), nearest_region(-0.4, -0.1), nearest_region(0.05, 0.0)
    ('excitement', 'misery', 'neutral')
    """
    if np.hypot(valence, arousal) < _NEUTRAL_RADIUS:
        return NEUTRAL
    return _CIRCUMPLEX[round(np.degrees(np.arctan2(arousal, valence)) / 45) % 8]


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

    @property
    def region(self) -> str:
        """Russell's region nearest to the mean, as :func:`nearest_region` names it."""
        return nearest_region(*self.mean)

    @property
    def trend_per_second(self) -> tuple[float, float]:
        """Slope of (valence, arousal) a second."""
        return self.trend_per_minute[0] / 60, self.trend_per_minute[1] / 60

    def to_dict(self) -> dict[str, object]:
        """Return plain JSON types."""
        return {
            **asdict(self),
            "trend_per_second": self.trend_per_second,
            "region": self.region,
        }

    def to_row(self) -> dict[str, float | str]:
        """Return a value a column, as a table wants them: ``valence_mean``, ..., ``region``."""
        pairs = {
            "mean": self.mean,
            "low": self.low,
            "high": self.high,
            "trend_per_second": self.trend_per_second,
        }
        columns = {
            f"{dimension}_{name}": pair[i]
            for i, dimension in enumerate(DIMENSIONS)
            for name, pair in pairs.items()
        }
        shares = {f"q{i}": share for i, share in enumerate(self.quadrants, 1)}
        return {"duration_s": self.duration_s, **columns, **shares, "region": self.region}


_NOTHING = CurveSummary(0, (0, 0), (0, 0), (0, 0), (0, 0), (0, 0, 0, 0))
FIELDS = tuple(_NOTHING.to_dict())
COLUMNS = tuple(_NOTHING.to_row())


def summarise(curve: EmotionCurve, seconds: FloatArray | None = None) -> CurveSummary:
    """Summarise a curve.

    Parameters
    ----------
    curve : EmotionCurve
        Not empty.
    seconds : np.ndarray, shape=(n,), optional
        How much of each interval counts, positive; by default all of it.

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
    weights = np.ones(len(curve)) if seconds is None else seconds
    q1, q2, q3, q4 = (float(np.average(share, weights=weights)) for share in shares)
    return CurveSummary(
        duration_s=curve.duration_s,
        mean=_pair(np.average(curve.values, axis=0, weights=weights)),
        low=_pair(curve.values.min(axis=0)),
        high=_pair(curve.values.max(axis=0)),
        trend_per_minute=_pair(_slopes(curve, weights)),
        quadrants=(q1, q2, q3, q4),
    )


def _slopes(curve: EmotionCurve, weights: FloatArray) -> FloatArray:
    if len(curve) < 2:
        return np.zeros(2)
    # From the first value on: minutes since the start of a long recording would cost digits.
    minutes = (curve.times - curve.times[0]) / 60
    slopes: FloatArray = np.polyfit(minutes, curve.values, 1, w=np.sqrt(weights))[0]
    return slopes


def _pair(values: np.ndarray[tuple[int, ...], np.dtype[np.floating]]) -> tuple[float, float]:
    return float(values[0]), float(values[1])
