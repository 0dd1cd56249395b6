"""Log-mel on disk: computed once for a recording and a front end, bounded in size.

An entry's name is a hash of the recording's bytes and of everything that shapes its features, so
nothing in it can be stale; it is read in place (memory-mapped), so a collection needs no memory.
Values are float16: of a natural logarithm between -14 and 16, that keeps 0.008.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mer_plugins.atomic import HAS_FLOCK, replacing

Features = npt.NDArray[np.float16]

# A change of the code that computes features changes this number, and nothing old is read.
_VERSION = 1
_BYTES_PER_GB = 1_000_000_000
_WRITING = ".tmp"
_ABANDONED_S = 3600.0


class FeatureCache:
    """A folder of features.

    Parameters
    ----------
    folder : pathlib.Path
        Made if need be.
    limit_gb : float
        Entries used longest ago make room for new ones beyond this size. Those in use by a run
        stay readable to it (their space is freed when it ends); on Windows they stay.
    """

    def __init__(self, folder: Path, limit_gb: float = 20.0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._limit = folder, int(limit_gb * _BYTES_PER_GB)
        self._lock = threading.Lock()
        _clear_abandoned(folder)
        self._size = sum(entry.size for entry in _entries(folder))

    def features(self, audio: Path, settings: str, compute: Callable[[], Features]) -> Features:
        """Return the features of a recording, computed only if no entry holds them.

        Parameters
        ----------
        audio : pathlib.Path
            The recording; its content counts, not its name.
        settings : str
            Everything else the features depend on.
        compute : callable
            Makes them, shape=(t, f, n).
        """
        path = self.folder / f"{_key(audio, settings)}.npy"
        found = _load(path)
        if found is not None:
            return found
        computed = compute()
        self._store(path, computed)
        found = _load(path)
        # Another thread or process may have needed the room already.
        return computed if found is None else found

    def _store(self, path: Path, features: Features) -> None:
        with self._lock:
            self._make_room(features.nbytes)
            self._size += features.nbytes
        with replacing(path) as file:
            np.save(file, features, allow_pickle=False)

    def _make_room(self, needed: int) -> None:
        if self._size + needed <= self._limit:
            return
        entries = _entries(self.folder)
        self._size = sum(entry.size for entry in entries)
        for entry in sorted(entries, key=lambda entry: entry.used_ns):
            if self._size + needed <= self._limit:
                break
            if entry.path.suffix == _WRITING:
                continue
            with suppress(OSError):
                entry.path.unlink()
                self._size -= entry.size


def _key(audio: Path, settings: str) -> str:
    content = hashlib.sha256(audio.read_bytes()).hexdigest()
    return hashlib.sha256(f"{_VERSION} {content} {settings}".encode()).hexdigest()


def _load(path: Path) -> Features | None:
    """Map an entry and mark it as used now; a damaged one counts as none."""
    try:
        found: Features = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    with suppress(OSError):  # what made room for others meanwhile stays readable to this run
        os.utime(path)
    return found if found.dtype == np.float16 and found.ndim == 3 else None


class _Entry(NamedTuple):
    path: Path
    size: int
    used_ns: int


def _entries(folder: Path) -> list[_Entry]:
    """List what takes room: entries, and those that are being written."""
    found = []
    for path in folder.iterdir():
        if path.suffix in (".npy", _WRITING):
            with suppress(FileNotFoundError):
                told = path.stat()
                found.append(_Entry(path, told.st_size, told.st_mtime_ns))
    return found


def _clear_abandoned(folder: Path) -> None:
    for entry in _entries(folder):
        if entry.path.suffix == _WRITING:
            with suppress(OSError):
                _clear_if_abandoned(entry)


def _clear_if_abandoned(entry: _Entry) -> None:
    """Remove what a writer that was killed left: nobody holds its lock, or nothing is added."""
    # Where there are no locks, and in versions before them, age alone tells.
    if not HAS_FLOCK or not entry.path.name.startswith("."):
        if time.time() - entry.used_ns / 1e9 > _ABANDONED_S:
            entry.path.unlink()
        return
    import fcntl

    descriptor = os.open(entry.path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        entry.path.unlink()
    finally:
        os.close(descriptor)
