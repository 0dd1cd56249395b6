"""Find tracks where recordings, output or both lie behind URLs.

What lies behind a URL is found by the rules of :mod:`mer_plugins.collection`: the same order, the
same names of JAMS files, nothing hidden. There are no links. One folder is listed at a time, so
the largest one decides how much memory is needed, and there is one request a folder (and for each
1,000 files).
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from mer_plugins.collection import (
    CollectionError,
    Finder,
    Mirror,
    Problem,
    Track,
    common_folder,
)
from mer_plugins.done_index import Stamp
from mer_plugins.folders import JAMS_SUFFIX, Folder, is_audio
from mer_plugins.remote.files import (
    MissingError,
    RemoteError,
    check_output,
    entries,
    opened,
    same_system,
)
from mer_plugins.remote.tracks import AnyTrack, RemoteFile, RemoteTrack
from mer_plugins.remote.urls import is_url, local_path, without_secrets
from mer_plugins.track_lists import Lines, Source, absolute, sources
from mer_plugins.tree_walk import TreeWalk

_FOLDERS_KEPT = 16
_NOT_THERE = "does not exist; expected a recording, a folder or a JAMS"
# Stands for the output folder while a local tree is walked; no file can have this name.
_PLACEHOLDER = f"{os.sep}\0"


def find_anywhere(
    inputs: Sequence[str],
    output: Path | str | None = None,
    *,
    follow: bool = False,
    problem: Problem,
    stdin: Lines | None = None,
) -> Iterator[AnyTrack]:
    """Find the tracks of all inputs, of which some may be URLs, one by one.

    Parameters
    ----------
    inputs : sequence of str
        As :func:`mer_plugins.collection.find_tracks` takes them, and URLs of recordings, JAMS and
        folders; lists may name URLs, too.
    output : pathlib.Path, str or None
        Folder for the JAMS files, or its URL. All inputs must then be paths, or all be URLs that
        are reached in the same way.
    follow, problem, stdin : bool, callable, iterable
        As there.

    Yields
    ------
    Track or RemoteTrack
        No two with the same JAMS.

    Raises
    ------
    CollectionError, RemoteError
        If the output folder cannot be used with these inputs, or not at all.
    PackageError
        If a package is missing that a URL needs.
    """

    def report(shown: str, reason: str) -> None:
        problem(without_secrets(shown) if is_url(shown) else shown, reason)

    named = map(_plain, sources(inputs, stdin, report))
    if output is None:
        yield from _found(named, _AnyFinder(follow, report), report)
        return
    listed = list(named)
    are_urls = {is_url(source.shown) for source in listed}
    if are_urls == {True, False}:
        raise CollectionError("some inputs are URLs and some are not: with -o, run them apart")
    place = _output(output)
    if are_urls == {True}:
        mirror = _UrlMirror(_common_url(listed), _Outputs(place))
        yield from _found(listed, _RemoteFinder(mirror, report), report)
    elif isinstance(place, Path):
        here = Mirror(str(place), common_folder(listed))
        yield from _found(listed, Finder(here, TreeWalk(follow, report)), report)
    else:
        here = Mirror(_PLACEHOLDER, common_folder(listed))
        found = _found(listed, Finder(here, TreeWalk(follow, report)), report)
        yield from map(_Outputs(place).instead, found)


class _AnyFinder:
    """One search among paths and URLs."""

    def __init__(self, follow: bool, report: Problem) -> None:
        self._local = Finder(None, TreeWalk(follow, report))
        self._remote = _RemoteFinder(None, report)

    def tracks(self, source: Source) -> Iterator[AnyTrack]:
        return (self._remote if is_url(source.shown) else self._local).tracks(source)


def _found(
    named: Iterable[Source], finder: Finder | _RemoteFinder | _AnyFinder, report: Problem
) -> Iterator[AnyTrack]:
    for source in named:
        try:
            yield from finder.tracks(source)
        except (CollectionError, RemoteError) as exc:
            report(source.shown, str(exc).removeprefix(f"{without_secrets(source.shown)}: "))


def _plain(source: Source) -> Source:
    path = local_path(source.shown)
    return source if path is None else Source(path, absolute(path))


def _output(output: Path | str) -> RemoteFile | Path:
    if isinstance(output, Path):
        return Path(absolute(os.fspath(output)))
    folder = opened(output)
    check_output(folder)
    return folder


class _Outputs:
    """An output folder, which knows the state of what is there already."""

    def __init__(self, place: RemoteFile | Path) -> None:
        self._place = place
        self._stamps = lru_cache(maxsize=_FOLDERS_KEPT)(_stamps)

    def file(self, folder: str, name: str) -> RemoteFile | Path:
        """Return a file of a folder below the output folder."""
        if ".." in PurePosixPath(folder).parts:
            raise CollectionError("has '..' in its URL, which would lead out of the output folder")
        if isinstance(self._place, Path):
            return self._place / folder / name
        below = self._place.child(folder)
        return below.child(name, self._stamps(below).get(name))

    def instead(self, track: AnyTrack) -> RemoteTrack:
        """Let the output of a local track, found with the placeholder, go here."""
        if not (isinstance(track, Track) and isinstance(self._place, RemoteFile)):
            raise TypeError(f"{track}: expected a local track and an output folder behind a URL")
        place = track.jams.relative_to(_PLACEHOLDER).as_posix()
        jams = self.file(*posixpath.split(place))
        return RemoteTrack(track.audio, jams, track.base_jams, track.name)


def _stamps(folder: RemoteFile) -> dict[str, Stamp | None]:
    try:
        return {entry.name: entry.stamp for entry in entries(folder) if not entry.is_folder}
    except MissingError:
        return {}


@dataclass(frozen=True)
class _UrlMirror:
    root: RemoteFile
    outputs: _Outputs

    def file(self, folder: RemoteFile, name: str) -> RemoteFile | Path:
        relative = folder.path[len(self.root.path) :].strip("/")
        return self.outputs.file(relative, name)


@dataclass(frozen=True)
class _RemoteFolder(Folder):
    """A folder behind a URL, by the rules of local ones."""

    stamps: Mapping[str, Stamp | None]

    def _exists(self, name: str) -> bool:
        return name in self.stamps


def _listed(place: RemoteFile) -> _RemoteFolder:
    try:
        found = entries(place)
    except MissingError as exc:
        raise CollectionError(_NOT_THERE) from exc
    files = {entry.name: entry.stamp for entry in found if not entry.is_folder}
    below = sorted(e.name for e in found if e.is_folder and not e.name.startswith("."))
    recordings = sorted(filter(is_audio, files))
    return _RemoteFolder(place.url, place.url, recordings, below, frozenset(), [], files)


class _RemoteFinder:
    """One search behind URLs: remembers what was named."""

    def __init__(self, mirror: _UrlMirror | None, report: Problem) -> None:
        self._mirror, self._report = mirror, report
        self._named: set[str] = set()
        self._tops: set[str] = set()
        self._scan = lru_cache(maxsize=_FOLDERS_KEPT)(_listed)

    def tracks(self, source: Source) -> Iterator[RemoteTrack]:
        place = opened(source.shown)
        if _names_file(source.shown):
            return self._one(place.parent, place.name)
        return self._below(place)

    def _one(self, place: RemoteFile, name: str) -> Iterator[RemoteTrack]:
        folder = self._scan(place)
        if name not in folder.stamps:
            raise CollectionError(_NOT_THERE)
        is_jams = name.lower().endswith(JAMS_SUFFIX)
        audio = folder.recording_of(name) if is_jams else name
        if audio is None:
            raise CollectionError("no recording of the same name lies beside it; put it there")
        own_jams = folder.jams_name(audio)
        jams = name if is_jams else own_jams
        key = place.child(jams).url
        was_found = jams == own_jams and not audio.startswith(".") and self._has_walked(place.url)
        if key not in self._named and not was_found:
            self._named.add(key)
            yield self._track(place, folder, audio, jams)

    def _below(self, top: RemoteFile) -> Iterator[RemoteTrack]:
        if self._has_walked(top.url):
            return
        for place, folder in self._tree(top):
            for audio in folder.recordings:
                jams = folder.jams_name(audio)
                is_new = not self._named or place.child(jams).url not in self._named
                if is_new and not audio.startswith("."):
                    yield self._track(place, folder, audio, jams)

    def _tree(self, top: RemoteFile) -> Iterator[tuple[RemoteFile, _RemoteFolder]]:
        """Yield a folder and all below it that no earlier walk has been to."""
        # Before it counts as walked: what is not there is told each time.
        folder: _RemoteFolder | None = _listed(top)
        before, stack = set(self._tops), [top]
        self._tops.add(top.url)
        while stack:
            place = stack.pop()
            folder = folder if place is top else self._listed_or_told(place)
            if folder is not None:
                yield place, folder
                below = (place.child(name) for name in reversed(folder.subfolders))
                stack.extend(b for b in below if b.url not in before)

    def _listed_or_told(self, place: RemoteFile) -> _RemoteFolder | None:
        try:
            return _listed(place)
        except (CollectionError, RemoteError) as exc:
            self._report(place.url, str(exc).removeprefix(f"{place.url}: "))
            return None

    def _has_walked(self, url: str) -> bool:
        """Tell whether an earlier walk has come to this folder: nothing hidden between."""
        for top in self._tops:
            below = url.removeprefix(top)
            is_part = not below or below.startswith("/") or top.endswith("/")
            if below != url and is_part and "/." not in f"/{below.lstrip('/')}":
                return True
        return False

    def _track(
        self, place: RemoteFile, folder: _RemoteFolder, audio: str, jams: str
    ) -> RemoteTrack:
        recording = place.child(audio, folder.stamps[audio])
        beside = place.child(jams, folder.stamps.get(jams))
        if self._mirror is None:
            return RemoteTrack(recording, beside, None, recording.url)
        mirrored = self._mirror.file(place, jams)
        has_base = jams in folder.stamps and mirrored != beside
        return RemoteTrack(recording, mirrored, beside if has_base else None, recording.url)


def _names_file(url: str) -> bool:
    name = without_secrets(url).rpartition("/")[2] if not url.endswith("/") else ""
    return is_audio(name) or name.lower().endswith(JAMS_SUFFIX)


def _common_url(named: Sequence[Source]) -> RemoteFile:
    """Return the deepest folder that holds all that was named."""
    places = [_folder_of(source.shown) for source in named]
    if not all(same_system(places[0], place) for place in places):
        raise CollectionError("the inputs lie in different places: with -o, run them apart")
    path = posixpath.commonpath([place.path for place in places])
    return RemoteFile(path, path, places[0].root)


def _folder_of(url: str) -> RemoteFile:
    place = opened(url)
    return place.parent if _names_file(url) else place
