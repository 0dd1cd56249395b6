"""One page of a collection: the table within it, the tracks within it or in files beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mer_plugins.display import QUADRANTS
from mer_plugins.report.html import checked_page, json_text, render, telling, write
from mer_plugins.report.payload import Labels, Picture, details, row
from mer_plugins.report.tracks import ReportTrack
from mer_plugins.summary import QUADRANT_NAMES

INLINE_BYTES = 10_000_000
_FILE = "track-{}.js"

# Why a plugin gave a JAMS no curve, as far as it is known: (JAMS, plugin) -> reason.
Why = Callable[[Path, str], str | None]


@dataclass(frozen=True)
class Written:
    """What a report holds.

    Parameters
    ----------
    tracks, without_curve, with_problems : int
        Numbers of tracks.
    folder : pathlib.Path or None
        Where the tracks' files lie; None if all is within the page.
    """

    tracks: int
    without_curve: int
    with_problems: int
    folder: Path | None


def write_collection_page(
    tracks: Iterable[ReportTrack],
    page: Path,
    *,
    title: str,
    picture: Picture | None = None,
    why: Why | None = None,
    inline_bytes: int = INLINE_BYTES,
) -> Written:
    """Write the page of a collection; without any track nothing is written.

    Parameters
    ----------
    tracks : iterable of ReportTrack
        As :func:`mer_plugins.report.tracks.report_tracks` gives them; read one by one.
    page : pathlib.Path
        The file to write; its folder must exist.
    title : str
        Heading of the page.
    picture : callable, optional
        Draws a recording; by default there are no spectrograms.
    why : callable, optional
        Tells why a plugin has no curve of a track.
    inline_bytes : int
        Most that the tracks' curves and pictures may take within the page. Above that each
        track gets a file in a folder beside the page, ``report_files`` for ``report.html``,
        which the page loads when the track is opened.

    Raises
    ------
    ReportError
        If the disk does not take the page.
    """
    labels, rows = Labels(), []
    checked_page(page)
    with telling(page):
        store = _Details(page.with_name(f"{page.stem}_files"), inline_bytes)
        for number, track in enumerate(tracks):
            # The details first: drawing them may add to the track's problems.
            store.add(details(track, labels, picture))
            rows.append((track, {"id": number, **row(track, labels, page)}))
        for track, found in rows:
            found["problems"] += _missing(track, found, labels, why)
        ordered = sorted((found for _, found in rows), key=lambda found: str(found["name"]))
        report = _report(title, ordered, labels, store.folder)
        if ordered:
            write(page, _render(title, report, store.texts))
    return Written(
        tracks=len(ordered),
        without_curve=sum(not found["curves"] for found in ordered),
        with_problems=sum(bool(found["problems"]) for found in ordered),
        folder=store.folder,
    )


class _Details:
    """The details of all tracks: in memory while they fit into the page, else in files."""

    def __init__(self, folder: Path, inline_bytes: int) -> None:
        self.folder: Path | None = None
        self.texts: list[str] = []
        self._place, self._inline_bytes = folder, inline_bytes
        self._size = self._number = 0

    def add(self, found: dict[str, Any]) -> None:
        text = json_text(found)
        self._size += len(text)
        self.texts.append(text)
        if self.folder is None and self._size > self._inline_bytes:
            self._place.mkdir(exist_ok=True)
            self.folder = self._place
        if self.folder is not None:
            self._flush(self.folder)

    def _flush(self, folder: Path) -> None:
        for text in self.texts:
            write(folder / _FILE.format(self._number), f"addTrack({self._number}, {text});\n")
            self._number += 1
        self.texts.clear()


def _missing(
    track: ReportTrack, found: dict[str, Any], labels: Labels, why: Why | None
) -> Iterator[str]:
    there = {curve["label"] for curve in found["curves"]}
    for place, label in labels.programs():
        reason = why(track.jams, label) if why is not None and place not in there else None
        if reason:
            yield f"{label}: {reason}"


def _report(
    title: str, rows: list[dict[str, Any]], labels: Labels, folder: Path | None
) -> dict[str, Any]:
    return {
        "title": title,
        "labels": labels.to_list(),
        "quadrants": QUADRANT_NAMES,
        "plane": [[x, y, name] for (x, y), name in QUADRANTS.items()],
        "folder": None if folder is None else folder.name,
        "tracks": rows,
    }


def _render(title: str, report: dict[str, Any], texts: list[str]) -> str:
    # Each text is from json_text, so no character in it can end its script.
    inline = [{"id": number, "text": Markup(text)} for number, text in enumerate(texts)]  # noqa: S704
    return render(
        "collection.html", title=title, data=report, details=inline, quadrants=QUADRANT_NAMES
    )
