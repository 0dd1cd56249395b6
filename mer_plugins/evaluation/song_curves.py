"""The curves behind a comparison, on its grid: ``curves.npz``, of which docs/evaluation.md tells.

Scores are of the labelled cells alone; the curves here are whole, so that they can be looked at
while the recording plays.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mer_plugins.curves import FloatArray
from mer_plugins.evaluation.reference import GRID_S, EvaluationError, Song, averaged
from mer_plugins.evaluation.systems import System
from mer_plugins.time_grid import Intervals

CURVES, FORMAT = "curves.npz", "mer-plugins curves 1"
# Times in the wrong unit would otherwise fill the disk.
MOST_S = 3600.0
_KEYS = ("songs", "audio", "systems", "counts", "cells", "values", "std")


@dataclass(frozen=True, eq=False)
class CellCurve:
    """A curve on the half-second grid.

    Parameters
    ----------
    cells : np.ndarray of int, shape=(k,)
        Places on the grid: cell i lasts from i / 2 s to (i + 1) / 2 s.
    values : np.ndarray, shape=(k, 2)
        (valence, arousal) as they stand.
    std : np.ndarray, shape=(k, 2), or None
        Standard deviations, in the same unit.
    """

    cells: npt.NDArray[np.int32]
    values: FloatArray
    std: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.cells)


@dataclass(frozen=True, eq=False)
class SongCurves:
    """What people and each system said of a song.

    Parameters
    ----------
    name : str
        Path of the recording within the collection, with ``/``.
    audio : str
        Path of the recording, from the folder of the comparison.
    reference : CellCurve
        What people said; empty where there is only a quadrant.
    estimates : mapping of str to CellCurve
        By the system's name, in the order of the comparison, of those that have the song.
    """

    name: str
    audio: str
    reference: CellCurve
    estimates: Mapping[str, CellCurve]


def to_bytes(songs: Sequence[Song], systems: Sequence[System], folder: Path) -> bytes:
    """Return the content of ``curves.npz``, as float32.

    Parameters
    ----------
    songs : sequence of Song
        The reference.
    systems : sequence of System
        Those without any curve, such as the raters, are left out.
    folder : pathlib.Path
        Where the file will lie: the paths of recordings are from there.
    """
    with_curves = [system for system in systems if system.curves]
    curves = [curve for song in songs for curve in _curves(song, with_curves)]
    content = io.BytesIO()
    np.savez_compressed(
        content,
        format=np.array(FORMAT),
        songs=np.array([song.name for song in songs], dtype=str),
        audio=np.array([_from(folder, song.audio) for song in songs], dtype=str),
        systems=np.array([system.name for system in with_curves], dtype=str),
        counts=np.array([len(c) for c in curves], np.int32).reshape(len(songs), -1),
        cells=np.concatenate([np.empty(0, np.int32), *(c.cells for c in curves)]),
        values=_stacked([c.values for c in curves]),
        std=_stacked([np.full_like(c.values, np.nan) if c.std is None else c.std for c in curves]),
    )
    return content.getvalue()


def read_song_curves(folder: Path) -> Iterator[SongCurves]:
    """Yield the curves of each song of a comparison.

    Parameters
    ----------
    folder : pathlib.Path
        What ``mer evaluate -o`` wrote; without ``curves.npz``, as before there was any, there
        are no songs.

    Raises
    ------
    EvaluationError
        If the file is damaged or of a format that this version does not know.
    """
    path = folder / CURVES
    if not path.exists():
        return
    found = _arrays(path)
    ends = np.cumsum(found["counts"]).reshape(found["counts"].shape)
    names = list(map(str, found["systems"]))
    for song, audio, stops, counts in zip(
        found["songs"], found["audio"], ends, found["counts"], strict=True
    ):
        reference, *estimates = (_cut(found, *at) for at in zip(stops - counts, stops, strict=True))
        there = {n: curve for n, curve in zip(names, estimates, strict=True) if len(curve)}
        yield SongCurves(str(song), str(audio), reference, there)


def _curves(song: Song, systems: Sequence[System]) -> Iterator[CellCurve]:
    yield _on_cells(song.labels, song.std)
    end_s = max(MOST_S, float(np.max(song.labels.ends, initial=0.0)))
    for system in systems:
        curve, std = system.curves.get(song.name), system.stds.get(song.name)
        yield _NOTHING if curve is None else _on_cells(*_averaged(end_s, curve, std))


def _averaged(
    end_s: float, curve: Intervals, std: Intervals | None
) -> tuple[Intervals, Intervals | None]:
    return averaged(curve, end_s), None if std is None else averaged(std, end_s)


def _on_cells(curve: Intervals, std: Intervals | None) -> CellCurve:
    cells = np.round(curve.starts / GRID_S).astype(np.int32)
    # A band with gaps of its own could not be drawn along its curve.
    is_whole = std is not None and len(std) == len(curve)
    return CellCurve(cells, curve.values, std.values if std is not None and is_whole else None)


def _stacked(parts: Sequence[FloatArray]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.empty((0, 2)), *parts]).astype(np.float32)


def _from(folder: Path, audio: Path) -> str:
    try:
        return Path(os.path.relpath(audio, folder)).as_posix()
    except ValueError:
        # On another drive, where no relative path leads.
        return os.path.abspath(audio)


def _arrays(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            known, found = str(archive["format"]), {key: archive[key] for key in _KEYS}
    except Exception as exc:
        # numpy and zipfile have many errors for a damaged archive, and all mean this.
        raise EvaluationError(
            f"{path}: cannot be read ({' '.join(str(exc).split())}); run mer evaluate again"
        ) from exc
    if known != FORMAT:
        raise EvaluationError(f"{path}: format is {known!r}: expected {FORMAT!r}; run mer evaluate")
    return found


def _cut(found: Mapping[str, npt.NDArray[np.generic]], start: int, stop: int) -> CellCurve:
    cells = found["cells"][start:stop].astype(np.int32)
    values, std = (found[key][start:stop].astype(np.float64) for key in ("values", "std"))
    return CellCurve(cells, values, None if np.isnan(std).any() or not len(std) else std)


_NOTHING = CellCurve(np.empty(0, np.int32), np.empty((0, 2)))
