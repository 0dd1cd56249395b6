"""Emotion curves: valence and arousal over time, and the scales they come in.

Conventions
-----------
Values are (valence, arousal), in that order, in [-1, 1]. Times are in seconds and mark the start
of an interval of ``hop_s`` seconds. Data sets and tools use other orders and ranges (Essentia's
heads and DEAM's static ratings [1, 9], PMEmo [0, 1], MARBLE arousal first); each declares its
:class:`Scale`, and values are converted once, where they enter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

FloatArray = npt.NDArray[np.floating[Any]]

DIMENSIONS = ("valence", "arousal")


@dataclass(frozen=True)
class Scale:
    """A native value range and column order.

    Parameters
    ----------
    low, high : float
        The ends of the native range of both dimensions; `low` becomes -1 and `high` becomes 1.
    order : tuple of str
        The native column order: ``("valence", "arousal")`` or ``("arousal", "valence")``.

    Raises
    ------
    ValueError
        If `low` is not below `high`, or `order` does not name both dimensions once.

    Examples
    --------
    >>> Scale(1, 9, ("arousal", "valence")).to_unit(np.array([[9.0, 5.0]]))
    array([[0., 1.]])
    """

    low: float = -1.0
    high: float = 1.0
    order: tuple[str, str] = DIMENSIONS

    def __post_init__(self) -> None:
        # A list, as JSON gives it, would never equal the canonical order and silently swap columns.
        object.__setattr__(self, "order", tuple(self.order))
        if not -np.inf < self.low < self.high < np.inf:
            raise ValueError(
                f"scale runs from {self.low} to {self.high}: low must be below high, both finite"
            )
        if sorted(self.order) != sorted(DIMENSIONS):
            raise ValueError(f"order is {self.order}: expected both of {DIMENSIONS}, once each")

    def __str__(self) -> str:
        return f"({', '.join(self.order)}) in [{self.low:g}, {self.high:g}]"

    def to_unit(self, values: FloatArray) -> FloatArray:
        """Convert native values, shape=(..., 2), to (valence, arousal) in [-1, 1]."""
        scaled = 2 * (np.asarray(values, dtype=float) - self.low) / (self.high - self.low) - 1
        return scaled if self.order == DIMENSIONS else scaled[..., ::-1]

    def from_unit(self, values: FloatArray) -> FloatArray:
        """Convert (valence, arousal) in [-1, 1], shape=(..., 2), to native values."""
        ordered = np.asarray(values, dtype=float)
        ordered = ordered if self.order == DIMENSIONS else ordered[..., ::-1]
        return (ordered + 1) / 2 * (self.high - self.low) + self.low


UNIT_SCALE = Scale()


@dataclass(frozen=True, eq=False)
class EmotionCurve:
    """Valence and arousal over time.

    Parameters
    ----------
    times : np.ndarray, shape=(n,)
        Start of each interval, in seconds, not negative, strictly increasing.
    values : np.ndarray, shape=(n, 2)
        (valence, arousal) of each interval, finite, in [-1, 1].
    hop_s : float
        Length of each interval, in seconds, positive.
    std : np.ndarray, shape=(n, 2), optional
        Standard deviation of each value, in the same unit, not negative.

    Raises
    ------
    ValueError
        If a shape, an order, a range or a unit is not as above. An empty curve (n = 0) is valid.

    Examples
    --------
    >>> curve = EmotionCurve(np.array([0.0, 0.5]), np.array([[0.1, -0.2], [0.3, 0.0]]), 0.5)
    >>> curve.duration_s
    1.0
    >>> curve.valence
    array([0.1, 0.3])
    """

    times: FloatArray
    values: FloatArray
    hop_s: float
    std: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("times", "values", "std"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        n = _checked_times(self.times)
        if not (np.isfinite(self.hop_s) and self.hop_s > 0):
            raise ValueError(f"hop_s is {self.hop_s}: expected a positive number of seconds")
        _check_pairs("values", self.values, n)
        if n and np.abs(self.values).max() > 1:
            worst = self.values.flat[int(np.abs(self.values).argmax())]
            raise ValueError(
                f"values reach {worst:g}: expected (valence, arousal) in [-1, 1]; "
                "convert from the native range with Scale.to_unit"
            )
        if self.std is not None:
            _check_pairs("std", self.std, n)
            if n and self.std.min() < 0:
                raise ValueError(f"std reaches {self.std.min():g}: expected no negative value")

    def __len__(self) -> int:
        return len(self.times)

    @property
    def valence(self) -> FloatArray:
        """Valence of each interval, shape=(n,), in [-1, 1]."""
        return self.values[:, 0]

    @property
    def arousal(self) -> FloatArray:
        """Arousal of each interval, shape=(n,), in [-1, 1]."""
        return self.values[:, 1]

    @property
    def duration_s(self) -> float:
        """Seconds from the start of the first interval to the end of the last; 0 if empty."""
        return float(self.times[-1] - self.times[0] + self.hop_s) if len(self) else 0.0

    def to_pandas(self) -> pd.DataFrame:
        """Return a table, one row an interval, as a copy; pandas is imported here.

        Returns
        -------
        pandas.DataFrame
            Columns ``valence`` and ``arousal``, and ``valence_std`` and ``arousal_std`` where
            there are deviations; the index ``time`` is the start of each interval, in seconds.

        Raises
        ------
        PackageError
            If pandas, which the extra ``analysis`` brings, is not installed.
        """
        from mer_plugins.extras import require

        require("a table", "pandas", extra="analysis")
        import pandas as pd

        columns = dict(zip(DIMENSIONS, self.values.T, strict=True))
        if self.std is not None:
            names = (f"{dimension}_std" for dimension in DIMENSIONS)
            columns |= zip(names, self.std.T, strict=True)
        return pd.DataFrame(columns, index=pd.Index(self.times, name="time"), copy=True)

    def _repr_png_(self) -> bytes | None:
        """Draw the curve for a notebook.

        None, which leaves it to the text, if it is empty or matplotlib is not installed.
        """
        from mer_plugins.extras import is_installed

        if not (len(self) and is_installed("matplotlib")):
            return None
        from io import BytesIO

        from mer_plugins.display import plot_track

        picture = BytesIO()
        plot_track([("", self)]).savefig(picture, format="png")
        return picture.getvalue()


def concatenate(curves: Sequence[EmotionCurve]) -> EmotionCurve:
    """Join consecutive parts of one curve, as a stream returns them.

    Raises
    ------
    ValueError
        If there is no part, or the parts differ in `hop_s`, overlap or run backwards, or only
        some of those that are not empty have a standard deviation.
    """
    if len({curve.hop_s for curve in curves}) != 1:
        raise ValueError(f"hops are {[c.hop_s for c in curves]}: expected parts of one hop")
    deviations = [curve.std for curve in curves if len(curve) and curve.std is not None]
    if len(deviations) not in (0, sum(len(curve) > 0 for curve in curves)):
        raise ValueError("some parts have a std and some have none: expected all or none")
    return EmotionCurve(
        np.concatenate([curve.times for curve in curves]),
        np.concatenate([curve.values for curve in curves]),
        curves[0].hop_s,
        np.concatenate(deviations) if deviations else None,
    )


def _checked_times(times: FloatArray) -> int:
    if times.ndim != 1:
        raise ValueError(f"times have shape {times.shape}: expected (n,)")
    if len(times) and not np.isfinite(times).all():
        raise ValueError("times hold NaN or infinity: expected seconds")
    if len(times) and (times[0] < 0 or (np.diff(times) <= 0).any()):
        raise ValueError("times must not be negative and must increase strictly")
    return len(times)


def _check_pairs(name: str, pairs: FloatArray, n: int) -> None:
    if pairs.shape != (n, 2):
        raise ValueError(f"{name} have shape {pairs.shape}: expected ({n}, 2) for {n} times")
    if not np.isfinite(pairs).all():
        raise ValueError(f"{name} hold NaN or infinity: expected finite numbers")
