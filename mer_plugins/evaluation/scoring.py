"""Scores of one system with their intervals, in each aggregation.

A song has one matched pair of series, or one a rater; its score is the mean over its pairs. Songs
with a quadrant are told apart by the mean of a system's curve: the area under the ROC curve of
valence against V+ and V-, of arousal against A+ and A-.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from mer_plugins.aggregation import Pair, defined_mean, pooled, score, song_level
from mer_plugins.agreement import area_under_curve
from mer_plugins.curves import DIMENSIONS, FloatArray
from mer_plugins.evaluation.reference import Song
from mer_plugins.evaluation.statistics import (
    METRICS,
    bootstrap,
    interval,
    moments,
    scores_of,
    weighted_areas,
    weighted_means,
)

AGGREGATIONS = ("per-song", "pooled", "song-level")
QUADRANTS, AUC = "quadrants", "auc"
Pairs = Sequence[Pair]


@dataclass(frozen=True)
class Score:
    """A score and its 95 % interval over songs; nan where undefined."""

    value: float
    low: float
    high: float


Scores = dict[tuple[str, str, str], Score]


def rows_of(songs: Sequence[Pairs]) -> FloatArray:
    """Score each song, shape=(songs, 2, 4): dimension by metric, nan where undefined.

    A single interval has no shape: as in :func:`mer_plugins.aggregation.per_song`, it is no song.
    """
    return np.array([_mean_row(_tables(pairs)) for pairs in songs])


def undefined_pccs(songs: Sequence[Pairs]) -> dict[str, int]:
    """Count, by dimension, the pairs of two intervals or more whose PCC is undefined."""
    tables = [table for pairs in songs for table in _tables(pairs)]
    column = METRICS.index("pcc")
    return {d: sum(bool(np.isnan(t[i, column])) for t in tables) for i, d in enumerate(DIMENSIONS)}


def curve_scores(rows: FloatArray, songs: Sequence[Pairs]) -> Scores:
    """Return the scores in each of :data:`AGGREGATIONS`; songs without a pair take no part.

    Parameters
    ----------
    rows : np.ndarray, shape=(songs, 2, 4)
        As :func:`rows_of` gives them.
    songs : sequence of sequence of (np.ndarray, np.ndarray)
        Matched (reference, estimate), shape=(k, 2).
    """
    values, (low, high) = _values(rows, songs), interval(_resampled(rows, songs))
    # The spread over songs is not to be had from one.
    scored = np.full(rows.shape[1:], sum(map(bool, songs)))
    counts = np.stack([(~np.isnan(rows)).sum(axis=0), scored, scored])
    low, high = (np.where(counts < 2, np.nan, end) for end in (low, high))
    return {
        (a, d, m): Score(float(values[i, j, k]), float(low[i, j, k]), float(high[i, j, k]))
        for (i, a), (j, d), (k, m) in product(*map(enumerate, (AGGREGATIONS, DIMENSIONS, METRICS)))
    }


def quadrant_scores(songs: Sequence[Song], means: Mapping[str, FloatArray]) -> Scores:
    """Return the area under the curve of each dimension over the songs that have a mean."""
    positive, mean = signs_and_means(songs, means)
    found = {}
    for d, dimension in enumerate(DIMENSIONS):
        value = area_under_curve(positive[:, d], mean[:, d])
        low, high = interval(resampled_areas(positive[:, d], mean[:, d]))
        found[QUADRANTS, dimension, AUC] = Score(value, float(low), float(high))
    return found


def signs_and_means(
    songs: Sequence[Song], means: Mapping[str, FloatArray]
) -> tuple[npt.NDArray[np.bool_], FloatArray]:
    """Return V+ and A+, and the means, of the songs that have both, each shape=(songs, 2)."""
    known = [(s.quadrant, means[s.name]) for s in songs if s.quadrant and s.name in means]
    return np.array([q for q, _ in known]) > 0, np.array([mean for _, mean in known])


def resampled_areas(positive: npt.NDArray[np.bool_], mean: FloatArray) -> FloatArray:
    """Return the area under the curve in each resample of songs."""
    return bootstrap(lambda counts: weighted_areas(counts, positive, mean), len(mean))


def song_mean(starts: FloatArray, ends: FloatArray, values: FloatArray) -> FloatArray:
    """Return the mean of a curve, weighted by time, shape=(2,)."""
    mean: FloatArray = np.average(values, axis=0, weights=ends - starts)
    return mean


def _tables(pairs: Pairs) -> list[FloatArray]:
    return [_table(score(*pair)) for pair in pairs if len(pair[0]) >= 2]


def _mean_row(tables: Sequence[FloatArray]) -> FloatArray:
    if not tables:
        return np.full((len(DIMENSIONS), len(METRICS)), np.nan)
    return np.apply_along_axis(defined_mean, 0, np.stack(tables))


def _table(scores: Mapping[str, float], prefix: str = "") -> FloatArray:
    return np.array([[scores[f"{prefix}{d} {m}"] for m in METRICS] for d in DIMENSIONS])


def _values(rows: FloatArray, songs: Sequence[Pairs]) -> FloatArray:
    flat = [pair for pairs in songs for pair in pairs]
    return np.stack(
        [
            np.apply_along_axis(defined_mean, 0, rows),
            _table(pooled(flat), "pooled "),
            _table(song_level(flat), "song-level "),
        ]
    )


def _resampled(rows: FloatArray, songs: Sequence[Pairs]) -> FloatArray:
    """Score ten thousand resamples of songs, shape=(10000, aggregations, dimensions, metrics)."""
    flat = [pair for pairs in songs for pair in pairs]
    centres = [np.concatenate([pair[side] for pair in flat]).mean(axis=0) for side in (0, 1)]
    frames, means = _moments(songs, centres)

    def resampled(counts: FloatArray) -> FloatArray:
        columns = rows.reshape(len(rows), -1)
        per_song = weighted_means(counts, columns).reshape(-1, *rows.shape[1:])
        others = [_by_dimension(counts, found, centres) for found in (frames, means)]
        return np.stack([per_song, *others], axis=1)

    return bootstrap(resampled, len(rows))


def _moments(
    songs: Sequence[Pairs], centres: Sequence[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of each song's intervals and of its means, shape=(songs, 2, 6)."""
    frames = np.zeros((len(songs), len(DIMENSIONS), 6))
    means = np.zeros_like(frames)
    for i, pairs in enumerate(songs):
        for reference, estimate in pairs:
            centred = reference - centres[0], estimate - centres[1]
            frames[i] += moments(*centred)
            means[i] += moments(*(side.mean(axis=0, keepdims=True) for side in centred))
    return frames, means


def _by_dimension(
    counts: FloatArray, found: FloatArray, centres: Sequence[FloatArray]
) -> FloatArray:
    sums = [counts @ found[:, d] for d in (0, 1)]
    reference, estimate = centres
    return np.stack([scores_of(sums[d], reference[d], estimate[d]) for d in (0, 1)], axis=1)
