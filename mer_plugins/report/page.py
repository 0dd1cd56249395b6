"""One page of a collection: the table within it, the tracks within it or in files beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_plugins.report.details import INLINE_BYTES, Details
from mer_plugins.report.html import checked_page, render, telling, write
from mer_plugins.report.payload import Labels, Picture, details, plane, row
from mer_plugins.report.tracks import ReportTrack
from mer_plugins.summary import QUADRANT_NAMES

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
        store = Details(page, inline_bytes)
        for number, track in enumerate(tracks):
            # The details first: drawing them may add to the track's problems.
            store.add(details(track, labels, picture))
            rows.append((track, {"id": number, **row(track, labels, page)}))
        for track, found in rows:
            found["problems"] += _missing(track, found, labels, why)
        ordered = sorted((found for _, found in rows), key=lambda found: str(found["name"]))
        report = _report(title, ordered, labels, store)
        if ordered:
            write(page, _render(title, report, store))
            store.tidy()
    return Written(
        tracks=len(ordered),
        without_curve=sum(not found["curves"] for found in ordered),
        with_problems=sum(bool(found["problems"]) for found in ordered),
        folder=store.folder,
    )


def _missing(
    track: ReportTrack, found: dict[str, Any], labels: Labels, why: Why | None
) -> Iterator[str]:
    there = {curve["label"] for curve in found["curves"]}
    for place, label in labels.programs():
        reason = why(track.jams, label) if why is not None and place not in there else None
        if reason:
            yield f"{label}: {reason}"


def _report(
    title: str, rows: list[dict[str, Any]], labels: Labels, store: Details
) -> dict[str, Any]:
    return {
        "title": title,
        "labels": labels.to_list(),
        "quadrants": QUADRANT_NAMES,
        "plane": plane(),
        **store.place(),
        "tracks": rows,
    }


def _render(title: str, report: dict[str, Any], store: Details) -> str:
    return render(
        "collection.html",
        title=title,
        data=report,
        details=store.inline(),
        quadrants=QUADRANT_NAMES,
    )
