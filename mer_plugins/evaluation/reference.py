"""The songs of a labelled collection: their human curve on a grid of half seconds, or quadrant."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mer_plugins.collection import Track, find_tracks
from mer_plugins.curves import EmotionCurve
from mer_plugins.errors import JamsError, MerError
from mer_plugins.jams_store import read
from mer_plugins.labels import (
    group_within,
    human_curve,
    human_quadrant,
    rater_curves,
    song_ids,
)
from mer_plugins.time_grid import MAX_TIME_S, Intervals, intervals, on_grid
from mer_plugins.trained_on import Identity, identity

GRID_S = 0.5
_UNLABELLED = Intervals(np.empty(0), np.empty(0), np.empty((0, 2)), GRID_S)
Problem = Callable[[str, str], None]


class EvaluationError(MerError):
    """There is nothing to compare, or nothing to compare it with."""


@dataclass(frozen=True, eq=False)
class Song:
    """A recording with human labels: a curve, or else one of Russell's quadrants.

    Parameters
    ----------
    name : str
        Path of the recording within the collection, with ``/``.
    audio : pathlib.Path
        The recording.
    labels : Intervals
        The cells of the half-second grid that are labelled, values (valence, arousal) in [-1, 1];
        none where there is only a quadrant.
    quadrant : tuple of float, optional
        The signs of valence and arousal, where there is no curve.
    raters : sequence of sequence of Intervals
        Of each group of two raters or more, each rater's labels on the half-second grid.
    song_ids : frozenset of str
        What a table of folds may call it.
    group : str
        Artist or series; empty if not known.
    identity : Identity
        What a list of songs that weights were trained on may call it by.
    std : Intervals, optional
        Standard deviation of the labels on the same grid, where the collection has it.
    """

    name: str
    audio: Path
    labels: Intervals
    quadrant: tuple[float, float] | None = None
    raters: Sequence[Sequence[Intervals]] = ()
    song_ids: frozenset[str] = frozenset()
    group: str = ""
    identity: Identity = field(default_factory=Identity)
    std: Intervals | None = None


def read_reference(collection: str, problem: Problem) -> list[Song]:
    """Read every recording of a collection whose JAMS holds a human curve or quadrant.

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
    left_out: list[str] = []

    def leave_out(name: str, reason: str) -> None:
        left_out.append(f"{name}: {reason}")
        problem(name, f"left out: {reason}")

    songs = list(_songs(collection, problem, leave_out))
    if not songs:
        found = (
            f"no recording has labels that can be used, {len(left_out)} have others, such as "
            f"{left_out[0]}"
            if left_out
            else "no recording has a human curve (mood_thayer) or quadrant (tag_open) in its JAMS"
        )
        raise EvaluationError(
            f"{collection}: {found}: expected a collection as `mer datasets import` makes it"
        )
    return songs


def with_curves(songs: Sequence[Song]) -> list[Song]:
    """Return the songs that have a curve."""
    return [song for song in songs if len(song.labels)]


def with_quadrants(songs: Sequence[Song]) -> list[Song]:
    """Return the songs that have a quadrant."""
    return [song for song in songs if song.quadrant]


def on_half_seconds(curve: EmotionCurve) -> Intervals:
    """Average a curve over the cells [0, 0.5), [0.5, 1), ... s of which it covers half or more."""
    if len(curve) and curve.times[-1] > MAX_TIME_S:
        raise JamsError(f"labels reach {curve.times[-1]:g} s: expected seconds, at most 30000")
    return averaged(intervals(curve.times, curve.values, curve.hop_s))


def averaged(fine: Intervals, end_s: float = np.inf) -> Intervals:
    """Average intervals over the cells [0, 0.5), [0.5, 1) and so on, up to a time, as above."""
    last = min(float(np.max(fine.ends, initial=0.0)), end_s)
    starts = np.arange(np.ceil(last / GRID_S)) * GRID_S
    cells = Intervals(starts, starts + GRID_S, np.zeros((len(starts), 2)), GRID_S)
    covered, values = on_grid(cells, fine)
    return Intervals(starts[covered], starts[covered] + GRID_S, values, GRID_S)


def name_within(collection: str, audio: Path) -> str:
    """Return the path of a recording within a collection, with ``/``."""
    root = collection if os.path.isdir(collection) else os.path.dirname(collection) or "."
    return Path(os.path.relpath(audio, os.path.abspath(root))).as_posix()


def _songs(collection: str, problem: Problem, leave_out: Problem) -> Iterator[Song]:
    for track in find_tracks([collection], problem=problem):
        if not track.jams.exists():
            continue
        try:
            song = _song(collection, track, read(track.jams))
        except JamsError as exc:
            leave_out(track.name, f"its labels cannot be read: {exc}")
            continue
        if song is None:
            continue
        if len(song.labels) or song.quadrant:
            yield song
        else:
            leave_out(track.name, "its labels cover no half second by half or more")


def _song(collection: str, track: Track, jams: Mapping[str, Any]) -> Song | None:
    curve, quadrant = human_curve(jams), human_quadrant(jams)
    if curve is None and quadrant is None:
        return None
    if curve is not None and not len(curve) and quadrant:
        curve = None
    groups = rater_curves(jams) if curve is not None else {}
    return Song(
        name_within(collection, track.audio),
        track.audio,
        _UNLABELLED if curve is None else on_half_seconds(curve),
        quadrant if curve is None else None,
        [list(map(on_half_seconds, found)) for found in groups.values() if len(found) > 1],
        song_ids(track, jams),
        group_within(jams),
        identity(jams),
        None if curve is None else _deviations(curve),
    )


def _deviations(curve: EmotionCurve) -> Intervals | None:
    if curve.std is None:
        return None
    return averaged(intervals(curve.times, curve.std, curve.hop_s))
