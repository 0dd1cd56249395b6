"""Score the cells of a study as ``mer evaluate`` scores systems, on the songs of complete folds.

Beside them stand predictors that do not listen, which no paper's table has: they are fitted on the
labels of the other folds, and are not tested, so that the tests stay those of the study's rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from mer_plugins.collection import find_tracks
from mer_plugins.errors import MerError
from mer_plugins.evaluation.comparison import Comparison, Scored, compare, match_system
from mer_plugins.evaluation.held_out import ESTIMATES, fitted_on_others, from_start
from mer_plugins.evaluation.reference import Song, read_reference
from mer_plugins.evaluation.systems import TRIVIAL, System
from mer_plugins.reproduction.cells import Cell, Setup, complete_folds, estimates_of, hop_file
from mer_plugins.song_names import song_names
from mer_plugins.studies import COLUMNS, Study

TESTED = tuple(dict.fromkeys(metric for _, metric in COLUMNS))
UNLISTENING = "does not listen; fitted on the other folds; ours, not the paper's, and not tested"


def read_songs(collections: Sequence[str], problem: Callable[[str, str], None]) -> list[Song]:
    """Read the labels of several collections.

    Raises
    ------
    EvaluationError
        If one has no labels.
    """
    tracks = list(find_tracks(collections, problem=lambda name, reason: None))
    names = song_names(tracks, collections)
    name_of = {track.audio: name for track, name in zip(tracks, names, strict=True)}
    found = [song for c in collections for song in read_reference(c, problem)]
    return [replace(song, name=name_of[song.audio]) for song in found]


def score_study(study: Study, cells: Sequence[Cell], setup: Setup) -> Comparison:
    """Compare the rows of a study, and what does not listen, over the folds that are complete.

    Raises
    ------
    MerError
        If no fold is complete.
    """
    folds = complete_folds(cells)
    if not folds:
        raise MerError(f"{study.name}: no fold is complete: run the same command to go on")
    rows = _systems(study, cells, folds)
    songs = [song for song, of in zip(setup.songs, setup.fold_of, strict=True) if of in folds]
    known = set.intersection(*(set(row.curves) for row in rows))
    scored = [song for song in songs if song.name in known]
    systems = [
        replace(row, curves={song.name: row.curves[song.name] for song in scored}) for row in rows
    ]
    systems += [_unlistening(name, scored, setup) for name in TRIVIAL]
    found = compare(
        ", ".join(setup.collections),
        scored,
        systems,
        [match_system(scored, system) for system in systems],
        _warnings(songs, scored),
        TESTED,
        untested=TRIVIAL,
    )
    noted = [replace(s, note=UNLISTENING) if is_unlistening(s) else s for s in found.systems]
    return replace(found, systems=noted)


def is_unlistening(scored: Scored) -> bool:
    """Tell whether a system is one that does not listen, which is no row of the paper."""
    return scored.system.name in TRIVIAL


def _unlistening(name: str, scored: Sequence[Song], setup: Setup) -> System:
    system = fitted_on_others(name, setup.songs, setup.fold_of, f"folds {setup.folds_from}")
    return replace(system, curves={song.name: system.curves[song.name] for song in scored})


def _warnings(songs: Sequence[Song], scored: Sequence[Song]) -> list[str]:
    left = [song.name for song in songs if song not in scored]
    if not left:
        return []
    which = f"{len(left)} of {len(songs)} songs are not scored, such as {left[0]}"
    return [f"{which}: not every row has predicted them"]


def _systems(study: Study, cells: Sequence[Cell], folds: Sequence[int]) -> list[System]:
    if study.hops_s:
        files = {f"hop {hop:g} s": hop_file(hop) for hop in study.hops_s}
        return [_system(label, cells, folds, file) for label, file in files.items()]
    return [
        _system(row.label, [c for c in cells if c.row == row], folds, ESTIMATES)
        for row in study.rows
    ]


def _system(label: str, cells: Sequence[Cell], folds: Sequence[int], file: str) -> System:
    segment_s = cells[0].plan.recipe.features.segment_s
    found = estimates_of(cells, folds, file)
    curves = {name: from_start(values, segment_s) for name, values in found.items()}
    source = f"{cells[0].row.plugin}, {cells[0].plan.data['recipe']}, folds {list(folds)}"
    return System(label, source, curves, held_out=True)


def not_significant(comparison: Comparison, level: float = 0.05) -> Mapping[str, set[int]]:
    """Return, by system, the columns of :data:`COLUMNS` that do not differ from the first system.

    By the paired t test over songs, the paper's, with Holm's rule over the study's rows.
    """
    found: dict[str, set[int]] = {}
    for test in comparison.tests:
        if (test.dimension, test.metric) not in COLUMNS:
            continue
        column = COLUMNS.index((test.dimension, test.metric))
        if not test.t_p_holm <= level:
            found.setdefault(test.system, set()).add(column)
    return found
