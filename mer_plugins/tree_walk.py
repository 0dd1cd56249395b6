"""Walk folder trees: each real folder once, whatever links and overlapping inputs there are."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator

from mer_plugins.folders import Folder, is_within, scan


class TreeWalk:
    """Several walks that know of each other.

    Only the tops of walks are kept in mind, not what they found, so a million files need no more
    memory than the largest single folder.

    Parameters
    ----------
    follow : bool
        Whether links may lead out of the top folder.
    problem : callable
        Called with (folder, reason) for a folder that cannot be listed.
    """

    def __init__(self, follow: bool, problem: Callable[[str, str], None]) -> None:
        self._follow, self._problem = follow, problem
        self._tops: set[str] = set()

    def folders(self, path: str) -> Iterator[Folder]:
        """Yield the folder `path` and all below it that no earlier walk has yielded.

        Names are in sort order. Linked folders come last, so that a link never takes away a
        folder's own name; where they lead is a walk of its own, so loops end.
        """
        top = os.path.realpath(path)
        tops = deque([(path, top)])
        while tops:
            path, real = tops.popleft()
            if self._tops_of(real):
                continue
            self._tops.add(real)
            for folder in self._tree(path, real):
                yield folder
                tops.extend(self._linked_folders(folder, top))

    def has_found(self, folder: Folder, recording: str) -> bool:
        """Tell whether a walk so far has come to this recording, and takes it."""
        return any(self.takes(folder, recording, top) for top in self._tops_of(folder.real))

    def takes(self, folder: Folder, recording: str, top: str) -> bool:
        """Tell whether a walk from `top` takes this file: not hidden, and no link out of `top`."""
        if recording.startswith("."):
            return False
        linked = recording in folder.links
        return not linked or self.may_read(os.path.join(folder.path, recording), top)

    def may_read(self, path: str, top: str) -> bool:
        """Tell whether `path` is a file, and links on the way to it keep within `top`."""
        target = os.path.realpath(path)
        return os.path.isfile(target) and (self._follow or is_within(top, target))

    def _tree(self, path: str, real: str) -> Iterator[Folder]:
        stack = [(path, real)]
        while stack:
            folder = self._listed(*stack.pop())
            if folder is not None:
                yield folder
                stack.extend(b for b in _subfolders(folder) if b[1] not in self._tops)

    def _listed(self, path: str, real: str) -> Folder | None:
        try:
            return scan(path, real)
        except OSError as exc:
            self._problem(path, f"the folder cannot be read ({exc.strerror})")
            return None

    def _linked_folders(self, folder: Folder, top: str) -> Iterator[tuple[str, str]]:
        for name in folder.linked_folders:
            link = os.path.join(folder.path, name)
            target = os.path.realpath(link)
            if self._follow or is_within(top, target):
                yield link, target

    def _tops_of(self, real: str) -> list[str]:
        """Return the tops above `real` from which a walk comes there: nothing hidden between."""
        found = []
        while True:
            if real in self._tops:
                found.append(real)
            parent, name = os.path.split(real)
            if parent == real or name.startswith("."):
                return found
            real = parent


def _subfolders(folder: Folder) -> Iterator[tuple[str, str]]:
    for name in reversed(folder.subfolders):
        yield os.path.join(folder.path, name), os.path.join(folder.real, name)
