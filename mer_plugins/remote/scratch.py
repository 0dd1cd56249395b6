"""Private folders for what is fetched; those of processes that were killed are cleared away."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from mer_plugins.cache_folder import cache_folder


@contextmanager
def private_folder() -> Iterator[Path]:
    """Make a folder below the cache folder that nobody else uses, and remove it at the end.

    A process that is killed leaves its folder behind; the next one that asks for a folder finds
    that nobody holds its lock any more, and removes it.

    Raises
    ------
    OSError
        If it cannot be made.
    """
    parent = cache_folder() / "fetched"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _clear(parent)
    lock, folder = _claimed(parent)
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _claimed(parent: Path) -> tuple[FileLock, Path]:
    while True:
        path = parent / f"{uuid.uuid4().hex}.lock"
        lock = FileLock(path)
        lock.acquire()
        # Cleared away between making and locking it, it would keep nobody off.
        if path.exists():
            return lock, path.with_suffix("")
        lock.release()


@cache
def _clear(parent: Path) -> None:
    for path in parent.glob("*.lock"):
        try:
            with FileLock(path, timeout=0):
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                path.unlink(missing_ok=True)
        except Timeout:
            continue
