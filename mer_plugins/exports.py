"""Write the curves of JAMS files in other formats, file by file or as one collection."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from mer_plugins.contracts import CollectionWriter, WriterSpec
from mer_plugins.curves import EmotionCurve
from mer_plugins.errors import MerError
from mer_plugins.folders import FOLDERS_KEPT, scan
from mer_plugins.host import check_parameters, load_factory
from mer_plugins.stored_curves import StoredCurves

Failed = Callable[[str, str], None]


class ExportError(MerError):
    """Curves cannot be written in a format."""


def export(
    found: Iterable[StoredCurves],
    spec: WriterSpec,
    output: Path,
    failed: Failed,
    *,
    label: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Iterator[Path]:
    """Write curves in a format; yield the files as they are written.

    Parameters
    ----------
    found : iterable of StoredCurves
        As :func:`mer_plugins.stored_curves.stored_curves` gives them.
    spec : WriterSpec
        The format.
    output : pathlib.Path
        A folder, in which the tree is mirrored; or, if it ends in the format's suffix and is no
        folder, the one file to write.
    failed : callable
        Called with (file, reason) for each JAMS whose curves cannot be written; the others go on.
    label : str, optional
        Only the curve of this label; by default all. Where all of a file's curves are written
        and there are several, the label becomes part of the name: ``song.damff.csv``.
    parameters : mapping, optional
        Options of the format.

    Raises
    ------
    ExportError
        If one file is to hold several curves, or a song of a collection format has several.
    PluginError
        If the format takes no such parameter.
    """
    write = _writer(spec, parameters or {})
    if spec.collects:
        yield from _collected(_songs(found, label, spec.by_recording), write, output)
        return
    is_file = output.suffix.lower() == spec.suffix and not output.is_dir()
    taken: dict[Path, str] = {}
    for shown, curve, relative in _targets(found, spec.suffix, label):
        path = output if is_file else output / relative
        if path in taken:
            reason = f"{path} is already written from {taken[path]}"
            if is_file:
                raise ExportError(f"{reason}: give a folder with -o, or one curve with --plugin")
            failed(shown, reason)
            continue
        taken[path] = shown
        try:
            write(curve, path)
        except OSError as exc:
            failed(shown, f"{path} cannot be written ({exc.strerror or exc})")
            continue
        yield path


def chosen(found: StoredCurves, label: str | None) -> list[tuple[str, EmotionCurve]]:
    """Return the curves of one file that have a label; all of them for None."""
    return [(other, curve) for other, curve in found.curves if label in (None, other)]


def _writer(spec: WriterSpec, parameters: Mapping[str, Any]) -> Callable[..., Any]:
    factory = load_factory(spec.factory, f"writer {spec.name!r}")
    check_parameters(spec.name, factory, parameters)
    try:
        # What is written and where to are no options, though the function takes them.
        inspect.signature(factory).bind(None, None, **parameters)
    except TypeError as exc:
        raise ExportError(
            f"format {spec.name!r} cannot be given {dict(parameters)}: {exc}"
        ) from exc
    return partial(factory, **parameters)


def _collected(
    songs: Iterator[tuple[str, EmotionCurve]], write: CollectionWriter, folder: Path
) -> list[Path]:
    first = list(islice(songs, 1))
    try:
        return write(chain(first, songs), folder) if first else []
    except OSError as exc:
        raise ExportError(f"{folder}: cannot be written ({exc.strerror or exc})") from exc


def _targets(
    found: Iterable[StoredCurves], suffix: str, label: str | None
) -> Iterator[tuple[str, EmotionCurve, Path]]:
    for file in found:
        curves = chosen(file, label)
        for name, curve in curves:
            several = f".{_for_file_name(name)}" if len(curves) > 1 else ""
            # Not with_suffix on the stem: of "a.b.jams" that would take ".b" away.
            yield (
                file.shown,
                curve,
                file.relative.with_name(f"{file.relative.stem}{several}{suffix}"),
            )


def _songs(
    found: Iterable[StoredCurves], label: str | None, by_recording: bool
) -> Iterator[tuple[str, EmotionCurve]]:
    listed = lru_cache(maxsize=FOLDERS_KEPT)(scan)
    for file in found:
        curves = chosen(file, label)
        if len(curves) > 1:
            names = ", ".join(name for name, _ in curves)
            raise ExportError(f"{file.shown}: has several curves: choose with --plugin of {names}")
        for _, curve in curves:
            folder = listed(str(file.path.parent)) if by_recording else None
            beside = folder.recording_of(file.path.name) if folder else None
            name = file.relative.with_name(beside) if beside else file.relative.with_suffix("")
            yield name.as_posix(), curve


def _for_file_name(label: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", label).strip("._") or "curve"
