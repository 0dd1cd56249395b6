"""Evaluate time-varying valence-arousal: how well an estimated curve follows a reference curve.

The module has the shape of a mir_eval task: arrays in, floats out, the reference first. It imports
numpy only.

Conventions
-----------
Times are in seconds, increase strictly and mark the start of an interval. Values have
shape=(n, 2), columns (valence, arousal), in [-1, 1]. A row of the reference that holds a NaN has no
label; the estimate holds no NaN. Statistics are float64 with ``ddof=0``.

An interval lasts one hop, or until the next begins if that is sooner. The hop may be given; else it
is the median step of the times, for a single value the hop of the other curve, and 1 s where both
have a single value. The estimate is
brought onto the reference's grid: in each labelled interval of the reference it is the mean of the
estimate over that interval, weighted by time. So a finer estimate is averaged, a coarser one held,
and one on the same grid taken as it is; nothing is interpolated or extrapolated. Where the estimate
covers less than half of an interval, that interval is not scored; ``coverage`` tells how many of
the labelled ones were.

Degenerate cases
----------------
A curve is constant if its range is at most 1e-12. Every case is flagged for a song and counted for
a collection.

* No matched interval: every metric is nan. Only one: CCC, PCC, R2, scale and lag are nan. The song
  is left out of per-song means; pooled and song-level scores take the one.
* One curve constant: CCC is 0; PCC is undefined, nan, and left out of means over songs; lag is
  nan, and the scores at lag are those without.
* Both constant: CCC is 1 if they are equal, by definition, else 0; PCC and lag as above.
* Reference constant: scale is nan; R2 is 1 if the estimate equals the reference, else 0.

Metrics
-------
* :func:`ccc`: concordance correlation coefficient, the task's main score.
* :func:`pcc`, :func:`rmse`, :func:`mae`, :func:`r2`: correlation, errors, variance explained.
* :func:`bias`, :func:`scale`, :func:`ccc_centred`, :func:`error_parts`: level against shape.
* :func:`best_lag`: the delay, within 3 s, at which the estimate follows the reference best.

Aggregation
-----------
One metric over a collection can be three quantities; each key begins with the one it is.

* :func:`per_song`: the metric in each song, then the mean over songs.
* :func:`pooled`: once, over the intervals of all songs. Long songs weigh more, and the songs'
  levels dominate: estimating each song's true mean has per-song CCC 0 and pooled CCC near 1.
* :func:`song_level`: once, over the songs' means, as for one static value a song.

References
----------
.. [1] L. I-K. Lin, "A concordance correlation coefficient to evaluate reproducibility",
   Biometrics 45(1), 1989.
.. [2] A. Aljanaki, Y.-H. Yang and M. Soleymani, "Developing a benchmark for emotional analysis of
   music", PLOS ONE 12(3), 2017.

Examples
--------
>>> times = np.arange(4) * 0.5
>>> reference = np.array([[0.0, 0.1], [0.2, 0.3], [0.4, 0.2], [0.2, 0.0]])
>>> scores = evaluate(times, reference, times, reference + [0.0, 0.1])
>>> [round(scores[name], 3) for name in ("valence ccc", "arousal ccc", "arousal pcc")]
[1.0, 0.714, 1.0]
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mer_plugins.aggregation import (
    FLAGS,
    LAG_METRICS,
    METRICS,
    Pair,
    named,
    per_song,
    pooled,
    score,
    song_level,
)
from mer_plugins.agreement import bias, ccc, ccc_centred, error_parts, mae, pcc, r2, rmse, scale
from mer_plugins.curves import DIMENSIONS, FloatArray
from mer_plugins.lag import Lag, best_lags
from mer_plugins.time_grid import Intervals, checked_times, checked_values, on_grid, two_curves

__all__ = [
    "METRICS",
    "LAG_METRICS",
    "FLAGS",
    "Lag",
    "aggregate",
    "best_lag",
    "bias",
    "ccc",
    "ccc_centred",
    "error_parts",
    "evaluate",
    "evaluate_intervals",
    "mae",
    "match",
    "pcc",
    "per_song",
    "pooled",
    "r2",
    "rmse",
    "scale",
    "score",
    "song_level",
    "validate",
]

Song = tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike, npt.ArrayLike]


def validate(
    reference_times: npt.ArrayLike,
    reference_values: npt.ArrayLike,
    estimated_times: npt.ArrayLike,
    estimated_values: npt.ArrayLike,
) -> None:
    """Check that both curves are as the conventions say; warn if one is empty.

    Parameters
    ----------
    reference_times, estimated_times : array_like, shape=(n,) and shape=(m,)
        Interval starts, in seconds, not negative, strictly increasing, at most 30,000.
    reference_values, estimated_values : array_like, shape=(n, 2) and shape=(m, 2)
        (valence, arousal) in [-1, 1]; the reference may hold NaN where it has no label.

    Raises
    ------
    ValueError
        If a shape, an order, a range or a unit is another.
    """
    n, m = len(checked_times("reference", reference_times)), np.size(estimated_times)
    checked_times("estimated", estimated_times)
    reference = checked_values("reference", reference_values, n)
    estimate = checked_values("estimated", estimated_values, m)
    if np.isnan(estimate).any():
        raise ValueError("estimated values hold NaN: expected a number for every time")
    if np.isnan(reference).any(axis=1).all():
        warnings.warn("Reference has no labelled interval.", stacklevel=2)
    if not m:
        warnings.warn("Estimate is empty.", stacklevel=2)


def match(
    reference_times: npt.ArrayLike,
    reference_values: npt.ArrayLike,
    estimated_times: npt.ArrayLike,
    estimated_values: npt.ArrayLike,
    reference_hop_s: float | None = None,
    estimated_hop_s: float | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bring the estimate onto the reference's labelled intervals, by the rule in the module's head.

    Parameters
    ----------
    reference_times, reference_values, estimated_times, estimated_values : array_like
        As for :func:`validate`.
    reference_hop_s, estimated_hop_s : float, optional
        Length of an interval, in seconds; by default the median step of the times.

    Returns
    -------
    times : np.ndarray, shape=(k,)
        Starts of the intervals that are labelled and at least half covered, in seconds.
    reference, estimate : np.ndarray, shape=(k, 2)
        Both curves there, in [-1, 1].

    Raises
    ------
    ValueError
        As :func:`validate`; if a hop is not positive.

    Examples
    --------
    >>> fine = np.array([[0.0, 0.0], [0.5, 1.0], [0.25, 0.5], [0.25, 1.0]])
    >>> match([0, 0.5], [[0.1, 0.2], [0.5, 0.8]], [0, 0.25, 0.5, 0.75], fine)[2]
    array([[0.25, 0.5 ],
           [0.25, 0.75]])
    """
    curves = (reference_times, reference_values, estimated_times, estimated_values)
    validate(*curves)
    reference, estimate = two_curves(*curves, reference_hop_s, estimated_hop_s)
    covered, values = on_grid(reference, estimate)
    return reference.starts[covered], reference.values[covered], values


def best_lag(
    reference_times: npt.ArrayLike,
    reference_values: npt.ArrayLike,
    estimated_times: npt.ArrayLike,
    estimated_values: npt.ArrayLike,
    max_lag_s: float = 3.0,
    lag_step_s: float | None = None,
    reference_hop_s: float | None = None,
    estimated_hop_s: float | None = None,
) -> tuple[Lag, Lag]:
    """Find the delay at which the estimate correlates best with the reference.

    Lag is a matter of shape, so :func:`pcc` decides: by :func:`ccc` a wrong level on a slope would
    pass for a delay. As the best of many, the scores at that lag flatter an estimate; they help to
    tell why it scores low, and do not replace the score.

    Parameters
    ----------
    reference_times, reference_values, estimated_times, estimated_values : array_like
        As for :func:`validate`.
    max_lag_s : float
        Largest delay tried, either way, in seconds.
    lag_step_s : float, optional
        Distance of the delays tried, in seconds; by default the shorter hop, at least 0.1.
    reference_hop_s, estimated_hop_s : float, optional
        As for :func:`match`.

    Returns
    -------
    valence, arousal : Lag
        Of equally good delays the smallest. A delay that leaves less than half of the intervals
        matched without delay, or a constant curve, is not considered. Where a curve is constant
        without delay, `lag_s` is nan and the scores are those without delay.

    Raises
    ------
    ValueError
        As :func:`match`; if `max_lag_s` is negative or `lag_step_s` not positive.
    """
    curves = (reference_times, reference_values, estimated_times, estimated_values)
    validate(*curves)
    return best_lags(*two_curves(*curves, reference_hop_s, estimated_hop_s), max_lag_s, lag_step_s)


def evaluate(
    reference_times: npt.ArrayLike,
    reference_values: npt.ArrayLike,
    estimated_times: npt.ArrayLike,
    estimated_values: npt.ArrayLike,
    **kwargs: Any,
) -> dict[str, float]:
    """Compute all metrics of one song.

    Parameters
    ----------
    reference_times, reference_values, estimated_times, estimated_values : array_like
        As for :func:`validate`.
    **kwargs
        `reference_hop_s`, `estimated_hop_s`, `max_lag_s` and `lag_step_s`, as for
        :func:`best_lag`; others are ignored with a warning.

    Returns
    -------
    dict
        Plain floats: ``"labelled frames"``, ``"matched frames"``, ``"coverage"`` (nan without
        labels), then for each dimension the metrics and flags of :func:`score`, and
        ``"valence lag_s"``, ``"valence pcc at lag"``, ``"valence ccc at lag"``.

    Raises
    ------
    ValueError
        As :func:`best_lag`.
    """
    curves = (reference_times, reference_values, estimated_times, estimated_values)
    return _evaluate(curves, kwargs)[0]


def evaluate_intervals(
    reference: Intervals, estimate: Intervals, **kwargs: Any
) -> dict[str, float]:
    """Compute all metrics of one song from intervals of any lengths, as :func:`evaluate` does.

    Parameters
    ----------
    reference, estimate : Intervals
        Sorted, without overlap; values (valence, arousal) in [-1, 1].
    **kwargs
        `max_lag_s` and `lag_step_s`, as for :func:`best_lag`; others are ignored with a warning.

    Returns
    -------
    dict
        As :func:`evaluate`. Every interval of the reference counts the same, however long.
    """
    _warn_of_unknown(kwargs, best_lags)
    return _scored(reference, estimate, kwargs)[0]


def aggregate(songs: Sequence[Song], **kwargs: Any) -> dict[str, float]:
    """Compute the per-song, pooled and song-level scores of a collection; each key says which.

    Parameters
    ----------
    songs : sequence of tuple
        (reference_times, reference_values, estimated_times, estimated_values) of each song.
    **kwargs
        As for :func:`evaluate`.

    Returns
    -------
    dict
        The keys of :func:`per_song`, :func:`pooled` and :func:`song_level`, in this order.
    """
    evaluated = [_evaluate(song, kwargs) for song in songs]
    pairs = [pair for _, pair in evaluated]
    return per_song([scores for scores, _ in evaluated]) | pooled(pairs) | song_level(pairs)


def _evaluate(curves: Song, kwargs: Mapping[str, Any]) -> tuple[dict[str, float], Pair]:
    validate(*curves)
    _warn_of_unknown(kwargs, two_curves, best_lags)
    reference, estimate = two_curves(*curves, **_accepted(two_curves, kwargs))
    return _scored(reference, estimate, kwargs)


def _scored(
    reference: Intervals, estimate: Intervals, kwargs: Mapping[str, Any]
) -> tuple[dict[str, float], Pair]:
    covered, values = on_grid(reference, estimate)
    pair = reference.values[covered], values
    counts = _counts(len(reference), len(values))
    lags = best_lags(reference, estimate, **_accepted(best_lags, kwargs))
    at_lag = [dict(zip(LAG_METRICS, lag, strict=True)) for lag in lags]
    valence, arousal = (named(d, x) for d, x in zip(DIMENSIONS, at_lag, strict=True))
    return counts | score(*pair) | valence | arousal, pair


def _counts(labelled: int, matched: int) -> dict[str, float]:
    if labelled and not matched:
        warnings.warn("Estimate covers no labelled interval of the reference.", stacklevel=5)
    return {
        "labelled frames": float(labelled),
        "matched frames": float(matched),
        "coverage": matched / labelled if labelled else float("nan"),
    }


def _warn_of_unknown(kwargs: Mapping[str, Any], *functions: Callable[..., Any]) -> None:
    unknown = set(kwargs).difference(*(_accepted(function, kwargs) for function in functions))
    if unknown:
        warnings.warn(f"Ignored, not known here: {', '.join(sorted(unknown))}.", stacklevel=4)


def _accepted(function: Callable[..., Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    optional = {p.name for p in parameters if p.default is not p.empty}
    return {name: value for name, value in kwargs.items() if name in optional}
