"""Names of songs that tell them apart within a training run, and songs found again by them.

A song is called by the path of its recording within its collection, with ``/`` and without suffix:
``01`` in a flat folder, ``Ann/01`` where each artist has a folder. Older runs called it ``01`` in
both cases.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from mer_plugins.collection import Track
from mer_plugins.track_lists import absolute


def song_names(tracks: Sequence[Track], inputs: Sequence[str]) -> list[str]:
    """Name each recording by its path within its collection.

    Recordings that would share a name keep their suffix where they lie in one folder; where they
    lie in different collections, the collection's folder comes first, ``deam/01``.

    Parameters
    ----------
    tracks : sequence of Track
        As :func:`mer_plugins.collection.find_tracks` finds them.
    inputs : sequence of str
        What they were found in. Those that were named singly, or in lists, are one collection.

    Returns
    -------
    list of str
        No two alike, unless a recording comes twice.
    """
    roots = [absolute(name) for name in inputs if os.path.isdir(name)]
    paths = [str(track.audio) for track in tracks]
    found = [_root_of(path, roots) for path in paths]
    single = [os.path.dirname(p) for p, root in zip(paths, found, strict=True) if not root]
    common = os.path.commonpath(single) if single else ""
    places = [(root or common, p) for root, p in zip(found, paths, strict=True)]
    plain = [(root, _plain(os.path.relpath(path, root))) for root, path in places]
    often = Counter(plain)
    longer = [_candidates(*place, often[own] > 1) for place, own in zip(places, plain, strict=True)]
    return _told_apart(longer)


def _root_of(path: str, roots: Sequence[str]) -> str:
    return next((r for r in roots if path.startswith(os.path.join(r, ""))), "")


def _plain(path: str) -> str:
    return Path(os.path.splitext(path)[0]).as_posix()


def _candidates(root: str, path: str, with_suffix: bool) -> Iterator[str]:
    """Yield names of a recording, each longer than the one before."""
    within = os.path.relpath(path, root)
    own = Path(within).as_posix() if with_suffix else _plain(within)
    folders = Path(root).parts[1:]
    for i in range(len(folders), -1, -1):
        yield "/".join([*folders[i:], own])
    yield Path(path).as_posix()


def _told_apart(candidates: Sequence[Iterator[str]]) -> list[str]:
    names = [next(found) for found in candidates]
    while alike := _alike(names):
        longer = {i: name for i in alike if (name := next(candidates[i], ""))}
        if not longer:
            break
        for i, name in longer.items():
            names[i] = name
    return names


def _alike(names: Sequence[str]) -> list[int]:
    often = Counter(names)
    return [i for i, name in enumerate(names) if often[name] > 1]


def find_names(
    songs: Sequence[tuple[str, Path]],
    known: Collection[str],
    problem: Callable[[str, str], None] = lambda name, reason: None,
) -> list[str]:
    """Return what a run calls each song of a collection; empty where it has none.

    A song is found by its path within the collection, then by a path that begins above it, then by
    its stem where neither the collection nor the run has two of these.

    Parameters
    ----------
    songs : sequence of (str, pathlib.Path)
        The path of each recording within the collection, with ``/`` and suffix; the recording.
    known : collection of str
        The run's names, of :func:`song_names` or, as older runs have them, stems.
    problem : callable
        Called with (song, reason) for each that has no place because stems are not unique.
    """
    by_last = defaultdict(list)
    for name in known:
        by_last[name.rpartition("/")[2]].append(name)
    stems = Counter(Path(name).stem for name, _ in songs)
    found = []
    for name, audio in songs:
        stem = Path(name).stem
        alike = by_last.get(stem, [])
        # An older run's stem says nothing of which of several songs it was.
        unclear = stems[stem] > 1 and alike == [stem]
        exact = (n for n in _names_of(name, audio) if n in known and not (unclear and n == stem))
        called = next(exact, "")
        if not called and len(alike) == stems[stem] == 1:
            called = alike[0]
        if not called and unclear:
            problem(name, f"left out, {stems[stem]} songs are called {stem}")
        elif not called and len(alike) > 1:
            problem(name, f"left out, {len(alike)} songs of the run are called {stem}")
        found.append(called)
    return found


def _names_of(name: str, audio: Path) -> Iterator[str]:
    """Yield what a run may call a song exactly: from its path within the collection upwards."""
    yield _plain(name)
    yield name
    parts = audio.parts
    for i in range(len(parts) - len(Path(name).parts) - 1, 0, -1):
        longer = "/".join(parts[i:])
        yield _plain(longer)
        yield longer
