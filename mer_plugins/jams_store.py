"""One track's JAMS: read it, merge our annotations into it, write it atomically.

Everything that is not ours stays as it was read, unknown keys, foreign namespaces and the digits
of every number included, which is why the file is not read with the ``jams`` library: one foreign
namespace makes that refuse the file. What we write is JSON that ``jams.load(strict=True)``
accepts. Infinity and NaN, which are not JSON, are written back where others put them and refused
in what is ours.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Sequence
from decimal import InvalidOperation
from pathlib import Path
from typing import Any

import simplejson

from mer_plugins.atomic import replacing
from mer_plugins.errors import JamsError
from mer_plugins.mood import Provenance, is_own, plugin_of, to_annotation
from mer_plugins.mood_reader import curves, from_annotation

__all__ = [
    "Provenance",
    "curves",
    "find_fingerprint",
    "from_annotation",
    "merge",
    "new_jams",
    "read",
    "store",
    "to_annotation",
]

JAMS_VERSION = "0.3.5"


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JAMS file as JSON types; fractions come as :class:`decimal.Decimal`, digit for digit.

    Raises
    ------
    JamsError
        In one line, if the file cannot be read, is not UTF-8 (with or without a byte order mark),
        not JSON or not a JSON object, is nested too deeply, holds an integer of thousands of
        digits, or its ``annotations`` are not a list.
    """
    try:
        # A pipe under this name would be waited for in vain.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise JamsError(f"{os.fspath(path)}: is not a regular file: expected a JAMS file")
        raw = Path(path).read_bytes()
    except OSError as exc:
        raise JamsError(f"{os.fspath(path)}: cannot be read ({exc.strerror})") from exc
    try:
        return _parse(raw)
    except JamsError as exc:
        raise JamsError(f"{os.fspath(path)}: {exc}") from exc


def new_jams(duration_s: float, title: str = "") -> dict[str, Any]:
    """Return a JAMS without annotations for a recording of that many seconds.

    Raises
    ------
    JamsError
        If `duration_s` is negative or not finite; JAMS has no way to say so.
    """
    return {
        "file_metadata": {
            "title": title,
            "artist": "",
            "release": "",
            "duration": _checked_duration(duration_s),
            "identifiers": {},
            "jams_version": JAMS_VERSION,
        },
        "annotations": [],
        "sandbox": {},
    }


def merge(jams: dict[str, Any], annotation: dict[str, Any]) -> dict[str, Any]:
    """Put our `annotation` in the place of our former one, or at the end; change nothing else.

    Ours is a ``mood_thayer`` annotation by a program whose ``sandbox.plugin`` is exactly the same.
    Should there be several, the first is replaced and the others go. `jams` itself stays as it is.

    Raises
    ------
    JamsError
        If `annotation` does not say which plugin it is by, as :func:`to_annotation` makes it say.
    """
    plugin = plugin_of(annotation)
    if plugin is None:
        raise JamsError("an annotation names no plugin: expected one made by to_annotation")
    former = jams.get("annotations") or []
    own = [index for index, other in enumerate(former) if is_own(other, plugin)]
    place = own[0] if own else len(former)
    merged = [other for index, other in enumerate(former) if index not in own]
    merged.insert(place, annotation)
    return {**jams, "annotations": merged}


def find_fingerprint(jams: dict[str, Any], plugin: str) -> str | None:
    """Return the fingerprint of our annotation of exactly that plugin; None if there is none."""
    for annotation in jams.get("annotations") or []:
        if is_own(annotation, plugin):
            found = annotation["sandbox"].get("fingerprint")
            return found if isinstance(found, str) else None
    return None


def store(
    path: str | os.PathLike[str],
    annotations: Sequence[dict[str, Any]],
    *,
    duration_s: float,
    title: str = "",
    base: Path | None = None,
) -> None:
    """Merge `annotations` into the JAMS at `path`, as one step that happens or does not happen.

    Parameters
    ----------
    path : str or os.PathLike
        The JAMS file; made, with its folders, if it does not exist. A symbolic link is written
        through only if it leads to a file of the same folder.
    annotations : sequence of dict
        Made by :func:`to_annotation`.
    duration_s : float
        Length of the recording, in seconds; entered where the file does not say it.
    title : str
        Title of a JAMS that is made here.
    base : pathlib.Path, optional
        A JAMS elsewhere whose content to begin from if `path` does not exist.

    Raises
    ------
    JamsError
        In one line, if the present file cannot be read as JAMS, is read-only, leads elsewhere, or
        the disk does not take the new one. The present file then stands as it was.

    Notes
    -----
    Any number of processes may store into one file at once; each waits for its turn.
    """
    for annotation in annotations:
        _encode(annotation, allow_nan=False)
    fresh = new_jams(duration_s, title)
    try:
        target = _target(Path(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as file:
            jams = _with_duration(_present(target, base) or fresh, duration_s)
            for annotation in annotations:
                jams = merge(jams, annotation)
            file.write(_encode(jams, allow_nan=True) + b"\n")
    except OSError as exc:
        raise JamsError(f"{os.fspath(path)}: cannot be written ({exc.strerror or exc})") from exc


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        jams = simplejson.loads(raw.decode("utf-8-sig"), use_decimal=True, allow_nan=True)
    except UnicodeDecodeError as exc:
        raise JamsError(f"is not UTF-8 (byte {exc.start}): expected a JAMS file") from exc
    except simplejson.JSONDecodeError as exc:
        raise JamsError(f"is not JSON (line {exc.lineno}, column {exc.colno}: {exc.msg})") from exc
    except RecursionError as exc:
        raise JamsError("is nested too deeply to be read") from exc
    except (ValueError, InvalidOperation) as exc:
        raise JamsError("holds a number with too many digits to be read") from exc
    if not isinstance(jams, dict):
        raise JamsError(f"holds {_kind(jams)}: expected an object with annotations")
    annotations = jams.get("annotations")
    if annotations is not None and not isinstance(annotations, list):
        raise JamsError(f"annotations are {_kind(annotations)}: expected a list")
    return jams


def _encode(content: dict[str, Any], *, allow_nan: bool) -> bytes:
    try:
        text = simplejson.dumps(
            content, use_decimal=True, allow_nan=allow_nan, separators=(",", ":")
        )
    except RecursionError as exc:
        raise JamsError("the JAMS is nested too deeply to be written") from exc
    except (TypeError, ValueError) as exc:
        raise JamsError(f"an annotation does not fit into JSON: {exc}") from exc
    return text.encode("ascii")


def _target(path: Path) -> Path:
    target = _within_folder(path) if path.is_symlink() else path
    if target.exists() and not os.access(target, os.W_OK):
        raise JamsError(f"{path}: is read-only; make it writable, or write elsewhere with -o")
    return target


def _within_folder(link: Path) -> Path:
    real = Path(os.path.realpath(link))
    if real.parent != Path(os.path.realpath(link.parent)):
        raise JamsError(f"{link}: is a link that leads out of its folder, to {real}; not written")
    return real


def _present(target: Path, base: Path | None) -> dict[str, Any] | None:
    if target.exists():
        return read(target)
    return None if base is None else read(base)


def _with_duration(jams: dict[str, Any], duration_s: float) -> dict[str, Any]:
    """Enter the duration where it is missing: the jams library cannot load a file without."""
    metadata = jams.get("file_metadata")
    if metadata is not None and not isinstance(metadata, dict):
        raise JamsError(f"file_metadata is {_kind(metadata)}: expected an object")
    if metadata is not None and metadata.get("duration") is not None:
        return jams
    duration = _checked_duration(duration_s)
    return {**jams, "file_metadata": {**(metadata or {}), "duration": duration}}


def _checked_duration(duration_s: float) -> float:
    if not (math.isfinite(duration_s) and duration_s >= 0):
        raise JamsError(f"the duration is {duration_s} s: expected a positive number")
    return float(duration_s)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")
