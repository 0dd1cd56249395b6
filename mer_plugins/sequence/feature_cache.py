"""Log-mel on disk: computed once for a recording and a front end, bounded in size.

An entry's name is a hash of the recording's bytes and of everything that shapes its features, so
nothing in it can be stale; it is read in place (memory-mapped), so a collection needs no memory.
Values are float16: of a natural logarithm between -14 and 16, that keeps 0.008.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float16]

# A change of the code that computes features changes this number, and nothing old is read.
_VERSION = 1
_BYTES_PER_GB = 1_000_000_000


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
        self._size = sum(path.stat().st_size for path in folder.glob("*.npy"))

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
        if found is None:
            self._store(path, compute())
            found = _load(path)
        if found is None:
            raise OSError(f"{path}: what was just written cannot be read")
        return found

    def _store(self, path: Path, features: Features) -> None:
        self._make_room(features.nbytes)
        descriptor, temp = tempfile.mkstemp(dir=self.folder, suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                np.save(file, features, allow_pickle=False)
            os.replace(temp, path)
        except BaseException:
            os.unlink(temp)
            raise
        self._size += features.nbytes

    def _make_room(self, needed: int) -> None:
        if self._size + needed <= self._limit:
            return
        entries = sorted(self.folder.glob("*.npy"), key=lambda path: path.stat().st_mtime_ns)
        self._size = sum(path.stat().st_size for path in entries)
        for path in entries:
            if self._size + needed <= self._limit:
                break
            size = path.stat().st_size
            with suppress(OSError):
                path.unlink()
                self._size -= size


def _key(audio: Path, settings: str) -> str:
    content = hashlib.sha256(audio.read_bytes()).hexdigest()
    return hashlib.sha256(f"{_VERSION} {content} {settings}".encode()).hexdigest()


def _load(path: Path) -> Features | None:
    """Map an entry and mark it as used now; a damaged one counts as none."""
    try:
        found: Features = np.load(path, mmap_mode="r", allow_pickle=False)
        os.utime(path)
    except (OSError, ValueError, EOFError):
        return None
    return found if found.dtype == np.float16 and found.ndim == 3 else None
