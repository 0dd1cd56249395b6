"""Score systems against a reference, with intervals, tests and warnings.

Every system is scored on the labelled half seconds that it covers, so nothing about one system
alters the scores of another; where one misses songs or intervals, a warning tells. Tests are on
the songs that both systems have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from mer_plugins.aggregation import Pair, pooled, score, song_level
from mer_plugins.curves import DIMENSIONS, FloatArray
from mer_plugins.evaluation.checks import order_warning, scale_warning
from mer_plugins.evaluation.leaks import Leak, leak_of_system
from mer_plugins.evaluation.reference import EvaluationError, Song
from mer_plugins.evaluation.statistics import (
    METRICS,
    bootstrap,
    holm,
    interval,
    moments,
    paired_p,
    scores_of,
    weighted_means,
)
from mer_plugins.evaluation.systems import System
from mer_plugins.time_grid import on_grid

AGGREGATIONS = ("per-song", "pooled", "song-level")
TESTED = ("rmse", "ccc")


@dataclass(frozen=True)
class Score:
    """A score and its 95 % interval over songs; nan where undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Scored:
    """One system's scores.

    Parameters
    ----------
    system : System
        The system.
    pairs : dict of str to (np.ndarray, np.ndarray)
        Matched (reference, estimate), shape=(k, 2), of each song with two intervals or more.
    songs : np.ndarray, shape=(songs, 2, 4)
        Dimension by metric of each song of the reference; nan for songs that are not scored, and
        for a PCC that is undefined.
    scores : dict
        By (aggregation, dimension, metric).
    undefined : dict
        By dimension: songs whose PCC is undefined.
    frames : int
        Matched intervals.
    leak : Leak or None
        Songs of the reference that its weights were trained on; None if that is not known.
    """

    system: System
    pairs: dict[str, Pair]
    songs: FloatArray
    scores: dict[tuple[str, str, str], Score]
    undefined: dict[str, int]
    frames: int
    leak: Leak | None


@dataclass(frozen=True)
class PairedTest:
    """A system against the first one: mean difference over songs, and two tests of it.

    `difference` is the mean of the system's per-song scores less the first one's, with its 95 %
    interval; p are two-sided, `*_holm` adjusted for all tests of that kind.
    """

    system: str
    against: str
    dimension: str
    metric: str
    songs: int
    difference: Score
    wilcoxon_p: float
    t_p: float
    wilcoxon_p_holm: float = float("nan")
    t_p_holm: float = float("nan")


@dataclass(frozen=True, eq=False)
class Comparison:
    """What ``mer evaluate`` found."""

    reference: str
    songs: Sequence[Song]
    systems: Sequence[Scored]
    tests: Sequence[PairedTest]
    warnings: Sequence[str]


def match_system(songs: Sequence[Song], system: System) -> dict[str, Pair]:
    """Bring a system's curves onto the labelled half seconds; songs with fewer than two are left.

    Returns
    -------
    dict of str to (np.ndarray, np.ndarray)
        By song: (reference, estimate), shape=(k, 2).
    """
    pairs = {}
    for song in songs:
        if song.name in system.curves:
            covered, estimate = on_grid(song.labels, system.curves[song.name])
            if len(estimate) >= 2:
                pairs[song.name] = song.labels.values[covered], estimate
    return pairs


def warnings_of(songs: Sequence[Song], system: System, pairs: dict[str, Pair]) -> list[str]:
    """Tell what to know before reading a system's scores: missing songs, scale, order."""
    labelled = sum(len(song.labels) for song in songs)
    reference = np.concatenate([np.empty((0, 2)), *(r for r, _ in pairs.values())])
    estimate = np.concatenate([np.empty((0, 2)), *(e for _, e in pairs.values())])
    missing = (
        f"covers {len(pairs)} of {len(songs)} songs and {len(estimate)} of {labelled} labelled "
        "half seconds; it is scored on these, other systems on theirs"
        if len(pairs) < len(songs) or len(estimate) < labelled
        else ""
    )
    texts = (missing, scale_warning(reference, estimate), order_warning(reference, estimate))
    return [f"{system.name}: {text}" for text in texts if text]


def compare(
    reference: str,
    songs: Sequence[Song],
    systems: Sequence[System],
    pairs: Sequence[dict[str, Pair]],
    warnings: Sequence[str] = (),
    tested: Sequence[str] = TESTED,
) -> Comparison:
    """Score systems and test each against the first.

    Parameters
    ----------
    reference : str
        The collection, for people.
    songs : sequence of Song
        With labels.
    systems, pairs : sequence
        The systems, and what :func:`match_system` gave for each.
    warnings : sequence of str
        What was told already.
    tested : sequence of str
        Metrics whose per-song scores are tested, in one family.

    Raises
    ------
    EvaluationError
        If a system has no song with two matched intervals.
    """
    scored = [_scored(songs, s, p) for s, p in zip(systems, pairs, strict=True)]
    return Comparison(reference, songs, scored, _tests(scored, tested), warnings)


def _scored(songs: Sequence[Song], system: System, pairs: dict[str, Pair]) -> Scored:
    if not pairs:
        raise EvaluationError(
            f"{system.name}: no song has two labelled half seconds that its estimates cover: "
            "expected times in seconds from the start of the recording"
        )
    rows = np.stack([_row(pairs.get(song.name)) for song in songs])
    values = _values(rows, list(pairs.values()))
    low, high = interval(_resampled(rows, [pairs.get(song.name) for song in songs]))
    scores = {
        (a, d, m): Score(float(values[i, j, k]), float(low[i, j, k]), float(high[i, j, k]))
        for (i, a), (j, d), (k, m) in product(*map(enumerate, (AGGREGATIONS, DIMENSIONS, METRICS)))
    }
    undefined = np.isnan(rows[:, :, METRICS.index("pcc")]).sum(axis=0) - (len(songs) - len(pairs))
    leak = leak_of_system(system, songs)
    frames = sum(len(reference) for reference, _ in pairs.values())
    counts = dict(zip(DIMENSIONS, map(int, undefined), strict=True))
    return Scored(system, pairs, rows, scores, counts, frames, leak)


def _row(pair: Pair | None) -> FloatArray:
    return np.full((2, len(METRICS)), np.nan) if pair is None else _table(score(*pair))


def _table(scores: dict[str, float], prefix: str = "") -> FloatArray:
    """Lay out the four metrics of both dimensions; an undefined PCC is nan, not 0."""
    found = np.array([[scores[f"{prefix}{d} {m}"] for m in METRICS] for d in DIMENSIONS])
    undefined = [bool(scores[f"{prefix}{d} pcc undefined"]) for d in DIMENSIONS]
    found[undefined, METRICS.index("pcc")] = np.nan
    return found


def _values(rows: FloatArray, pairs: Sequence[Pair]) -> FloatArray:
    columns = rows.reshape(len(rows), -1)
    means = weighted_means(np.ones((1, len(rows))), columns).reshape(rows.shape[1:])
    return np.stack(
        [means, _table(pooled(pairs), "pooled "), _table(song_level(pairs), "song-level ")]
    )


def _resampled(rows: FloatArray, pairs: Sequence[Pair | None]) -> FloatArray:
    """Score ten thousand resamples of songs, shape=(10000, aggregations, dimensions, metrics)."""
    known = [pair for pair in pairs if pair is not None]
    centres = [np.concatenate([pair[side] for pair in known]).mean(axis=0) for side in (0, 1)]
    frames, means = _moments(pairs, centres)

    def resampled(counts: FloatArray) -> FloatArray:
        columns = rows.reshape(len(rows), -1)
        per_song = weighted_means(counts, columns).reshape(-1, *rows.shape[1:])
        others = [_by_dimension(counts, found, centres) for found in (frames, means)]
        return np.stack([per_song, *others], axis=1)

    return bootstrap(resampled, len(rows))


def _moments(
    pairs: Sequence[Pair | None], centres: Sequence[FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return the moments of each song's intervals and of its means, shape=(songs, 2, 6)."""
    nothing = np.empty((0, 2))
    centred = [(p[0] - centres[0], p[1] - centres[1]) if p else (nothing, nothing) for p in pairs]
    means = [tuple(x.mean(axis=0, keepdims=True) if len(x) else x for x in p) for p in centred]
    return np.stack([moments(*p) for p in centred]), np.stack([moments(*p) for p in means])


def _by_dimension(
    counts: FloatArray, found: FloatArray, centres: Sequence[FloatArray]
) -> FloatArray:
    sums = [counts @ found[:, d] for d in (0, 1)]
    reference, estimate = centres
    return np.stack([scores_of(sums[d], reference[d], estimate[d]) for d in (0, 1)], axis=1)


def _tests(scored: Sequence[Scored], tested: Sequence[str]) -> list[PairedTest]:
    first, *others = scored
    found = [
        _test(first, other, d, metric)
        for other, d, metric in product(others, range(len(DIMENSIONS)), tested)
    ]
    wilcoxon, t = holm([x.wilcoxon_p for x in found]), holm([x.t_p for x in found])
    return [
        PairedTest(**{**vars(x), "wilcoxon_p_holm": float(w), "t_p_holm": float(p)})
        for x, w, p in zip(found, wilcoxon, t, strict=True)
    ]


def _test(first: Scored, other: Scored, dimension: int, metric: str) -> PairedTest:
    column = METRICS.index(metric)
    a, b = first.songs[:, dimension, column], other.songs[:, dimension, column]
    both = ~np.isnan(a) & ~np.isnan(b)
    difference = np.where(both, b - a, np.nan)[:, np.newaxis]
    mean = weighted_means(np.ones((1, len(a))), difference)
    low, high = interval(bootstrap(lambda counts: weighted_means(counts, difference), len(a)))
    names = other.system.name, first.system.name, DIMENSIONS[dimension], metric
    shown = Score(float(mean[0, 0]), float(low[0]), float(high[0]))
    return PairedTest(*names, int(both.sum()), shown, *paired_p(a[both], b[both]))
