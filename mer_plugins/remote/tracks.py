"""Files behind URLs and the tracks made of them; nothing here asks the other side."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from mer_plugins.collection import Track
from mer_plugins.done_index import Stamp
from mer_plugins.remote.urls import scheme


@dataclass(frozen=True)
class RemoteFile:
    """A file or folder behind a URL.

    Parameters
    ----------
    url : str
        For people and for the index of finished tracks: no password and no query in it.
    path : str
        What the file system behind the URL calls it.
    root : str
        A URL that this file system is reached by, as it was given; it may hold a password.
    found : Stamp or None
        Its state when it was last listed or written; None if it was not there, or nobody knows.
    """

    url: str
    path: str
    root: str = field(repr=False)
    found: Stamp | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def scheme(self) -> str:
        """What kind of file system it lies in."""
        return scheme(self.root)

    @property
    def parent(self) -> RemoteFile:
        """The folder it lies in."""
        url, path = (text.rpartition("/")[0] for text in (self.url, self.path))
        return RemoteFile(f"{url}/" if url.endswith(":/") else url, path, self.root)

    def stamp(self) -> Stamp:
        """Return its state as far as known; OSError if it is not."""
        if self.found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.url)
        return self.found

    def child(self, relative: str, found: Stamp | None = None) -> RemoteFile:
        """Return what lies in this folder under a name, or a path of names."""
        if not relative:
            return replace(self, found=found)
        joint = "" if self.url.endswith("://") else "/"
        path = f"{self.path.rstrip('/')}/{relative}" if self.path else relative
        return RemoteFile(f"{self.url}{joint}{relative}", path, self.root, found)

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class RemoteTrack:
    """A track of which the recording, the JAMS or both lie behind a URL.

    Parameters
    ----------
    audio : RemoteFile or pathlib.Path
        The recording.
    jams : RemoteFile or pathlib.Path
        Where the output goes.
    base_jams : RemoteFile, pathlib.Path or None
        An existing JAMS of this recording to begin from if `jams` does not exist.
    name : str
        The recording for messages.
    """

    audio: RemoteFile | Path
    jams: RemoteFile | Path
    base_jams: RemoteFile | Path | None
    name: str


AnyTrack = Track | RemoteTrack
