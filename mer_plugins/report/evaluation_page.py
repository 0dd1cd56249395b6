"""One page of a comparison: what ``mer evaluate`` wrote, to look at and listen to."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

from mer_plugins.curves import DIMENSIONS
from mer_plugins.errors import MerError
from mer_plugins.evaluation.raters import NAME as RATERS
from mer_plugins.evaluation.results import FORMAT
from mer_plugins.evaluation.statistics import METRICS
from mer_plugins.evaluation.tables import SHOWN
from mer_plugins.mood_reader import labelled
from mer_plugins.report.details import INLINE_BYTES, Details
from mer_plugins.report.evaluation_songs import Problem, Recordings, Watch, song_view
from mer_plugins.report.html import ReportError, checked_page, render, telling, write
from mer_plugins.report.links import link
from mer_plugins.report.payload import Picture
from mer_plugins.report.tracks import provenance
from mer_plugins.stored_curves import stored_curves

RESULTS, PER_SONG = "results.json", "per_song.csv"


def is_evaluation(folder: Path) -> bool:
    """Tell whether a folder is what ``mer evaluate -o`` wrote."""
    return (folder / RESULTS).is_file() and (folder / PER_SONG).is_file()


def write_evaluation_page(
    folder: Path,
    page: Path,
    *,
    title: str,
    audio: Path | None = None,
    picture: Picture | None = None,
    problem: Problem = lambda song, reason: None,
    watch: Watch = iter,
    inline_bytes: int = INLINE_BYTES,
) -> Path | None:
    """Write the page of a comparison.

    Parameters
    ----------
    folder : pathlib.Path
        Output of ``mer evaluate``.
    page : pathlib.Path
        The file to write; its folder must exist.
    title : str
        Heading of the page.
    audio : pathlib.Path, optional
        Folder of the recordings; by default where ``curves.npz`` says, or else the collection
        that the results name, which may be relative to where ``mer evaluate`` was run. Songs that
        are not there have no player.
    picture : callable, optional
        Draws a recording; by default there are no spectrograms.
    problem : callable, optional
        Called with (song, reason) for each recording that cannot be drawn.
    watch : callable, optional
        Passes the songs on, one by one, and may show how far the work is.
    inline_bytes : int
        Most that the songs' curves and pictures may take within the page. Above that each song
        gets a file in a folder beside the page, as in
        :func:`mer_plugins.report.page.write_collection_page`.

    Returns
    -------
    pathlib.Path or None
        That folder; None if all is within the page.

    Raises
    ------
    ReportError
        If the results are not of the format this version knows, or a file cannot be read or
        written.
    EvaluationError
        If ``curves.npz`` is damaged.
    """
    checked_page(page)
    results = _results(folder / RESULTS)
    rows = _songs(folder / PER_SONG)
    root = audio or _root(Path(str(results["reference"]["collection"])))
    recordings = Recordings(root, is_asked=audio is not None)
    names = sorted({str(row["song"]) for row in rows})
    systems = [str(system["name"]) for system in results["systems"]]
    store = Details(page, inline_bytes)
    with telling(page):
        view = song_view(
            folder,
            [name for name in systems if name != RATERS],
            title,
            store,
            recordings,
            picture=picture,
            problem=problem,
            watch=watch,
        )
    found = {name: view.audio.get(name) or recordings.find(name) for name in names}
    data = {
        "title": title,
        "metrics": SHOWN,
        "results": results,
        "rows": rows,
        "audio": {name: path and link(path, page) for name, path in found.items()},
        "report": view.report,
        "numbers": view.numbers,
        "provenance": {name: _origin(folder / "estimates" / name, name) for name in systems},
    }
    text = render("evaluation.html", title=title, data=data, details=store.inline())
    with telling(page):
        write(page, text)
        store.tidy()
    return store.folder


def _results(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError) as exc:
        raise ReportError(f"{path}: cannot be read ({exc}); run mer evaluate again") from exc
    known = found.get("format") if isinstance(found, dict) else None
    if known != FORMAT:
        raise ReportError(f"{path}: format is {known!r}: expected {FORMAT!r}; run mer evaluate")
    return dict(found)


def _songs(path: Path) -> list[dict[str, object]]:
    """Return a row a system and song, its scores by dimension and metric; None if undefined."""
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            return [_song(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError) as exc:
        raise ReportError(f"{path}: cannot be read ({exc!r}); run mer evaluate again") from exc


def _song(row: dict[str, str]) -> dict[str, object]:
    scores = {d: {m: _number(row[f"{d}_{m}"]) for m in METRICS} for d in DIMENSIONS}
    facts = {key: row[key] for key in ("system", "song")} | {"quadrant": row.get("quadrant", "")}
    return {**facts, "frames": int(row["frames"]), **scores}


def _number(text: str) -> float | None:
    number = float(text) if text else math.nan
    return number if math.isfinite(number) else None


def _root(collection: Path) -> Path:
    return collection if collection.is_dir() else collection.parent


def _origin(folder: Path, system: str) -> list[tuple[str, str]]:
    """Return where a plugin's estimates come from, as the first of its JAMS files says."""
    if not folder.is_dir():
        return []
    try:
        first = next(stored_curves([folder], _ignore, _ignore), None)
    except MerError:
        return []
    found = {} if first is None else dict(labelled(first.jams))
    # What differs from song to song says nothing of the system.
    facts = provenance(found[system]) if system in found else []
    return [(key, text) for key, text in facts if key != "fingerprint"]


def _ignore(shown: str, reason: str) -> None:
    """Leave out a file of no use here: the results tell already what could not be scored."""
