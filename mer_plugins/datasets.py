"""Labelled data sets: what one must offer so that ``mer datasets`` can turn it into a collection.

Conventions
-----------
They follow mirdata's: a data set is opened on a source folder, knows its ``track_ids``, gives one
``track`` at a time, and counts what is there for validation. What a track holds is already in this
project's terms: (valence, arousal) in [-1, 1], seconds, JAMS annotations of plain JSON types.

The first ``mood_thayer`` annotation of a track is the one to learn from and to be scored against:
the mean over raters where there are several. Each rater's own follow, then labels of whole songs.
``mer train`` and ``mer evaluate`` read the first one by people.

Paths and names that stand in a data set's files are not trusted: :func:`inside` and
:class:`DatasetTrack` refuse those that lead elsewhere.
"""

from __future__ import annotations

import csv
import os
import re
import reprlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, Protocol, runtime_checkable

from mer_plugins.audio import open_audio
from mer_plugins.contracts import DatasetInfo
from mer_plugins.errors import MerError

# Of a file, in bytes, on every common system.
_LONGEST_NAME = 255
_SHOWN = 40
_NAME = re.compile(r"[^./\\:\x00-\x1f][^/\\:\x00-\x1f]*")


class DatasetError(MerError):
    """A data set, or one song of it, is not as its layout says, or cannot be imported."""


class AudioSource(Protocol):
    """Where the sound of a track comes from.

    The same ``origin`` means the same samples; a recording is written again when it changes.
    """

    @property
    def suffix(self) -> str:
        """Suffix of the file to write."""
        ...

    @property
    def path(self) -> Path | None:
        """The file to link to, if there is one."""
        ...

    @property
    def origin(self) -> Mapping[str, Any]:
        """What tells this sound from another."""
        ...

    def duration_s(self) -> float:
        """Return its length, without writing it if that is possible; AudioError if damaged."""
        ...

    def write(self, file: BinaryIO) -> float:
        """Write it into an open file and return its length in seconds; MerError if it cannot."""
        ...


@dataclass(frozen=True)
class RecordingFile:
    """A recording that is there as a file."""

    path: Path

    @property
    def suffix(self) -> str:
        """Suffix of the file, in lower case."""
        return self.path.suffix.lower()

    @property
    def origin(self) -> Mapping[str, Any]:
        """Name and size of the file."""
        return {"file": self.path.name, "bytes": self.path.stat().st_size}

    def duration_s(self) -> float:
        """Decode the recording and return its length in seconds; AudioError if it is damaged."""
        return self._measured_s

    @cached_property
    def _measured_s(self) -> float:
        with open_audio(self.path) as reader:
            for _ in reader.blocks():
                pass
            return reader.duration_s

    def write(self, file: BinaryIO) -> float:
        """Copy the file as it is."""
        duration_s = self.duration_s()
        with self.path.open("rb") as recording:
            shutil.copyfileobj(recording, file)
        return duration_s


@dataclass(frozen=True, kw_only=True)
class DatasetTrack:
    """One song of a data set, ready to become a recording with a JAMS beside it.

    Parameters
    ----------
    track_id : str
        Unique within the data set, and the stem of the files that are written.
    title, artist, release : str
        As far as known.
    duration_s : float, optional
        As the data set says; a recording that is there is measured instead.
    audio : AudioSource, optional
        None if the recording is not there.
    annotations : sequence of dict
        JAMS annotations, the one to learn from first.
    details : mapping of str to JSON values
        What else is known of the song; stands in the sandbox of the JAMS.
    identifiers : mapping of str to str
        Of the song, by what they are.
    warnings : sequence of str
        What had to be left out, one line each.

    Raises
    ------
    DatasetError
        If the track's id cannot be the name of a file of its own folder.
    """

    track_id: str
    title: str = ""
    artist: str = ""
    release: str = ""
    duration_s: float | None = None
    audio: AudioSource | None = None
    annotations: Sequence[dict[str, Any]] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    identifiers: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    def __post_init__(self) -> None:
        checked_id(self.track_id)


class Dataset(Protocol):
    """An open data set; made with the source folder and keyword parameters."""

    info: DatasetInfo

    @property
    def track_ids(self) -> Sequence[str]:
        """All songs, in a fixed order."""
        ...

    def track(self, track_id: str) -> DatasetTrack:
        """Read one song; MerError if it is malformed, which costs that song only."""
        ...

    def counts(self) -> Mapping[str, int]:
        """Count what is there, under the names of ``info.counts``."""
        ...


@dataclass(frozen=True)
class Finding:
    """What a data set found out about its own files, in one line.

    Parameters
    ----------
    text : str
        The line.
    is_problem : bool
        Whether the copy cannot be used as it is; otherwise the importer has dealt with it.
    """

    text: str
    is_problem: bool = False


@runtime_checkable
class SelfChecking(Protocol):
    """A data set that knows more to check than counts and ranges, such as the order of columns."""

    def findings(self) -> Sequence[Finding]:
        """Check; an empty sequence if there is nothing to say."""
        ...


def checked_id(text: str) -> str:
    """Return `text` if it can be the stem of a file of one folder; DatasetError otherwise."""
    if not _NAME.fullmatch(text):
        raise DatasetError(f"a song is called {text!r}: expected a name that can be a file's")
    return text


def inside(folder: Path, relative: str) -> Path:
    """Return a path that a data set's own file names, below `folder`.

    Raises
    ------
    DatasetError
        If it is empty, absolute, leads upwards, or is longer than a path can be.
    """
    parts = PurePosixPath(relative.replace("\\", "/")).parts
    is_rooted = relative.startswith(("/", "\\")) or PureWindowsPath(relative).drive
    too_long = any(len(part.encode(errors="replace")) > _LONGEST_NAME for part in parts)
    if not parts or is_rooted or ".." in parts or "\x00" in relative or too_long:
        shown = reprlib.repr(relative)
        raise DatasetError(f"a file is given as {shown}: expected a path within {folder}")
    return folder.joinpath(*parts)


def first_present(folder: Path, *relatives: str) -> Path | None:
    """Return the first of several places below `folder` that exists; None if none does."""
    # Not Path.exists, which raises where a name from a table is longer than a file's can be.
    return next((folder / r for r in relatives if os.path.exists(folder / r)), None)


def required(folder: Path, *relatives: str) -> Path:
    """Return the first of several places that exists; DatasetError if none does."""
    found = first_present(folder, *relatives)
    if found is None:
        raise DatasetError(f"{folder}: has no {' or '.join(relatives)}: is it the right folder?")
    return found


def read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    """Read a CSV as rows of stripped texts by stripped column name.

    Raises
    ------
    DatasetError
        If the file cannot be read, is not CSV in UTF-8, or lacks one of `columns`.
    """
    return list(table_rows(path, *columns))


def table_rows(path: Path, *columns: str) -> Iterator[dict[str, str]]:
    """Yield what :func:`read_table` returns, row by row: for tables that are wide and sparse."""
    try:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            reader = csv.reader(file, skipinitialspace=True)
            names = [name.strip() for name in next(reader, [])]
            _require_columns(path, names, columns)
            for row in filter(None, reader):
                yield dict(zip(names, map(str.strip, row), strict=False))
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read ({exc.strerror})") from exc
    except csv.Error as exc:
        raise DatasetError(f"{path}: is no CSV ({exc})") from exc


def _require_columns(path: Path, names: Sequence[str], columns: Sequence[str]) -> None:
    if missing := [column for column in columns if column not in names]:
        # One line, also where a quotation mark too many has made the whole file a name.
        found = ", ".join(" ".join(name.split())[:_SHOWN] for name in names[:8])
        raise DatasetError(f"{path}: has no column {', '.join(missing)}: found {found}")
