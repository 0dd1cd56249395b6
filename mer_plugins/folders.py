"""One folder of recordings: which there are, and which JAMS belongs to which.

The JAMS of ``song.mp3`` is ``song.jams``. Where several recordings of one folder share a stem
(``song.mp3``, ``song.wav``), each keeps its whole name: ``song.mp3.jams``, ``song.wav.jams``; but a
``song.jams`` that exists already stays in use, by the first of them in sort order. A JAMS name
that another recording could claim by these rules is avoided in the same way. Names depend on what
lies in the folder and on nothing else, so no order of processing and no choice of inputs alters
them, and no two recordings ever share a JAMS.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, takewhile
from pathlib import Path

from mer_plugins.audio import AUDIO_SUFFIXES

JAMS_SUFFIX = ".jams"
# How many a walk keeps listed: files of one folder tend to come in a row.
FOLDERS_KEPT = 16


@dataclass(frozen=True)
class Folder:
    """What a folder holds, as far as it matters here; all names sorted.

    Parameters
    ----------
    path, real : str
        As reached, and with all symbolic links resolved.
    recordings : list of str
        Names of files with the suffix of audio, hidden ones and links included.
    subfolders : list of str
        Names of real folders, without hidden ones.
    links : frozenset of str
        Those of `recordings` that are symbolic links.
    linked_folders : list of str
        Names of symbolic links to folders, without hidden ones.
    """

    path: str
    real: str
    recordings: list[str]
    subfolders: list[str]
    links: frozenset[str]
    linked_folders: list[str]

    @cached_property
    def place(self) -> Path:
        """`path`, parsed once for all the recordings."""
        return Path(self.path)

    def jams_name(self, recording: str) -> str:
        """Return the name of the JAMS that belongs to a recording of this folder."""
        stem = os.path.splitext(recording)[0]
        if self._is_plain(recording, stem):
            return stem + JAMS_SUFFIX
        whole = recording + JAMS_SUFFIX
        if self._has(stem):
            return whole
        alike = list(islice(self._with_stem(stem), 2))
        short = stem + JAMS_SUFFIX
        if len(alike) < 2:
            return short
        return short if alike[0] == recording and self._exists(short) else whole

    def recording_of(self, jams: str) -> str | None:
        """Return the recording a JAMS of this folder belongs to; None if there is none.

        ``song.mp3.jams`` is also taken for a JAMS of ``song.mp3`` where that would by itself get
        ``song.jams``: a recording of the same stem may have been there once.
        """
        stem = os.path.splitext(jams)[0]
        if self._has(stem):
            return stem
        short = stem + JAMS_SUFFIX
        return next((r for r in self._with_stem(stem) if self.jams_name(r) == short), None)

    def _is_plain(self, recording: str, stem: str) -> bool:
        """Tell, sooner than the general way, that no other name here can be in the way."""
        start = bisect_left(self.recordings, stem + ".")
        near = self.recordings[start : start + 2]
        alone = len(near) < 2 or not near[1].startswith(stem + ".")
        return "." not in stem and alone and near[:1] == [recording]

    def _with_stem(self, stem: str) -> Iterator[str]:
        start = bisect_left(self.recordings, stem + ".")
        after = (self.recordings[i] for i in range(start, len(self.recordings)))
        near = takewhile(lambda name: name.startswith(stem + "."), after)
        return (name for name in near if os.path.splitext(name)[0] == stem)

    def _has(self, name: str) -> bool:
        place = bisect_left(self.recordings, name)
        return place < len(self.recordings) and self.recordings[place] == name

    def _exists(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self.path, name))


def scan(path: str, real: str | None = None) -> Folder:
    """List one folder, without its subfolders; OSError if it cannot be listed."""
    recordings: list[str] = []
    subfolders: list[str] = []
    linked: list[str] = []
    links: list[str] = []
    with os.scandir(path) as entries:
        for entry in entries:
            if _is_folder(entry):
                if not entry.name.startswith("."):
                    (linked if entry.is_symlink() else subfolders).append(entry.name)
            elif is_audio(entry.name) and (entry.is_symlink() or entry.is_file()):
                recordings.append(entry.name)
                if entry.is_symlink():
                    links.append(entry.name)
    real = os.path.realpath(path) if real is None else real
    return Folder(
        path, real, sorted(recordings), sorted(subfolders), frozenset(links), sorted(linked)
    )


def is_audio(name: str) -> bool:
    """Tell by its suffix, in any case, whether a file holds audio."""
    return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in a circle, or to where we may not look
        return False


def is_within(folder: str, path: str) -> bool:
    """Tell whether `path` is `folder` or lies below it; both absolute and without links."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def jams_below(folder: Path, failed: Callable[[str, str], None]) -> list[Path]:
    """Return the JAMS files of a folder and of all below it, hidden ones included, sorted.

    ``failed(path, reason)`` is called for each folder that cannot be listed; the others go on.
    """

    def unlisted(error: OSError) -> None:
        failed(str(error.filename), f"the folder cannot be read ({error.strerror})")

    return sorted(
        Path(place, name)
        for place, _, names in os.walk(folder, onerror=unlisted)
        for name in names
        if name.endswith(JAMS_SUFFIX)
    )
