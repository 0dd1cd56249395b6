"""Curves as intervals in time, and one curve brought onto the intervals of another.

An interval lasts one hop, or until the next begins if that is sooner. The value of a curve over
some other interval is its mean there, weighted by time; nothing is interpolated or extrapolated.
Rows that hold a NaN have no label and take no part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer_plugins.curves import FloatArray

# As mir_eval: a later time is a sign of milliseconds, samples or frames.
MAX_TIME_S = 30_000.0
MIN_COVERED = 0.5
# What a single value lasts if nothing tells: it then meets another that begins when it does.
LONE_HOP_S = 1.0
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Intervals:
    """The labelled intervals of a curve.

    Parameters
    ----------
    starts, ends : np.ndarray, shape=(n,)
        In seconds, half-open, without overlap.
    values : np.ndarray, shape=(n, 2)
        (valence, arousal), finite.
    hop_s : float
        The usual length, in seconds.
    """

    starts: FloatArray
    ends: FloatArray
    values: FloatArray
    hop_s: float

    def __len__(self) -> int:
        return len(self.starts)

    def moved(self, seconds: float) -> Intervals:
        """Return the same curve, that much later."""
        return Intervals(self.starts + seconds, self.ends + seconds, self.values, self.hop_s)


def intervals(times: FloatArray, values: FloatArray, hop_s: float) -> Intervals:
    """Make the labelled intervals of a curve whose times and values were checked."""
    ends = times + hop_s
    ends[:-1] = np.minimum(ends[:-1], times[1:])
    labelled = ~np.isnan(values).any(axis=1)
    return Intervals(times[labelled], ends[labelled], values[labelled], hop_s)


def two_curves(
    reference_times: npt.ArrayLike,
    reference_values: npt.ArrayLike,
    estimated_times: npt.ArrayLike,
    estimated_values: npt.ArrayLike,
    reference_hop_s: float | None = None,
    estimated_hop_s: float | None = None,
) -> tuple[Intervals, Intervals]:
    """Check a reference and an estimate; return their intervals, as in mer_plugins.emotion."""
    r_times = checked_times("reference", reference_times)
    e_times = checked_times("estimated", estimated_times)
    r_hop = _own_hop_s("reference_hop_s", reference_hop_s, r_times)
    e_hop = _own_hop_s("estimated_hop_s", estimated_hop_s, e_times)
    r_values = checked_values("reference", reference_values, len(r_times))
    e_values = checked_values("estimated", estimated_values, len(e_times))
    return (
        intervals(r_times, r_values, r_hop or e_hop or LONE_HOP_S),
        intervals(e_times, e_values, e_hop or r_hop or LONE_HOP_S),
    )


def on_grid(grid: Intervals, curve: Intervals) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Average a curve over each interval of a grid.

    Returns
    -------
    covered : np.ndarray of bool, shape=(n,)
        Whether the curve covers at least half of each interval.
    values : np.ndarray, shape=(k, 2)
        Its mean over each interval so covered, weighted by time.
    """
    edges = np.unique(np.concatenate([grid.starts, grid.ends, curve.starts, curve.ends]))
    # Between two neighbouring edges neither curve changes.
    middles, widths = (edges[:-1] + edges[1:]) / 2, np.diff(edges)
    row, column = _index(grid, middles), _index(curve, middles)
    both = (row >= 0) & (column >= 0)
    row, column, widths = row[both], column[both], widths[both]
    seconds = _sum_by(row, widths, len(grid))
    # Weights before the sum, so that a value that fills its interval stays exactly as it is.
    weighted = curve.values[column] * (widths / seconds[row])[:, np.newaxis]
    means = np.stack([_sum_by(row, w, len(grid)) for w in weighted.T], axis=1)
    covered = seconds >= (MIN_COVERED - _ROUNDING) * (grid.ends - grid.starts)
    return covered, means[covered]


def checked_times(name: str, times: npt.ArrayLike) -> FloatArray:
    """Return times as float64, shape=(n,).

    Raises
    ------
    ValueError
        If they are not one-dimensional, finite, strictly increasing and in [0, 30,000] seconds.
    """
    found = np.asarray(times, dtype=np.float64)
    if found.ndim != 1:
        raise ValueError(f"{name} times have shape {found.shape}: expected (n,)")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} times hold NaN or infinity: expected seconds")
    if (np.diff(found) <= 0).any():
        at = int(np.argmax(np.diff(found) <= 0))
        raise ValueError(
            f"{name} times go from {found[at]:g} to {found[at + 1]:g}: expected strictly increasing"
        )
    if len(found) and found[0] < 0:
        raise ValueError(f"{name} times begin at {found[0]:g}: expected no negative time")
    if len(found) and found[-1] > MAX_TIME_S:
        raise ValueError(
            f"{name} times reach {found[-1]:g}: expected at most {MAX_TIME_S:g} (are they seconds?)"
        )
    return found


def checked_values(name: str, values: npt.ArrayLike, n: int) -> FloatArray:
    """Return values as float64, shape=(n, 2); NaN is left for the caller to judge.

    Raises
    ------
    ValueError
        If the shape is another, or a value is not in [-1, 1].
    """
    found = np.asarray(values, dtype=np.float64)
    if n == 0 and found.size == 0:
        return found.reshape(0, 2)
    if found.shape != (n, 2):
        raise ValueError(
            f"{name} values have shape {found.shape}: expected ({n}, 2), (valence, arousal) "
            f"for {n} times"
        )
    worst = np.nanmax(np.abs(found), initial=0.0)
    if worst > 1 + _ROUNDING:
        raise ValueError(
            f"{name} values reach {found.flat[int(np.nanargmax(np.abs(found)))]:g}: expected "
            "(valence, arousal) in [-1, 1]; convert from the native range with Scale.to_unit"
        )
    return found


def checked_hop(name: str, hop_s: float) -> float:
    """Return a hop; ValueError unless it is a positive number of seconds."""
    if not 0 < hop_s < np.inf:
        raise ValueError(f"{name} is {hop_s}: expected a positive number of seconds")
    return float(hop_s)


def _index(curve: Intervals, times: FloatArray) -> npt.NDArray[np.intp]:
    """Tell in which interval each time lies; -1 for none."""
    if not len(curve):
        return np.full(len(times), -1)
    found = np.searchsorted(curve.starts, times, side="right") - 1
    return np.where((found >= 0) & (times < curve.ends[found]), found, -1)


def _own_hop_s(name: str, hop_s: float | None, times: FloatArray) -> float | None:
    if hop_s is not None:
        return checked_hop(name, hop_s)
    return float(np.median(np.diff(times))) if len(times) > 1 else None


def _sum_by(row: npt.NDArray[np.intp], addends: FloatArray, n: int) -> FloatArray:
    # Without addends bincount counts, in integers.
    return np.bincount(row, addends, minlength=n).astype(np.float64)
