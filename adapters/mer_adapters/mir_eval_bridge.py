"""Evaluate valence-arousal in the calling conventions of mir_eval's tasks with intervals.

As in ``mir_eval.segment`` or ``mir_eval.chord``: intervals, shape=(n, 2), beside what holds in
them, the reference first, and an ordered dictionary of scores. mir_eval itself has no task of
emotion; that its functions take curves as times is :mod:`mer_plugins.emotion`.

Examples
--------
>>> reference = load_valence_arousal("reference.csv")  # doctest: +SKIP
>>> estimate = load_valence_arousal("estimated.csv")  # doctest: +SKIP
>>> evaluate(*reference, *estimate)["valence ccc"]  # doctest: +SKIP
0.61
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

import mir_eval
import numpy as np
import numpy.typing as npt

from mer_plugins import emotion
from mer_plugins.curves import FloatArray
from mer_plugins.time_grid import MAX_TIME_S, Intervals, checked_values


def load_valence_arousal(
    filename: str | os.PathLike[str], delimiter: str = r"[\s,]+"
) -> tuple[FloatArray, FloatArray]:
    """Load a file of four columns: start, end, valence, arousal, without a heading.

    Returns
    -------
    intervals, values : np.ndarray, shape=(n, 2)
        In seconds; (valence, arousal) in [-1, 1], NaN where nothing is known.

    Raises
    ------
    ValueError
        If a row is none of four numbers, as :func:`mir_eval.io.load_delimited` says it.
    """
    columns = mir_eval.io.load_delimited(os.fspath(filename), [float] * 4, delimiter)
    starts, ends, valence, arousal = map(np.array, columns)
    return np.stack([starts, ends], axis=1), np.stack([valence, arousal], axis=1)


def validate(
    reference_intervals: npt.ArrayLike,
    reference_values: npt.ArrayLike,
    estimated_intervals: npt.ArrayLike,
    estimated_values: npt.ArrayLike,
) -> None:
    """Check that both are as :func:`evaluate` takes them.

    Raises
    ------
    ValueError
        If intervals are not as :func:`mir_eval.util.validate_intervals` wants them, are not sorted
        or overlap; if values have another shape or range; if the estimate holds NaN.
    """
    _reference(reference_intervals, reference_values)
    _estimate(estimated_intervals, estimated_values)


def evaluate(
    reference_intervals: npt.ArrayLike,
    reference_values: npt.ArrayLike,
    estimated_intervals: npt.ArrayLike,
    estimated_values: npt.ArrayLike,
    **kwargs: Any,
) -> OrderedDict[str, float]:
    """Compute all metrics of one song.

    Parameters
    ----------
    reference_intervals, estimated_intervals : array_like, shape=(n, 2) and shape=(m, 2)
        Starts and ends, in seconds, sorted and without overlap, of any lengths.
    reference_values, estimated_values : array_like, shape=(n, 2) and shape=(m, 2)
        (valence, arousal) in [-1, 1]. A row of the reference that holds a NaN has no label.
    **kwargs
        As for :func:`mer_plugins.emotion.evaluate_intervals`.

    Returns
    -------
    collections.OrderedDict
        As :func:`mer_plugins.emotion.evaluate`.

    Raises
    ------
    ValueError
        As :func:`validate`.
    """
    reference = _reference(reference_intervals, reference_values)
    estimate = _estimate(estimated_intervals, estimated_values)
    return OrderedDict(emotion.evaluate_intervals(reference, estimate, **kwargs))


def _reference(intervals: npt.ArrayLike, values: npt.ArrayLike) -> Intervals:
    found, numbers = _checked("reference", intervals, values)
    known = ~np.isnan(numbers).any(axis=1)
    return _intervals(found[known], numbers[known])


def _estimate(intervals: npt.ArrayLike, values: npt.ArrayLike) -> Intervals:
    found, numbers = _checked("estimated", intervals, values)
    if np.isnan(numbers).any():
        raise ValueError("estimated values hold NaN: expected a number for every interval")
    return _intervals(found, numbers)


def _checked(
    name: str, intervals: npt.ArrayLike, values: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    found = np.asarray(intervals, dtype=np.float64)
    found = found if found.size else found.reshape(0, 2)
    mir_eval.util.validate_intervals(found)
    if not (found <= MAX_TIME_S).all():
        raise ValueError(
            f"{name} intervals reach {found.max():g}: expected finite, at most {MAX_TIME_S:g} (are "
            "they seconds?)"
        )
    late = np.flatnonzero(found[1:, 0] < found[:-1, 1] - 1e-9)
    if len(late):
        before, after = found[late[0]], found[late[0] + 1]
        raise ValueError(
            f"{name} interval {before} is followed by {after}: expected sorted, without overlap"
        )
    return found, checked_values(name, values, len(found))


def _intervals(bounds: FloatArray, values: FloatArray) -> Intervals:
    starts, ends = bounds.T
    hop_s = float(np.median(ends - starts)) if len(bounds) else 1.0
    return Intervals(starts, ends, values, hop_s)
