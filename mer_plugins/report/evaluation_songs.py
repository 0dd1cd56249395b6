"""What the page of a comparison shows of each song once it is opened: all curves together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_plugins.evaluation.reference import GRID_S
from mer_plugins.evaluation.song_curves import CellCurve, SongCurves, read_song_curves
from mer_plugins.evaluation.systems import TRIVIAL
from mer_plugins.report.details import Details
from mer_plugins.report.links import link
from mer_plugins.report.payload import drawn, plane

REFERENCE = "reference (people)"


@dataclass(frozen=True, eq=False)
class SongView:
    """What the page needs to open a song.

    Parameters
    ----------
    report : dict
        Labels of the curves, the reference first; names in the plane; folder of the details.
    numbers : dict
        By the song's name, the number of its details.
    audio : dict
        By the song's name, the path of its recording as ``curves.npz`` has it.
    """

    report: dict[str, Any]
    numbers: dict[str, int]
    audio: dict[str, Path]


def song_view(folder: Path, systems: Sequence[str], title: str, store: Details) -> SongView:
    """Lay the curves of every song into `store`.

    Parameters
    ----------
    folder : pathlib.Path
        Output of ``mer evaluate``; without ``curves.npz`` no song has a number.
    systems : sequence of str
        All systems, in the order of the comparison.
    title : str
        Heading of the page.
    store : Details
        Takes the curves of one song after the other.

    Raises
    ------
    EvaluationError
        If the curves cannot be read.
    OSError
        If the disk does not take them.
    """
    numbers, audio = {}, {}
    places = {name: place for place, name in enumerate(systems, start=1)}
    for song in read_song_curves(folder):
        curves = [{"label": place, **_drawn(curve)} for place, curve in _placed(song, places)]
        numbers[song.name] = store.add({"curves": curves, "spectrogram": None})
        audio[song.name] = folder / song.audio
    report = {
        "title": title,
        "labels": [{"name": REFERENCE, "human": True, "hidden": False}, *_labels(systems)],
        "plane": plane(),
        **store.place(),
    }
    return SongView(report, numbers, audio)


def sound(song: str, view: SongView, root: Path, page: Path, *, is_asked: bool) -> str | None:
    """Return the address of a song's recording; None if it is nowhere.

    With `is_asked` only `root` counts; otherwise the comparison's own path is tried before it.
    """
    own = [view.audio[song]] if song in view.audio and not is_asked else []
    there = [path for path in (*own, root / song) if path.is_file()]
    return link(there[0], page) if there else None


def _labels(systems: Sequence[str]) -> list[dict[str, Any]]:
    """Hide what does not listen at first, unless there is nothing else."""
    trivial = [name.rpartition("/")[2] in TRIVIAL for name in systems]
    return [
        {"name": name, "human": False, "hidden": is_trivial and not all(trivial)}
        for name, is_trivial in zip(systems, trivial, strict=True)
    ]


def _placed(song: SongCurves, places: dict[str, int]) -> Iterator[tuple[int, CellCurve]]:
    if len(song.reference):
        yield 0, song.reference
    for name, curve in song.estimates.items():
        if name in places:
            yield places[name], curve


def _drawn(curve: CellCurve) -> dict[str, Any]:
    return drawn(curve.cells * GRID_S, GRID_S, curve.values, curve.std)
