"""A shortcut to "already done", and what failed: what was stored where, from which files.

The JAMS files are the truth. The index only spares a second run over a large collection from
reading them all: it answers yes when recording and JAMS are, by size and time of change, exactly
those it saw, and otherwise does not know. Deleting it loses nothing, and an index that cannot be
used never stops a run. Failures and their reasons are noted for people; they keep no track from
being tried again.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, NamedTuple, Protocol

from mer_plugins.cache_folder import cache_folder

_BATCH = 256
_PATIENCE_S = 5.0
_TABLE = """
CREATE TABLE IF NOT EXISTS done_1 (
    jams BLOB, plugin TEXT, settings TEXT,
    audio_size INTEGER, audio_mtime_ns INTEGER, jams_size INTEGER, jams_mtime_ns INTEGER,
    PRIMARY KEY (jams, plugin)
) WITHOUT ROWID
"""
_FAILURES = """
CREATE TABLE IF NOT EXISTS failed_1 (
    jams BLOB, plugin TEXT, settings TEXT, audio_size INTEGER, audio_mtime_ns INTEGER, reason TEXT,
    PRIMARY KEY (jams, plugin)
) WITHOUT ROWID
"""
_FIND = """
SELECT settings, audio_size, audio_mtime_ns, jams_size, jams_mtime_ns
FROM done_1 WHERE jams = ? AND plugin = ?
"""
_KEEP = "INSERT OR REPLACE INTO done_1 VALUES (?, ?, ?, ?, ?, ?, ?)"
_FIND_FAILURE = """
SELECT settings, audio_size, audio_mtime_ns, reason FROM failed_1 WHERE jams = ? AND plugin = ?
"""
_KEEP_FAILURE = "INSERT OR REPLACE INTO failed_1 VALUES (?, ?, ?, ?, ?, ?)"
_FORGET_FAILURE = "DELETE FROM failed_1 WHERE jams = ? AND plugin = ?"
_Key = tuple[bytes, str]
_State = tuple[str, int, int, int, int]


class Stamp(NamedTuple):
    """Size in bytes and time of last change, in ns, by which a file's state is recognised."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Place) -> Stamp:
        """Take the stamp of a file; OSError if there is none."""
        if not isinstance(path, str | os.PathLike):
            return path.stamp()
        found = os.stat(path)
        return cls(found.st_size, found.st_mtime_ns)


class Elsewhere(Protocol):
    """A file that no path leads to: known by its URL, and knows its own stamp."""

    @property
    def url(self) -> str:
        """By which it is kept in the index."""
        ...

    def stamp(self) -> Stamp:
        """Return its stamp; OSError if there is none."""
        ...


Place = str | os.PathLike[str] | Elsewhere


class Failure(NamedTuple):
    """Why a track failed: with which settings, from which state of the recording (None: gone)."""

    settings: str
    audio: Stamp | None
    reason: str


def default_index_path() -> Path:
    """Return ``index.sqlite`` in :func:`mer_plugins.cache_folder.cache_folder`."""
    return cache_folder() / "index.sqlite"


class DoneIndex:
    """Remembers which JAMS hold which plugin's result; safe to use from several threads.

    Parameters
    ----------
    path : pathlib.Path
        The SQLite file; made, with its folder, if need be.

    Attributes
    ----------
    problem : str
        Why the index is out of use, in one line; empty while it works.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self._path = path
        self._lock = Lock()
        self._pending: dict[_Key, _State] = {}
        self._pending_failures: dict[_Key, Failure] = {}
        self._database: sqlite3.Connection | None = None
        try:
            self._database = _opened(path)
        except (OSError, sqlite3.Error) as exc:
            self._give_up(exc)

    def is_done(self, jams: Place, plugin: str, settings: str, audio: Stamp) -> bool:
        """Tell whether `jams` certainly holds the result of these settings for this recording.

        Parameters
        ----------
        jams : str, os.PathLike or Elsewhere
            Where the result would be stored.
        plugin, settings : str
            The plugin's name, and :func:`mer_plugins.fingerprints.settings_digest`.
        audio : Stamp
            Of the recording as it is now.

        Returns
        -------
        bool
            False means unknown: read the JAMS.
        """
        with self._lock:
            state = self._state(_key(jams, plugin))
        if state is None or state[:3] != (settings, *audio):
            return False
        try:
            return state[3:] == Stamp.of(jams)
        except OSError:
            return False

    def remember(self, jams: Place, plugin: str, settings: str, audio: Stamp) -> None:
        """Note that `jams`, as it is now, holds the result of these settings.

        Take `audio` before the recording is read: should it be replaced meanwhile, the index then
        will not know it. Notes are written in batches, the last by :meth:`close`.
        """
        try:
            state = (settings, *audio, *Stamp.of(jams))
        except OSError:
            return
        with self._lock:
            self._pending[_key(jams, plugin)] = state
            self._pending_failures.pop(_key(jams, plugin), None)
            self._noted()

    def seen(self, jams: Place, plugin: str) -> tuple[str, Stamp] | None:
        """Return settings and recording of the result last noted for `jams`, stale or not."""
        with self._lock:
            state = self._state(_key(jams, plugin))
        return None if state is None else (state[0], Stamp(*state[1:3]))

    def remember_failure(
        self,
        jams: Place,
        plugin: str,
        settings: str,
        audio: Stamp | None,
        reason: str,
    ) -> None:
        """Note why `jams` could not be made with these settings; a later success takes it back."""
        # A reason may name a file that is not valid UTF-8, which SQLite's text must be.
        text = reason.encode("utf-8", "backslashreplace").decode()
        with self._lock:
            self._pending_failures[_key(jams, plugin)] = Failure(settings, audio, text)
            self._noted()

    def failure(self, jams: Place, plugin: str) -> Failure | None:
        """Return why the last run for `jams` failed; None if it did not, or nothing is known."""
        key = _key(jams, plugin)
        with self._lock:
            if key in self._pending or key in self._pending_failures:
                return self._pending_failures.get(key)
            found = self._found(_FIND_FAILURE, key)
        if found is None:
            return None
        settings, size, mtime_ns, reason = found
        return Failure(settings, None if size is None else Stamp(size, mtime_ns), reason)

    def close(self) -> None:
        """Write what is pending and close the file; it may be called twice."""
        with self._lock:
            self._flush()
            self._disconnect()

    def __enter__(self) -> DoneIndex:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _state(self, key: _Key) -> _State | None:
        if key in self._pending:
            return self._pending[key]
        state: _State | None = self._found(_FIND, key)
        return state

    def _found(self, question: str, key: _Key) -> Any:
        if self._database is None:
            return None
        try:
            # Questions in a row share one snapshot: each of its own would take twice the time.
            if not self._database.in_transaction:
                self._database.execute("BEGIN")
            return self._database.execute(question, key).fetchone()
        except sqlite3.Error as exc:
            self._give_up(exc)
            return None

    def _noted(self) -> None:
        self._end_snapshot()
        if len(self._pending) + len(self._pending_failures) >= _BATCH:
            self._flush()

    def _end_snapshot(self) -> None:
        if self._database is not None:
            try:
                self._database.rollback()
            except sqlite3.Error as exc:
                self._give_up(exc)

    def _flush(self) -> None:
        # One short transaction a batch: other runs that share the index never wait for long.
        done = [(*key, *state) for key, state in self._pending.items()]
        failed = [
            (*key, f.settings, *(f.audio or (None, None)), f.reason)
            for key, f in self._pending_failures.items()
        ]
        keys = list(self._pending)
        self._pending.clear()
        self._pending_failures.clear()
        self._end_snapshot()
        if self._database is None or not (done or failed):
            return
        try:
            with self._database:
                self._database.executemany(_FORGET_FAILURE, keys)
                self._database.executemany(_KEEP, done)
                self._database.executemany(_KEEP_FAILURE, failed)
        except sqlite3.Error as exc:
            self._give_up(exc)

    def _give_up(self, cause: Exception) -> None:
        self.problem = f"{self._path}: the index of finished tracks is not used ({cause})"
        self._disconnect()

    def _disconnect(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
        self._database = None


def _opened(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_PATIENCE_S, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        with database:
            database.execute(_TABLE)
            database.execute(_FAILURES)
            # Found out now rather than after a batch of results: is it our table, and writable?
            database.execute("DELETE FROM done_1 WHERE jams = x'' AND jams_mtime_ns = 0")
    except sqlite3.Error:
        database.close()
        raise
    return database


def _key(jams: Place, plugin: str) -> _Key:
    if not isinstance(jams, str | os.PathLike):
        return os.fsencode(jams.url), plugin
    # As bytes: a file name need not be valid UTF-8, which SQLite's text must be.
    return os.fsencode(os.path.abspath(jams)), plugin
