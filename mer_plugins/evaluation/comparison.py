"""Score systems against a reference, with intervals, tests and warnings.

Every system is scored on the labelled half seconds that it covers, so nothing about one system
alters the scores of another; where one misses songs or intervals, a warning tells. Tests are on
the songs and half seconds that both systems have.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mer_plugins.aggregation import Pair
from mer_plugins.curves import FloatArray
from mer_plugins.evaluation.checks import lag_warning, order_warning, scale_warning
from mer_plugins.evaluation.leaks import Leak, leak_of_system
from mer_plugins.evaluation.paired import PairedTest, paired_tests
from mer_plugins.evaluation.raters import NAME as RATERS
from mer_plugins.evaluation.raters import WHAT, match_raters
from mer_plugins.evaluation.reference import EvaluationError, Song, with_curves, with_quadrants
from mer_plugins.evaluation.scoring import (
    AGGREGATIONS,
    AUC,
    QUADRANTS,
    Scores,
    curve_scores,
    quadrant_scores,
    rows_of,
    song_mean,
    undefined_pccs,
)
from mer_plugins.evaluation.statistics import (
    METRICS,
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
        Matched (reference, estimate), shape=(k, 2), of each song with a matched interval: one a
        song or, of the raters, one a rater.
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


def match_system(songs: Sequence[Song], system: System) -> dict[str, Pair]:
    """Bring a system's curves onto the labelled half seconds; songs without one are left out.

    Returns
    -------
    dict of str to (np.ndarray, np.ndarray)
        By song: (reference, estimate), shape=(k, 2).
    """
    pairs = {}
    for song in with_curves(songs):
        if song.name in system.curves:
            covered, estimate = on_grid(song.labels, system.curves[song.name])
            if len(estimate):
                pairs[song.name] = song.labels.values[covered], estimate
    return pairs


def song_means(songs: Sequence[Song], system: System) -> dict[str, FloatArray]:
    """Return the mean of a system's curve for each song that has a quadrant."""
    found = {s.name: system.curves.get(s.name) for s in with_quadrants(songs)}
    return {k: song_mean(c.starts, c.ends, c.values) for k, c in found.items() if c and len(c)}


def unmatched(songs: Sequence[Song], system: System, pairs: Mapping[str, object]) -> str:
    """Tell that a system has nothing to be scored; an empty text if it has."""
    if pairs or song_means(songs, system):
        return ""
    return (
        f"{system.name}: no song has a labelled half second, or a quadrant, that its estimates "
        "cover: expected times in seconds from the start of the recording"
    )


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
        If a system has neither a song with a matched interval nor one with a quadrant.
    """
    scored = [
        _scored(songs, system, {name: [pair] for name, pair in found.items()})
        for system, found in zip(systems, pairs, strict=True)
    ]
    shown = [one for one in scored if one.system.name not in untested]
    tests = paired_tests(songs, shown, tested)
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
    if text := unmatched(songs, system, pairs):
        raise EvaluationError(text)
    means = song_means(songs, system)
    by_song = [pairs.get(song.name, ()) for song in with_curves(songs)]
    rows = rows_of(by_song)
    scores = curve_scores(rows, by_song) if pairs else {}
    scores |= quadrant_scores(songs, means) if means else {}
    undefined = undefined_pccs(by_song)
    return Scored(system, pairs, rows, means, scores, undefined, leak_of_system(system, songs))
