"""Replace a file as a whole: locked, atomic, and safe against a crash at any moment.

The new content is written to a hidden file of a fixed name in the same folder, which is also the
lock. A crash leaves the old file or the new one, and at most that hidden file, which the next
writer clears away. Where the platform or the file system knows no ``flock``, as some network file
systems do not, the lock is a second hidden file that names its holder (``filelock.SoftFileLock``):
left by a process of this machine that is gone, it is cleared away; left by another machine, it is
waited for and then named in the error.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

HAS_FLOCK = find_spec("fcntl") is not None
_NO_FLOCK_HERE = (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK)
_OPEN = (
    os.O_RDWR
    | os.O_CREAT
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_LONGEST_NAME = 255
_LONGEST_WAIT_S = 600.0
_NAMELESS_S = 2.0


@contextmanager
def replacing(target: Path) -> Iterator[BinaryIO]:
    """Open an empty file that becomes `target` when the block ends without an error.

    Inside the block no other writer that uses this function changes `target`, so it is the place
    to read the old content. Mode bits and, as far as allowed, the owner of the old file are kept.

    Parameters
    ----------
    target : pathlib.Path
        The file to create or replace; its folder must exist. A symbolic link is replaced itself.

    Yields
    ------
    typing.BinaryIO
        An empty file, opened for writing.

    Raises
    ------
    OSError
        If the folder or the disk does not take the file, or, without ``flock``, another writer
        holds the lock for ten minutes. The old content then stands, and the hidden file is gone.
    """
    with ExitStack() as lock:
        temp, descriptor = _claim(target, lock)
        with _written(target, temp, descriptor) as file:
            yield file
    _sync_folder(target.parent)


@contextmanager
def _written(target: Path, temp: Path, descriptor: int) -> Iterator[BinaryIO]:
    with os.fdopen(descriptor, "wb") as file:
        try:
            yield file
            file.flush()
            _keep_mode(temp, target)
            os.fsync(descriptor)
            _put_in_place(file, temp, target)
        except BaseException:
            _remove_own(descriptor, temp)
            raise
        finally:
            # A child forked meanwhile shares the lock and would hold it beyond our closing.
            _unlock(file)


def temp_path(target: Path) -> Path:
    """Return the hidden file that is both the lock and the new content of `target`."""
    return _hidden(target, ".tmp")


def lock_path(target: Path) -> Path:
    """Return the hidden file that is the lock of `target` where there is no ``flock``."""
    return _hidden(target, ".lock")


def _hidden(target: Path, suffix: str) -> Path:
    name = f".{target.name}{suffix}"
    # The library that makes lock files appends to their names while it breaks a stale one.
    if len(os.fsencode(name)) > _LONGEST_NAME - 64 * (suffix == ".lock"):
        digest = hashlib.blake2b(os.fsencode(target.name), digest_size=16).hexdigest()
        name = f".{digest}{suffix}"
    return target.with_name(name)


def _claim(target: Path, lock: ExitStack) -> tuple[Path, int]:
    temp = temp_path(target)
    while HAS_FLOCK:
        descriptor = os.open(temp, _OPEN, 0o666)
        try:
            locked = _lock(descriptor)
            if locked and _is_ready(descriptor, temp):
                return temp, descriptor
            if not locked:
                _remove_own(descriptor, temp)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if not locked:
            break
    lock.enter_context(_lock_file(target))
    # Another name than above: a machine that does have flock may be writing under that one.
    own = _hidden(target, ".new")
    own.unlink(missing_ok=True)
    return own, os.open(own, _OPEN | os.O_EXCL, 0o666)


@contextmanager
def _lock_file(target: Path) -> Iterator[None]:
    from filelock import SoftFileLock, Timeout

    path, end = lock_path(target), time.monotonic() + _LONGEST_WAIT_S
    lock = SoftFileLock(path)
    while not lock.is_locked:
        _clear_nameless(path)
        left = end - time.monotonic()
        try:
            lock.acquire(timeout=max(0.0, min(_NAMELESS_S, left)))
        except Timeout:
            if left <= 0:
                raise
    try:
        yield
    finally:
        lock.release()


def _clear_nameless(lock: Path) -> None:
    """Remove a lock that names no holder: one killed between making its file and writing it.

    The library waits for such a file as long as it exists. A living writer leaves it without a name
    for an instant only.
    """
    with suppress(FileNotFoundError):
        found = lock.lstat()
        if not found.st_size and time.time() - found.st_mtime > _NAMELESS_S:
            lock.unlink()


def _lock(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as exc:
        if exc.errno in _NO_FLOCK_HERE:
            return False
        raise
    return True


def _unlock(file: BinaryIO) -> None:
    if HAS_FLOCK and not file.closed:
        import fcntl

        with suppress(OSError):
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def _is_ready(descriptor: int, temp: Path) -> bool:
    """Tell whether the locked file is still at its name and empty; clear it away if it is not."""
    mine = os.fstat(descriptor)
    if not stat.S_ISREG(mine.st_mode):
        raise FileExistsError(errno.EEXIST, "a special file is in the way", str(temp))
    if not _is_at(descriptor, temp):
        return False
    if mine.st_size == 0 and mine.st_nlink == 1:
        return True
    # Left by a writer that was killed, or a second name of some other file: never written into.
    os.unlink(temp)
    return False


def _is_at(descriptor: int, temp: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(temp))
    except FileNotFoundError:
        return False


def _remove_own(descriptor: int, temp: Path) -> None:
    with suppress(OSError):
        if _is_at(descriptor, temp):
            os.unlink(temp)


def _keep_mode(temp: Path, target: Path) -> None:
    try:
        old = os.stat(target)
    except FileNotFoundError:
        return
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(temp, old.st_uid, old.st_gid)
    os.chmod(temp, stat.S_IMODE(old.st_mode))


def _put_in_place(file: BinaryIO, temp: Path, target: Path) -> None:
    if not HAS_FLOCK:  # Windows renames closed files only
        file.close()
    os.replace(temp, target)


def _sync_folder(folder: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):
        return
    with suppress(OSError):  # some file systems refuse to sync a folder; the file itself is safe
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
