"""Score the cells of a study as ``mer evaluate`` scores systems, on the songs of complete folds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mer_plugins.errors import MerError
from mer_plugins.evaluation.comparison import Comparison, compare, match_system
from mer_plugins.evaluation.held_out import from_start
from mer_plugins.evaluation.reference import Song, read_reference
from mer_plugins.evaluation.systems import System
from mer_plugins.reproduction.cells import Cell, complete_folds, estimates_of, hop_file
from mer_plugins.song_names import find_names
from mer_plugins.studies import COLUMNS, Study

TESTED = tuple(dict.fromkeys(metric for _, metric in COLUMNS))
_ESTIMATES = "estimates.npz"


def read_songs(collections: Sequence[str], problem: Callable[[str, str], None]) -> list[Song]:
    """Read the labels of several collections.

    Raises
    ------
    EvaluationError
        If one has no labels.
    """
    songs = [(c, song) for c in collections for song in read_reference(c, problem)]
    often = Counter(song.name for _, song in songs)
    return [
        # Scores are kept by name, which collections may share.
        song if often[song.name] == 1 else replace(song, name=f"{_last_part(c)}/{song.name}")
        for c, song in songs
    ]


def _last_part(collection: str) -> str:
    return Path(collection).resolve().name


def score_study(study: Study, cells: Sequence[Cell], songs: Sequence[Song]) -> Comparison:
    """Compare the rows of a study over the songs of the folds that are complete.

    Raises
    ------
    MerError
        If no fold is complete.
    """
    folds = complete_folds(cells)
    if not folds:
        raise MerError(f"{study.name}: no fold is complete: run the same command to go on")
    systems = _systems(study, cells, folds)
    names = find_names([(song.name, song.audio) for song in songs], systems[0].curves)
    found = {song.name: name for song, name in zip(songs, names, strict=True) if name}
    scored = [song for song in songs if song.name in found]
    renamed = [
        System(s.name, s.source, {song: s.curves[name] for song, name in found.items()})
        for s in systems
    ]
    pairs = [match_system(scored, system) for system in renamed]
    collection = ", ".join(cells[0].plan.data["collections"])
    return compare(collection, scored, renamed, pairs, tested=TESTED)


def _systems(study: Study, cells: Sequence[Cell], folds: Sequence[int]) -> list[System]:
    if study.hops_s:
        files = {f"hop {hop:g} s": hop_file(hop) for hop in study.hops_s}
        return [_system(label, cells, folds, file) for label, file in files.items()]
    return [
        _system(row.label, [c for c in cells if c.row == row], folds, _ESTIMATES)
        for row in study.rows
    ]


def _system(label: str, cells: Sequence[Cell], folds: Sequence[int], file: str) -> System:
    segment_s = cells[0].plan.recipe.features.segment_s
    found = estimates_of(cells, folds, file)
    curves = {name: from_start(values, segment_s) for name, values in found.items()}
    source = f"{cells[0].row.plugin}, {cells[0].plan.data['recipe']}, folds {list(folds)}"
    return System(label, source, curves)


def not_significant(comparison: Comparison, level: float = 0.05) -> Mapping[str, set[int]]:
    """Return, by system, the columns of :data:`COLUMNS` that do not differ from the first system.

    By the paired t test over songs, the paper's, with Holm's rule over the whole table.
    """
    found: dict[str, set[int]] = {}
    for test in comparison.tests:
        if (test.dimension, test.metric) not in COLUMNS:
            continue
        column = COLUMNS.index((test.dimension, test.metric))
        if not test.t_p_holm <= level:
            found.setdefault(test.system, set()).add(column)
    return found
