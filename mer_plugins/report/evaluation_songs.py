"""What the page of a comparison shows of each song once it is opened: all curves together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_plugins.evaluation.reference import GRID_S
from mer_plugins.evaluation.song_curves import CellCurve, SongCurves, read_song_curves
from mer_plugins.evaluation.systems import TRIVIAL
from mer_plugins.report.details import Details
from mer_plugins.report.payload import Picture, drawn, drawn_spectrogram, plane

REFERENCE = "reference (people)"
# Shows how far the work is: passes songs on.
Watch = Callable[[Iterable[SongCurves]], Iterable[SongCurves]]
Problem = Callable[[str, str], None]


@dataclass(frozen=True)
class Recordings:
    """Where the recordings of a comparison are.

    Parameters
    ----------
    root : pathlib.Path
        Folder that names of songs are relative to.
    is_asked : bool
        Whether only `root` counts; otherwise the comparison's own path is tried before it.
    """

    root: Path
    is_asked: bool = False

    def find(self, song: str, own: Path | None = None) -> Path | None:
        """Return a song's recording; None if it is nowhere."""
        tried = [self.root / song] if self.is_asked or own is None else [own, self.root / song]
        return next((path for path in tried if path.is_file()), None)


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
        By the song's name, the path of its recording; None if it is nowhere.
    """

    report: dict[str, Any]
    numbers: dict[str, int]
    audio: dict[str, Path | None]


def song_view(
    folder: Path,
    systems: Sequence[str],
    title: str,
    store: Details,
    recordings: Recordings,
    *,
    picture: Picture | None = None,
    problem: Problem,
    watch: Watch,
) -> SongView:
    """Lay the curves and the spectrogram of every song into `store`.

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
    recordings : Recordings
        Finds the songs' recordings.
    picture : callable, optional
        Draws a recording; by default there are no spectrograms.
    problem : callable
        Called with (song, reason) for each recording that cannot be drawn.
    watch : callable
        Passes the songs on, one by one.

    Raises
    ------
    EvaluationError
        If the curves cannot be read.
    OSError
        If the disk does not take them.
    """
    numbers: dict[str, int] = {}
    audio: dict[str, Path | None] = {}
    places = {name: place for place, name in enumerate(systems, start=1)}
    for song in watch(read_song_curves(folder)):
        curves = [{"label": place, **_drawn(curve)} for place, curve in _placed(song, places)]
        audio[song.name] = recordings.find(song.name, folder / song.audio)
        problems: list[str] = []
        seen = drawn_spectrogram(audio[song.name], picture, problems.append)
        numbers[song.name] = store.add(
            {"curves": curves, "spectrogram": seen, "problems": problems}
        )
        for reason in problems:
            problem(song.name, reason)
    report = {
        "title": title,
        "labels": [{"name": REFERENCE, "human": True, "hidden": False}, *_labels(systems)],
        "plane": plane(),
        **store.place(),
    }
    return SongView(report, numbers, audio)


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
