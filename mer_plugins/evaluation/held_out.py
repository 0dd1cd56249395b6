"""Systems whose curves were each made without their song: predictors by folds, training runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mer_plugins.baselines.fit_trivial import FITS
from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.evaluation.reference import GRID_S, EvaluationError, Problem, Song
from mer_plugins.evaluation.systems import System
from mer_plugins.sequence.folds import FoldTable, assign_folds, check_table
from mer_plugins.song_names import find_names
from mer_plugins.time_grid import Intervals, intervals

ESTIMATES, CONFIG = "estimates.npz", "config.json"
_FOLDS, _SEED = 5, 0


def fitted_by_folds(name: str, songs: Sequence[Song], table: FoldTable, source: str) -> System:
    """Fit a predictor that does not listen on the other folds, for the songs of each.

    Parameters
    ----------
    name : str
        ``global-mean`` or ``mean-trajectory``.
    songs : sequence of Song
        The reference; those with a curve are fitted on.
    table : FoldTable
        As ``mer train --folds-csv`` reads it, and with the same rule for songs that it lacks.
    source : str
        Of the folds, for people.

    Raises
    ------
    EvaluationError
        If all songs with a curve are in one fold.
    DataError
        If the table names none of the songs.
    """
    check_table(songs, table)
    folds = assign_folds(songs, table, table.count or _FOLDS, _SEED)
    return fitted_on_others(name, songs, folds, source)


def fitted_on_others(name: str, songs: Sequence[Song], folds: Sequence[int], source: str) -> System:
    """Fit a predictor that does not listen as :func:`fitted_by_folds`, given each song's fold.

    Raises
    ------
    EvaluationError
        If all songs with a curve are in one fold.
    """
    curves: dict[str, Intervals] = {}
    for fold in sorted(set(folds)):
        others = [s for s, of in zip(songs, folds, strict=True) if of != fold and len(s.labels)]
        if not others:
            raise EvaluationError(
                f"{source}: every song with a curve is in fold {fold}: expected two folds or more"
            )
        fitted = FITS[name](
            [EmotionCurve(s.labels.starts, s.labels.values, GRID_S) for s in others]
        )
        own = [s for s, of in zip(songs, folds, strict=True) if of == fold]
        curves |= {s.name: _half_seconds(fitted.at(np.arange(_length(s)))) for s in own}
    return System(name, f"{name}, fitted on the other folds of {source}", curves, held_out=True)


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a training run with held-out predictions."""
    return (folder / ESTIMATES).is_file() and (folder / CONFIG).is_file()


def read_run(folder: Path, songs: Sequence[Song], problem: Problem) -> System:
    """Read the held-out predictions of a run of ``mer train``.

    A song is found by its path, or by its stem where that is unique, as
    :func:`mer_plugins.song_names.find_names` says; the others are left out.

    Raises
    ------
    EvaluationError
        If the run's files are damaged, or none of its songs is one of the reference.
    """
    plugin, segment_s = _settings(folder)
    found = stored_predictions(folder / ESTIMATES)
    names = find_names(
        [(song.name, song.audio) for song in songs],
        found,
        lambda name, reason: problem(name, f"{reason}, as in {folder}"),
    )
    curves = {
        song.name: from_start(found[name], segment_s)
        for song, name in zip(songs, names, strict=True)
        if name
    }
    if not curves:
        raise EvaluationError(
            f"{folder / ESTIMATES}: holds no held-out song of the reference, but {len(found)} "
            "others: expected a run of mer train with --fold or --folds all on this collection"
        )
    return System(plugin, str(folder), curves, held_out=True)


def _settings(folder: Path) -> tuple[str, float]:
    """Return the plugin of a run, and the length of its segments in seconds."""
    try:
        content: Any = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        settings = content["settings"]
        return str(settings["plugin"]), _segment_s(settings["recipe"]["features"])
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as exc:
        raise EvaluationError(
            f"{folder / CONFIG}: is not that of a training run ({exc!r}): expected what mer train "
            "writes"
        ) from exc


def _segment_s(features: Any) -> float:
    """Return the length of a segment in seconds, as the front ends define it."""
    if "segment_s" in features:
        return float(features["segment_s"])
    frames = features["frames_per_segment"] * features["hop_length"]
    return float(frames / features["sample_rate"])


def stored_predictions(path: Path) -> dict[str, FloatArray]:
    """Read what a training run predicted, shape=(t, 2), by song; EvaluationError if damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names, lengths, values = (archive[key] for key in ("names", "lengths", "values"))
        parts = np.split(values.astype(float).reshape(-1, 2), np.cumsum(lengths)[:-1])
        return {str(name): part for name, part in zip(names, parts, strict=True)}
    except Exception as exc:
        # numpy and zipfile have many errors for a damaged archive, and all mean this.
        raise EvaluationError(f"{path}: cannot be read ({' '.join(str(exc).split())})") from exc


def from_start(values: FloatArray, hop_s: float) -> Intervals:
    """Lay values, shape=(t, 2), out in time: one each `hop_s` seconds from 0 on."""
    return intervals(np.arange(len(values)) * hop_s, values, hop_s)


def _half_seconds(values: FloatArray) -> Intervals:
    return from_start(values, GRID_S)


def _length(song: Song) -> int:
    """Return how many half seconds reach to the end of the labels; one for a quadrant."""
    return round(float(song.labels.ends[-1]) / GRID_S) if len(song.labels) else 1
