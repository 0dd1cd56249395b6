"""The curves that lie in JAMS files, named one by one or by their folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_plugins.curves import EmotionCurve
from mer_plugins.errors import MerError
from mer_plugins.folders import jams_below
from mer_plugins.jams_store import curves, read

# A file, its path below the folder that was named, and its name for messages.
_Named = tuple[Path, Path, str]


@dataclass(frozen=True)
class StoredCurves:
    """The curves of one JAMS file.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    relative : pathlib.Path
        Its path below the folder that was named; its name if it was named itself.
    shown : str
        The file for messages and tables.
    jams : dict
        Its content, as :func:`mer_plugins.jams_store.read` gives it.
    curves : list of (str, EmotionCurve)
        Labels and curves that have values, in the order of the file.
    """

    path: Path
    relative: Path
    shown: str
    jams: dict[str, Any]
    curves: list[tuple[str, EmotionCurve]]


def stored_curves(
    inputs: Sequence[Path],
    failed: Callable[[str, str], None],
    left_out: Callable[[str, str], None],
    watch: Callable[[Sequence[_Named]], Iterable[_Named]] = iter,
) -> Iterator[StoredCurves]:
    """Read JAMS files, and those below folders, sorted within each.

    Parameters
    ----------
    inputs : sequence of pathlib.Path
        JAMS files and folders.
    failed : callable
        Called with (file, reason) for each file, or folder, that cannot be read; the others go
        on.
    left_out : callable
        Called with (label, reason) for each annotation that cannot be read as it stands.
    watch : callable, optional
        Gets the list of all files, and passes them on one by one; it may show how far the work is.
    """
    for path, relative, shown in watch(
        [file for given in inputs for file in _named(given, failed)]
    ):
        try:
            jams = read(path)
            found = [(label, curve) for label, curve in curves(jams, left_out) if len(curve)]
        except MerError as exc:
            failed(shown, str(exc))
            continue
        yield StoredCurves(path, relative, shown, jams, found)


def _named(given: Path, failed: Callable[[str, str], None]) -> Iterator[_Named]:
    if not given.is_dir():
        yield given, Path(given.name), str(given)
        return
    for path in jams_below(given, failed):
        relative = path.relative_to(given)
        yield path, relative, str(relative)
