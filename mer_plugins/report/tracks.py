"""The tracks of a collection as a report shows them: recordings, curves, and what went wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mer_plugins.collection import Problem, find_tracks
from mer_plugins.curves import EmotionCurve
from mer_plugins.folders import JAMS_SUFFIX
from mer_plugins.mood import part
from mer_plugins.mood_reader import labelled
from mer_plugins.stored_curves import StoredCurves, stored_curves

_METADATA = ("annotation_tools", "version", "corpus", "annotation_rules", "data_source")
_SANDBOX = (
    "plugin",
    "plugin_version",
    "checkpoint_sha256",
    "fingerprint",
    "scale",
    "hop_s",
    "decoder",
)


@dataclass(frozen=True, eq=False)
class ReportCurve:
    """A curve of a track.

    Parameters
    ----------
    label : str
        As :func:`mer_plugins.mood_reader.curves` names it.
    curve : EmotionCurve
        Not empty.
    is_human : bool
        Whether its annotation does not say that a program made it.
    provenance : list of (str, str)
        What the annotation says of its origin, as far as it says anything.
    """

    label: str
    curve: EmotionCurve
    is_human: bool
    provenance: list[tuple[str, str]]


@dataclass(frozen=True, eq=False)
class ReportTrack:
    """A recording, a JAMS, or both.

    Parameters
    ----------
    name : str
        Path within the collection, with ``/``.
    jams : pathlib.Path
        Where its annotations lie, or would lie; absolute.
    audio : pathlib.Path or None
        The recording, absolute; None if none lies beside the JAMS.
    title, artist : str
        As the JAMS has them; empty otherwise.
    curves : list of ReportCurve
        In the order of the file.
    problems : list of str
        Why it, or a part of it, could not be read; one line each.
    """

    name: str
    jams: Path
    audio: Path | None = None
    title: str = ""
    artist: str = ""
    curves: list[ReportCurve] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def report_tracks(
    collection: Path, audio: Path | None = None, *, problem: Problem | None = None
) -> Iterator[ReportTrack]:
    """Yield every track of a collection: those with a JAMS first, then recordings without.

    Parameters
    ----------
    collection : pathlib.Path
        A folder, or one JAMS file.
    audio : pathlib.Path, optional
        Folder of the recordings, where the collection is a mirror of it, as ``mer-extract -o``
        makes it; by default they lie beside the JAMS files.
    problem : callable, optional
        Called with (name, reason) for each place in which no recording can be looked for.
    """
    recordings = _recordings(collection, audio, problem or (lambda shown, reason: None))
    failures: dict[Path, str] = {}
    left_out: list[str] = []

    def failed(shown: str, reason: str) -> None:
        path = collection / shown if collection.is_dir() else Path(shown)
        failures[_absolute(path)] = reason.removeprefix(f"{path}: ")

    def skipped(label: str, reason: str) -> None:
        left_out.append(f"{label}: {reason}")

    root = collection if collection.is_dir() else collection.parent
    for stored in stored_curves([collection], failed, skipped):
        path = _absolute(stored.path)
        yield _track(stored, recordings.pop(path, None), list(left_out))
        left_out.clear()
    for path, reason in failures.items():
        name = _name(path, _absolute(root))
        yield ReportTrack(name, path, recordings.pop(path, None), problems=[reason])
    for path, recording in recordings.items():
        name = _name(recording, _absolute(audio or root))
        yield ReportTrack(name, path, recording)


def _recordings(collection: Path, audio: Path | None, problem: Problem) -> dict[Path, Path]:
    """Return the recording of each JAMS, those that are not written yet included."""

    def report(shown: str, reason: str) -> None:
        # A JAMS alone, without its recording, is a track all the same.
        if not shown.lower().endswith(JAMS_SUFFIX):
            problem(shown, reason)

    if audio is None:
        tracks = find_tracks([str(collection)], problem=report)
    else:
        tracks = find_tracks([str(audio)], collection, problem=report)
    return {_absolute(track.jams): track.audio for track in tracks}


def _track(stored: StoredCurves, audio: Path | None, problems: list[str]) -> ReportTrack:
    metadata = part(stored.jams, "file_metadata")
    annotations = dict(labelled(stored.jams))
    relative = stored.relative.with_name(audio.name) if audio else stored.relative
    return ReportTrack(
        name=relative.as_posix(),
        jams=_absolute(stored.path),
        audio=audio,
        title=_text(metadata.get("title")),
        artist=_text(metadata.get("artist")),
        curves=[_curve(label, curve, annotations[label]) for label, curve in stored.curves],
        problems=problems,
    )


def _curve(label: str, curve: EmotionCurve, annotation: dict[str, Any]) -> ReportCurve:
    is_human = part(annotation, "annotation_metadata").get("data_source") != "program"
    return ReportCurve(label, curve, is_human, provenance(annotation))


def provenance(annotation: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what an annotation says of its origin, as (key, text), without what is empty."""
    metadata, sandbox = part(annotation, "annotation_metadata"), part(annotation, "sandbox")
    facts = [(key, _text(metadata.get(key))) for key in _METADATA]
    facts += [(key, _text(sandbox.get(key))) for key in _SANDBOX]
    return [(key, text) for key, text in facts if text]


def _name(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _text(value: object) -> str:
    return "" if value is None or isinstance(value, dict | list) else str(value)


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))
