"""Find tracks: in folders, lists and JAMS files; pair each recording with its JAMS.

Conventions
-----------
An input is a recording, a folder (with all below it; hidden files and folders are left out), a
``.jams`` (its recording lies beside it), a ``.m3u`` or ``.m3u8``, ``@list.txt``, or ``-`` for a
list on standard input.

The JAMS lies beside the recording; :mod:`mer_plugins.folders` says under which name. With an output
folder it lies there instead, under the same name and in a mirror of the tree. The mirror begins
at the deepest folder that holds everything that was named: a single folder's own name is not
repeated in the output, ``a`` and ``b`` give ``out/a`` and ``out/b``, and no two tracks can meet.

Links below a named folder that lead out of it are left out unless asked for. A recording that is
named twice, or named and found, comes once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mer_plugins.errors import MerError
from mer_plugins.folders import FOLDERS_KEPT, JAMS_SUFFIX, Folder, is_audio, scan
from mer_plugins.jams_store import read
from mer_plugins.remote.urls import is_url
from mer_plugins.track_lists import PLAYLIST_SUFFIXES, Source, absolute, sources
from mer_plugins.tree_walk import TreeWalk

Problem = Callable[[str, str], None]


class CollectionError(MerError):
    """An input is not there, or is nothing that tracks can be found in."""


@dataclass(frozen=True)
class Track:
    """One recording and the JAMS its annotations go to.

    Parameters
    ----------
    audio : pathlib.Path
        The recording, absolute.
    jams : pathlib.Path
        Where the output goes, absolute.
    base_jams : pathlib.Path or None
        An existing JAMS of this recording to begin from if `jams` does not exist.
    name : str
        The recording for messages: beginning as its input was given, so that it can be pasted.
    """

    audio: Path
    jams: Path
    base_jams: Path | None
    name: str


def find_tracks(
    inputs: Sequence[str],
    output: Path | None = None,
    *,
    follow: bool = False,
    problem: Problem | None = None,
    stdin: Iterable[str | bytes] | None = None,
) -> Iterator[Track]:
    """Find the tracks of all inputs, one by one, sorted within each folder.

    Parameters
    ----------
    inputs : sequence of str
        As given on a command line; see above.
    output : pathlib.Path, optional
        Folder for the JAMS files instead of the recordings' own. Lists are then read to their end
        before the first track comes.
    follow : bool
        Whether links below a named folder may lead out of it. Loops end by themselves.
    problem : callable, optional
        Called with (input, reason) for each input or folder that yields nothing; the others still
        go on. By default the first such one raises.
    stdin : iterable of str or bytes, optional
        Lines for the input ``-``; by default standard input.

    Yields
    ------
    Track
        No two with the same `jams`. A folder's own files come first, then its subfolders, then
        linked folders.

    Raises
    ------
    CollectionError
        Without `problem`: if an input does not exist, is neither audio nor a folder nor a list, or
        cannot be read.
    """
    report = problem or _raise
    named: Iterable[Source] = sources(inputs, stdin, report)
    mirror = None
    if output is not None:
        named = list(named)
        mirror = Mirror(absolute(os.fspath(output)), common_folder(named))
    finder = Finder(mirror, TreeWalk(follow, report))
    for source in named:
        try:
            yield from finder.tracks(source)
        except CollectionError as exc:
            report(source.shown, str(exc))


class Mirror(NamedTuple):
    """Where the output of each folder below `root` goes."""

    output: str
    root: str

    def of(self, folder: str) -> str:
        """Return the output folder of a folder."""
        return os.path.normpath(os.path.join(self.output, os.path.relpath(folder, self.root)))


class Finder:
    """One search: remembers which files were named.

    Parameters
    ----------
    mirror : Mirror or None
        Where the JAMS files go, if not beside the recordings.
    walk : TreeWalk
        Knows which folders were found.
    """

    def __init__(self, mirror: Mirror | None, walk: TreeWalk) -> None:
        self._mirror, self._walk = mirror, walk
        self._named: set[str] = set()
        # Lists tend to name one folder's files in a row; a cache per search cannot go stale.
        self._scan = lru_cache(maxsize=FOLDERS_KEPT)(scan)
        self._mirrored = lru_cache(maxsize=FOLDERS_KEPT)(self._mirror_folder)

    def tracks(self, source: Source) -> Iterator[Track]:
        """Yield the tracks of one input that did not come before; CollectionError if none can."""
        return self._below(source) if os.path.isdir(source.path) else self._one(source)

    def _one(self, source: Source) -> Iterator[Track]:
        _check_file(source)
        parent, name = os.path.split(source.path)
        folder = self._listed(parent)
        is_jams = name.lower().endswith(JAMS_SUFFIX)
        audio = _recording_beside(folder, name) if is_jams else name
        own_jams = folder.jams_name(audio)
        jams = name if is_jams else own_jams
        key = os.path.join(folder.real, jams)
        if key in self._named or (jams == own_jams and self._walk.has_found(folder, audio)):
            return
        self._named.add(key)
        shown = os.path.normpath(os.path.join(os.path.dirname(source.shown), audio))
        yield self._track(folder, audio, jams, shown, folder.real)

    def _below(self, source: Source) -> Iterator[Track]:
        top = os.path.realpath(source.path)
        for folder in self._walk.folders(source.path):
            shown = os.path.join(source.shown, os.path.relpath(folder.path, source.path))
            before = os.path.normpath(os.path.join(shown, "_"))[:-1]
            for audio in folder.recordings:
                jams = folder.jams_name(audio)
                is_new = not self._named or os.path.join(folder.real, jams) not in self._named
                if is_new and self._walk.takes(folder, audio, top):
                    yield self._track(folder, audio, jams, before + audio, top)

    def _listed(self, path: str) -> Folder:
        try:
            return self._scan(path)
        except OSError as exc:
            raise CollectionError(f"its folder cannot be read ({exc.strerror})") from exc

    def _mirror_folder(self, path: str) -> Path | None:
        return None if self._mirror is None else Path(self._mirror.of(path))

    def _track(self, folder: Folder, audio: str, jams: str, shown: str, top: str) -> Track:
        path, beside = folder.place / audio, folder.place / jams
        place = self._mirrored(folder.path)
        if place is None:
            return Track(path, beside, None, shown)
        mirrored = place / jams
        has_base = beside != mirrored and self._walk.may_read(str(beside), top)
        return Track(path, mirrored, beside if has_base else None, shown)


def _check_file(source: Source) -> None:
    path = source.path
    if not os.path.exists(path):
        if is_url(source.shown):
            raise CollectionError("is a URL, which only mer-extract takes; download it first")
        raise CollectionError("does not exist; expected a recording, a folder, a JAMS or a list")
    if not os.path.isfile(path):
        raise CollectionError("is no regular file; expected a recording, a folder or a list")
    name = os.path.basename(path).lower()
    if name.endswith(PLAYLIST_SUFFIXES):
        raise CollectionError("is a list within a list; give it as an input of its own")
    if not (is_audio(name) or name.endswith(JAMS_SUFFIX)):
        suffix = os.path.splitext(name)[1] or "no suffix"
        raise CollectionError(
            f"is not a known kind of audio ({suffix}); convert it, or leave it out"
        )


def _recording_beside(folder: Folder, jams: str) -> str:
    found = folder.recording_of(jams) or next(_mentioned(folder, jams), None)
    if found is None:
        raise CollectionError("no recording of the same name lies beside it; put it there")
    return found


def _mentioned(folder: Folder, jams: str) -> Iterator[str]:
    """Yield recordings of the folder that the JAMS names; of a path in it only the last part."""
    try:
        content = read(os.path.join(folder.path, jams))
    except MerError as exc:
        raise CollectionError(f"names no recording: {exc}") from exc
    metadata = content.get("file_metadata")
    identifiers = metadata.get("identifiers") if isinstance(metadata, dict) else None
    for part in (identifiers, content.get("sandbox")):
        for text in part.values() if isinstance(part, dict) else ():
            if (name := _last_part(text)) in folder.recordings:
                yield name


def _last_part(text: object) -> str:
    return text.replace("\\", "/").rsplit("/", 1)[-1] if isinstance(text, str) else ""


def common_folder(named: Sequence[Source]) -> str:
    """Return the deepest folder that holds all inputs that exist."""
    common = None
    for _, path in named:
        place = path if os.path.isdir(path) else os.path.dirname(path)
        if os.path.exists(path):
            common = place if common is None else os.path.commonpath([common, place])
    return common or os.sep


def _raise(shown: str, reason: str) -> None:
    raise CollectionError(f"{shown}: {reason}")
