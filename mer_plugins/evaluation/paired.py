"""Tests of each system against the first, over the songs and half seconds that both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from mer_plugins.aggregation import Pair
from mer_plugins.curves import DIMENSIONS, FloatArray
from mer_plugins.evaluation.reference import Song, with_curves, with_quadrants
from mer_plugins.evaluation.scoring import (
    AUC,
    QUADRANTS,
    Score,
    quadrant_scores,
    resampled_areas,
    rows_of,
    signs_and_means,
)
from mer_plugins.evaluation.statistics import (
    METRICS,
    bootstrap,
    holm,
    interval,
    paired_p,
    weighted_means,
)
from mer_plugins.time_grid import on_grid

if TYPE_CHECKING:
    from mer_plugins.evaluation.comparison import Scored

_NOTHING = float("nan")


@dataclass(frozen=True)
class PairedTest:
    """A system against the first one: mean difference over songs, and two tests of it.

    `difference` is the mean of the system's per-song scores less the first one's, with its 95 %
    interval; p are two-sided, `*_holm` adjusted for all tests of that kind. Of quadrants it is the
    difference of the areas under the curve, which no song has by itself: there is no p.
    """

    system: str
    against: str
    dimension: str
    metric: str
    songs: int
    difference: Score
    wilcoxon_p: float = float("nan")
    t_p: float = float("nan")
    wilcoxon_p_holm: float = float("nan")
    t_p_holm: float = float("nan")


def paired_tests(
    songs: Sequence[Song], scored: Sequence[Scored], tested: Sequence[str]
) -> list[PairedTest]:
    """Test each system against the first: per-song scores in `tested`, one family of each test."""
    first, *others = scored
    found = []
    for other in others if with_curves(songs) else ():
        rows = _rows_in_common(songs, first, other)
        kinds = product(range(len(DIMENSIONS)), tested)
        found += [_test(first, other, rows, *kind) for kind in kinds]
    wilcoxon, t = holm([x.wilcoxon_p for x in found]), holm([x.t_p for x in found])
    adjusted = [
        replace(x, wilcoxon_p_holm=float(w), t_p_holm=float(p))
        for x, w, p in zip(found, wilcoxon, t, strict=True)
    ]
    dimensions = range(len(DIMENSIONS)) if with_quadrants(songs) else ()
    return adjusted + [_area_test(songs, first, o, d) for o, d in product(others, dimensions)]


def _test(
    first: Scored,
    other: Scored,
    rows: tuple[FloatArray, FloatArray],
    dimension: int,
    metric: str,
) -> PairedTest:
    a, b = (side[:, dimension, METRICS.index(metric)] for side in rows)
    both = ~np.isnan(a) & ~np.isnan(b)
    difference = np.where(both, b - a, np.nan)[:, np.newaxis]
    mean = weighted_means(np.ones((1, len(a))), difference)
    low, high = interval(bootstrap(lambda counts: weighted_means(counts, difference), len(a)))
    names = other.system.name, first.system.name, DIMENSIONS[dimension], metric
    ends = (float(low[0]), float(high[0])) if both.sum() > 1 else (_NOTHING, _NOTHING)
    shown = Score(float(mean[0, 0]), *ends)
    return PairedTest(*names, int(both.sum()), shown, *paired_p(a[both], b[both]))


def _rows_in_common(
    songs: Sequence[Song], first: Scored, other: Scored
) -> tuple[FloatArray, FloatArray]:
    """Score two systems on the half seconds that both cover, each shape=(songs, 2, 4)."""
    labelled = with_curves(songs)
    counts = {song.name: len(song.labels) for song in labelled}
    covered = (pair for one in (first, other) for pair in one.pairs.items())
    if all(len(pair[0]) == counts[name] for name, (pair,) in covered):
        return first.songs, other.songs
    pairs = [_in_common(song, first, other) for song in labelled]
    return rows_of([a for a, _ in pairs]), rows_of([b for _, b in pairs])


def _in_common(song: Song, first: Scored, other: Scored) -> tuple[list[Pair], list[Pair]]:
    found = [one.pairs.get(song.name, ()) for one in (first, other)]
    if not all(found):
        return [], []
    if all(len(pair[0]) == len(song.labels) for (pair,) in found):
        return list(found[0]), list(found[1])
    curves = [one.system.curves[song.name] for one in (first, other)]
    matched = [on_grid(song.labels, curve) for curve in curves]
    both = matched[0][0] & matched[1][0]
    reference = song.labels.values[both]
    kept = [estimate[both[covered]] for covered, estimate in matched]
    return [(reference, kept[0])], [(reference, kept[1])]


def _area_test(songs: Sequence[Song], first: Scored, other: Scored, dimension: int) -> PairedTest:
    both = [song for song in songs if song.name in first.means and song.name in other.means]
    names = other.system.name, first.system.name, DIMENSIONS[dimension], AUC
    if not both:
        return PairedTest(*names, 0, Score(_NOTHING, _NOTHING, _NOTHING))
    (positive, a), (_, b) = (signs_and_means(both, scored.means) for scored in (first, other))
    areas = [resampled_areas(positive[:, dimension], x[:, dimension]) for x in (a, b)]
    low, high = interval(areas[1] - areas[0])
    key = QUADRANTS, DIMENSIONS[dimension], AUC
    values = [quadrant_scores(both, scored.means)[key].value for scored in (first, other)]
    return PairedTest(*names, len(both), Score(values[1] - values[0], float(low), float(high)))
