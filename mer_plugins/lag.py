"""The delay at which one curve follows another best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mer_plugins.agreement import ccc, is_constant, pcc
from mer_plugins.curves import FloatArray
from mer_plugins.time_grid import Intervals, checked_hop, on_grid

_MIN_STEP_S = 0.1
_ROUNDING = 1e-9
_Candidate = tuple[float, FloatArray, FloatArray]


class Lag(NamedTuple):
    """A delay in seconds, positive where the estimate is late, and the scores once it is undone."""

    lag_s: float
    pcc: float
    ccc: float


def best_lags(
    reference: Intervals,
    estimate: Intervals,
    max_lag_s: float = 3.0,
    lag_step_s: float | None = None,
) -> tuple[Lag, Lag]:
    """Find the best delays of valence and of arousal, as :func:`mer_plugins.emotion.best_lag`."""
    covered, values = on_grid(reference, estimate)
    candidates = [(0.0, reference.values[covered], values)]
    for lag_s in _lags(max_lag_s, lag_step_s, min(reference.hop_s, estimate.hop_s)):
        kept, moved = on_grid(reference, estimate.moved(-lag_s))
        if len(moved) >= max(2, len(values) / 2):
            candidates.append((lag_s, reference.values[kept], moved))
    return _best(candidates, 0), _best(candidates, 1)


def _lags(max_lag_s: float, lag_step_s: float | None, hop_s: float) -> list[float]:
    """List the delays to try beside 0, the smallest first."""
    if not 0 <= max_lag_s < np.inf:
        raise ValueError(f"max_lag_s is {max_lag_s}: expected seconds, not negative")
    step_s = max(hop_s, _MIN_STEP_S) if lag_step_s is None else lag_step_s
    steps = int(max_lag_s / checked_hop("lag_step_s", step_s) + _ROUNDING)
    return [sign * k * step_s for k in range(1, steps + 1) for sign in (1, -1)]


def _best(candidates: Sequence[_Candidate], dimension: int) -> Lag:
    series = [(lag_s, r[:, dimension], e[:, dimension]) for lag_s, r, e in candidates]
    _, r, e = series[0]
    if len(r) < 2 or _undefined(r, e):
        return Lag(float("nan"), pcc(r, e), ccc(r, e))
    lags = [Lag(lag_s, pcc(r, e), ccc(r, e)) for lag_s, r, e in series if not _undefined(r, e)]
    # Delays that differ by rounding errors only fall to the first, the smallest.
    return max(lags, key=lambda lag: round(lag.pcc, 9))


def _undefined(r: FloatArray, e: FloatArray) -> bool:
    return is_constant(r) or is_constant(e)
