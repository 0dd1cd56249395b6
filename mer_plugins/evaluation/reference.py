"""The songs of a labelled collection, their mean human curve on a grid of half seconds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mer_plugins.collection import find_tracks
from mer_plugins.curves import EmotionCurve
from mer_plugins.errors import JamsError, MerError
from mer_plugins.jams_store import read
from mer_plugins.labels import human_curve
from mer_plugins.time_grid import MAX_TIME_S, Intervals, intervals, on_grid
from mer_plugins.trained_on import Identity, identity

GRID_S = 0.5
Problem = Callable[[str, str], None]


class EvaluationError(MerError):
    """There is nothing to compare, or nothing to compare it with."""


@dataclass(frozen=True, eq=False)
class Song:
    """A recording with human labels.

    Parameters
    ----------
    name : str
        Path of the recording within the collection, with ``/``.
    audio : pathlib.Path
        The recording.
    labels : Intervals
        The cells of the half-second grid that are labelled, values (valence, arousal) in [-1, 1].
    identity : Identity
        What a list of songs that weights were trained on may call it by.
    """

    name: str
    audio: Path
    labels: Intervals
    identity: Identity = field(default_factory=Identity)


def read_reference(collection: str, problem: Problem) -> list[Song]:
    """Read every recording of a collection whose JAMS holds a human curve.

    Parameters
    ----------
    collection : str
        A folder, or another input as :func:`mer_plugins.collection.find_tracks` takes it.
    problem : callable
        Called with (name, reason) for each recording whose labels cannot be read.

    Raises
    ------
    EvaluationError
        If no recording has labels.
    """
    songs = list(_songs(collection, problem))
    if not songs:
        raise EvaluationError(
            f"{collection}: no recording has a human curve (mood_thayer) in its JAMS: expected a "
            "collection as `mer datasets import` makes it"
        )
    return songs


def on_half_seconds(curve: EmotionCurve) -> Intervals:
    """Average a curve over the cells [0, 0.5), [0.5, 1), ... s of which it covers half or more."""
    if len(curve) and curve.times[-1] > MAX_TIME_S:
        raise JamsError(f"labels reach {curve.times[-1]:g} s: expected seconds, at most 30000")
    fine = intervals(curve.times, curve.values, curve.hop_s)
    starts = np.arange(np.ceil(np.max(fine.ends, initial=0.0) / GRID_S)) * GRID_S
    cells = Intervals(starts, starts + GRID_S, np.zeros((len(starts), 2)), GRID_S)
    covered, values = on_grid(cells, fine)
    return Intervals(starts[covered], starts[covered] + GRID_S, values, GRID_S)


def name_within(collection: str, audio: Path) -> str:
    """Return the path of a recording within a collection, with ``/``."""
    root = collection if os.path.isdir(collection) else os.path.dirname(collection) or "."
    return Path(os.path.relpath(audio, os.path.abspath(root))).as_posix()


def _songs(collection: str, problem: Problem) -> Iterator[Song]:
    for track in find_tracks([collection], problem=problem):
        if not track.jams.exists():
            continue
        try:
            jams = read(track.jams)
            curve = human_curve(jams)
            labels = on_half_seconds(curve) if curve is not None else None
        except JamsError as exc:
            problem(track.name, f"left out, its labels cannot be read: {exc}")
            continue
        if labels is not None and len(labels):
            name = name_within(collection, track.audio)
            yield Song(name, track.audio, labels, identity(jams))
