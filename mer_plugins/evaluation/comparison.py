"""Score systems against a reference, with intervals, tests and warnings.

Every system is scored on the labelled half seconds that it covers, so nothing about one system
alters the scores of another; where one misses songs or intervals, a warning tells. Tests are on
the songs that both systems have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from mer_plugins.aggregation import Pair
from mer_plugins.curves import DIMENSIONS, FloatArray
from mer_plugins.evaluation.checks import lag_warning, order_warning, scale_warning
from mer_plugins.evaluation.leaks import Leak, leak_of_system
from mer_plugins.evaluation.raters import NAME as RATERS
from mer_plugins.evaluation.raters import WHAT, match_raters
from mer_plugins.evaluation.reference import EvaluationError, Song
from mer_plugins.evaluation.scoring import (
    AGGREGATIONS,
    AUC,
    QUADRANTS,
    Score,
    Scores,
    curve_scores,
    quadrant_scores,
    resampled_areas,
    rows_of,
    signs_and_means,
    song_mean,
    undefined_pccs,
)
from mer_plugins.evaluation.statistics import (
    METRICS,
    bootstrap,
    holm,
    interval,
    paired_p,
    weighted_means,
)
from mer_plugins.evaluation.systems import TRIVIAL, System
from mer_plugins.time_grid import on_grid

TESTED = ("rmse", "ccc")


@dataclass(frozen=True, eq=False)
class Scored:
    """One system's scores.

    Parameters
    ----------
    system : System
        The system.
    pairs : mapping of str to sequence of (np.ndarray, np.ndarray)
        Matched (reference, estimate), shape=(k, 2), of each song with two intervals or more: one
        a song or, of the raters, one a rater.
    songs : np.ndarray, shape=(songs, 2, 4)
        Dimension by metric of each song of the reference that has a curve; nan for songs that are
        not scored, and for a PCC that is undefined.
    means : mapping of str to np.ndarray, shape=(2,)
        The mean of its curve for each song that has a quadrant.
    scores : dict
        By (aggregation, dimension, metric).
    undefined : dict
        By dimension: pairs whose PCC is undefined.
    leak : Leak or None
        Songs of the reference that its weights were trained on; None if that is not known.
    note : str
        What else to know of it, for people.
    """

    system: System
    pairs: Mapping[str, Sequence[Pair]]
    songs: FloatArray
    means: Mapping[str, FloatArray]
    scores: Scores
    undefined: dict[str, int]
    leak: Leak | None
    note: str = ""

    @property
    def curves(self) -> int:
        """Number of matched pairs."""
        return sum(map(len, self.pairs.values()))

    @property
    def frames(self) -> int:
        """Number of matched intervals, over all pairs."""
        return sum(len(pair[0]) for pairs in self.pairs.values() for pair in pairs)


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


@dataclass(frozen=True, eq=False)
class Comparison:
    """What ``mer evaluate`` found; the raters, where there are several a song, come last."""

    reference: str
    songs: Sequence[Song]
    systems: Sequence[Scored]
    tests: Sequence[PairedTest]
    warnings: Sequence[str] = field(default_factory=tuple)

    @property
    def aggregations(self) -> dict[str, tuple[str, ...]]:
        """The metrics of each aggregation that the reference allows."""
        curves = AGGREGATIONS if with_curves(self.songs) else ()
        quadrants = (QUADRANTS,) if with_quadrants(self.songs) else ()
        return dict.fromkeys(curves, METRICS) | dict.fromkeys(quadrants, (AUC,))


def with_curves(songs: Sequence[Song]) -> list[Song]:
    """Return the songs that have a curve."""
    return [song for song in songs if len(song.labels)]


def with_quadrants(songs: Sequence[Song]) -> list[Song]:
    """Return the songs that have a quadrant."""
    return [song for song in songs if song.quadrant]


def match_system(songs: Sequence[Song], system: System) -> dict[str, Pair]:
    """Bring a system's curves onto the labelled half seconds; songs with fewer than two are left.

    Returns
    -------
    dict of str to (np.ndarray, np.ndarray)
        By song: (reference, estimate), shape=(k, 2).
    """
    pairs = {}
    for song in with_curves(songs):
        if song.name in system.curves:
            covered, estimate = on_grid(song.labels, system.curves[song.name])
            if len(estimate) >= 2:
                pairs[song.name] = song.labels.values[covered], estimate
    return pairs


def song_means(songs: Sequence[Song], system: System) -> dict[str, FloatArray]:
    """Return the mean of a system's curve for each song that has a quadrant."""
    found = {s.name: system.curves.get(s.name) for s in with_quadrants(songs)}
    return {k: song_mean(c.starts, c.ends, c.values) for k, c in found.items() if c and len(c)}


def warnings_of(songs: Sequence[Song], system: System, pairs: dict[str, Pair]) -> list[str]:
    """Tell what to know before reading a system's scores: missing songs, scale, order, lag."""
    reference = np.concatenate([np.empty((0, 2)), *(r for r, _ in pairs.values())])
    estimate = np.concatenate([np.empty((0, 2)), *(e for _, e in pairs.values())])
    labels = {song.name: song.labels for song in songs}
    # What does not listen cannot be late.
    timed = [] if system.name in TRIVIAL else [(labels[k], system.curves[k]) for k in pairs]
    texts = (
        _missing_half_seconds(songs, len(pairs), len(estimate)),
        _missing_quadrants(songs, system),
        scale_warning(reference, estimate),
        order_warning(reference, estimate, len(pairs)),
        lag_warning(timed),
    )
    return [f"{system.name}: {text}" for text in texts if text]


def compare(
    reference: str,
    songs: Sequence[Song],
    systems: Sequence[System],
    pairs: Sequence[dict[str, Pair]],
    warnings: Sequence[str] = (),
    tested: Sequence[str] = TESTED,
    untested: Collection[str] = (),
) -> Comparison:
    """Score systems and test each against the first; score the raters where there are several.

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
    untested : collection of str
        Names of systems that are scored only, so that the family does not grow by them.

    Raises
    ------
    EvaluationError
        If a system has neither a song with two matched intervals nor one with a quadrant.
    """
    scored = [
        _scored(songs, system, {name: [pair] for name, pair in found.items()})
        for system, found in zip(systems, pairs, strict=True)
    ]
    tests = _tests(songs, [s for s in scored if s.system.name not in untested], tested)
    return Comparison(reference, songs, [*scored, *_raters(songs)], tests, warnings)


def _raters(songs: Sequence[Song]) -> list[Scored]:
    pairs = match_raters(with_curves(songs))
    if not pairs:
        return []
    people = _scored(songs, System(RATERS, WHAT, {}, held_out=True), pairs)
    counts = {len(found) for found in pairs.values()}
    few, many = min(counts), max(counts)
    return [replace(people, note=f"{WHAT}; {few if few == many else f'{few} to {many}'} a song")]


def _missing_half_seconds(songs: Sequence[Song], covered: int, matched: int) -> str:
    curves, labelled = len(with_curves(songs)), sum(len(song.labels) for song in songs)
    if covered == curves and matched == labelled:
        return ""
    return (
        f"covers {covered} of {curves} songs and {matched} of {labelled} labelled half seconds; it "
        "is scored on these, other systems on theirs"
    )


def _missing_quadrants(songs: Sequence[Song], system: System) -> str:
    found, marked = len(song_means(songs, system)), len(with_quadrants(songs))
    return "" if found == marked else f"covers {found} of {marked} songs with quadrants"


def _scored(songs: Sequence[Song], system: System, pairs: Mapping[str, Sequence[Pair]]) -> Scored:
    means = song_means(songs, system)
    if not (pairs or means):
        raise EvaluationError(
            f"{system.name}: no song has two labelled half seconds, or a quadrant, that its "
            "estimates cover: expected times in seconds from the start of the recording"
        )
    by_song = [pairs.get(song.name, ()) for song in with_curves(songs)]
    rows = rows_of(by_song)
    scores = curve_scores(rows, by_song) if pairs else {}
    scores |= quadrant_scores(songs, means) if means else {}
    undefined = undefined_pccs(by_song)
    return Scored(system, pairs, rows, means, scores, undefined, leak_of_system(system, songs))


def _tests(
    songs: Sequence[Song], scored: Sequence[Scored], tested: Sequence[str]
) -> list[PairedTest]:
    first, *others = scored
    kinds = list(product(others, range(len(DIMENSIONS)), tested if with_curves(songs) else ()))
    found = [_test(first, other, d, metric) for other, d, metric in kinds]
    wilcoxon, t = holm([x.wilcoxon_p for x in found]), holm([x.t_p for x in found])
    adjusted = [
        replace(x, wilcoxon_p_holm=float(w), t_p_holm=float(p))
        for x, w, p in zip(found, wilcoxon, t, strict=True)
    ]
    dimensions = range(len(DIMENSIONS)) if with_quadrants(songs) else ()
    return adjusted + [_area_test(songs, first, o, d) for o, d in product(others, dimensions)]


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


def _area_test(songs: Sequence[Song], first: Scored, other: Scored, dimension: int) -> PairedTest:
    both = [song for song in songs if song.name in first.means and song.name in other.means]
    names = other.system.name, first.system.name, DIMENSIONS[dimension], AUC
    if not both:
        return PairedTest(*names, 0, Score(*[float("nan")] * 3))
    (positive, a), (_, b) = (signs_and_means(both, scored.means) for scored in (first, other))
    areas = [resampled_areas(positive[:, dimension], x[:, dimension]) for x in (a, b)]
    low, high = interval(areas[1] - areas[0])
    key = QUADRANTS, DIMENSIONS[dimension], AUC
    values = [quadrant_scores(both, scored.means)[key].value for scored in (first, other)]
    return PairedTest(*names, len(both), Score(values[1] - values[0], float(low), float(high)))
