"""What is done with files behind URLs: list, fetch and put; every error in one line.

The file systems raise what they please, so the borders here catch every error and name the URL.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from mer_plugins.done_index import Stamp
from mer_plugins.errors import MerError, PackageError
from mer_plugins.extras import require
from mer_plugins.remote.tracks import RemoteFile
from mer_plugins.remote.urls import reason, scheme, without_secrets

# Where a put happens or does not happen, and nothing can be renamed.
OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oci", "oss"})
_S3 = frozenset({"s3", "s3a"})
_NOT_AS_READ = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_NO_CONDITIONS = frozenset({"NotImplemented", "501"})
# What tells one state of a file from another, the surest first.
_STATES = (
    *("ETag", "etag", "md5Hash", "generation", "checksum", "mtime", "LastModified"),
    *("last_modified", "modified", "updated", "created"),
)
_READS = 3


class RemoteError(MerError):
    """Something behind a URL is not there, is not to be had or does not let itself be written."""


class MissingError(RemoteError):
    """There is nothing at a URL."""


class ChangedMeanwhileError(RemoteError):
    """Somebody else wrote what we were about to write."""


class Version(NamedTuple):
    """One state of a file: its stamp, where the listing tells, and on S3 its ETag."""

    stamp: Stamp | None
    etag: str | None


class Entry(NamedTuple):
    """What a folder holds under one name."""

    name: str
    is_folder: bool
    stamp: Stamp | None


def opened(url: str) -> RemoteFile:
    """Return what a URL names; nothing is asked of the other side.

    Raises
    ------
    PackageError
        If a package is missing; the line names it.
    RemoteError
        If there is no such kind of URL.
    """
    _, path = _system(url)
    return RemoteFile(without_secrets(url), path.rstrip("/"), url)


def entries(folder: RemoteFile) -> list[Entry]:
    """List a folder without what is below its subfolders.

    Raises
    ------
    MissingError
        If there is no such folder.
    RemoteError
        If it cannot be listed.
    """
    with _naming(folder, "listed"):
        system = _system(folder.root)[0]
        # Its own memory of listings would grow with the collection, and go stale.
        system.invalidate_cache()
        found = system.ls(folder.path, detail=True)
        system.invalidate_cache()
    if len(found) == 1 and _is_file(folder, found[0]):
        raise RemoteError(f"{folder}: is no folder, and not a known kind of audio; leave it out")
    return [_entry(info) for info in found if _is_within(folder, info)]


def same_system(one: RemoteFile, other: RemoteFile) -> bool:
    """Tell whether two files are reached in the same way."""
    return bool(_system(one.root)[0] == _system(other.root)[0])


def check_output(folder: RemoteFile) -> None:
    """Make sure that an output folder can be there; it need not exist, its bucket must.

    Raises
    ------
    RemoteError
        If it cannot be reached, or there is no such bucket.
    """
    try:
        entries(folder)
    except MissingError:
        bucket = folder.path.partition("/")[0]
        if folder.scheme in OBJECT_STORES and bucket:
            _check_bucket(folder, bucket)


def _check_bucket(folder: RemoteFile, bucket: str) -> None:
    try:
        with _naming(folder, "reached"):
            _system(folder.root)[0].info(bucket)
    except MissingError as exc:
        raise RemoteError(f"{folder}: there is no bucket {bucket!r}; make it first") from exc


def version(file: RemoteFile) -> Version | None:
    """Ask for the present state of a file; None if it is not there."""
    try:
        with _naming(file, "read"):
            info = _system(file.root)[0].info(file.path)
    except MissingError:
        return None
    return Version(_stamp(info), info.get("ETag"))


def fetch(file: RemoteFile, path: Path) -> Version:
    """Copy a file to a local path as it stands at one time, and tell its state.

    Raises
    ------
    RemoteError
        If it is not there, cannot be read, or changes again and again while it is read.
    """
    for _ in range(_READS):
        before = version(file)
        if before is None:
            raise MissingError(f"{file}: does not exist")
        with _naming(file, "read"):
            _system(file.root)[0].get_file(file.path, os.fspath(path))
        is_whole = before.stamp is None or path.stat().st_size == before.stamp.size
        if is_whole and version(file) == before:
            return before
    raise RemoteError(f"{file}: was changed while it was read; run again")


def put(file: RemoteFile, content: bytes, before: Version | None) -> Stamp | None:
    """Replace a file as a whole, if it is still as it was.

    Parameters
    ----------
    file : RemoteFile
        The file to create or replace.
    content : bytes
        What it shall hold.
    before : Version or None
        The state that `content` was made from; None if there was no file.

    Returns
    -------
    Stamp or None
        Its new state, where that can be told.

    Raises
    ------
    ChangedMeanwhileError
        If it is in another state than `before`; it then stays as it is.
    RemoteError
        If it cannot be written. The old content then stands.
    """
    if file.scheme in _S3 and (before is None or before.etag):
        with suppress(_ConditionsUnknownError):
            return _put_on_condition(file, content, before)
    if version(file) != before:
        raise ChangedMeanwhileError(f"{file}: was changed meanwhile; run again")
    with _naming(file, "written"):
        _write(file, content)
    after = version(file)
    is_ours = after is not None and after.stamp is not None and after.stamp.size == len(content)
    return after.stamp if after is not None and is_ours else None


class _ConditionsUnknownError(Exception):
    """The server does not know puts that are made on a condition."""


def _put_on_condition(file: RemoteFile, content: bytes, before: Version | None) -> Stamp | None:
    condition = {"IfNoneMatch": "*"} if before is None else {"IfMatch": before.etag}
    with _naming(file, "written"):
        try:
            # In one piece: of several, only the last request could bear the condition.
            answer = _system(file.root)[0].pipe_file(
                file.path, content, chunksize=len(content) + 1, **condition
            )
        except OSError as exc:
            code = _s3_code(exc)
            if code in _NOT_AS_READ:
                raise ChangedMeanwhileError(f"{file}: was changed meanwhile; run again") from exc
            if code in _NO_CONDITIONS:
                raise _ConditionsUnknownError from exc
            raise
    return _stamp({**(answer or {}), "size": len(content)})


def _s3_code(error: BaseException) -> str:
    response = getattr(error.__cause__, "response", None)
    return str(response["Error"].get("Code")) if isinstance(response, dict) else ""


def _write(file: RemoteFile, content: bytes) -> None:
    from fsspec import AbstractFileSystem

    system = _system(file.root)[0]
    # What cannot rename would copy in its place, which is no more one step than writing is.
    if file.scheme in OBJECT_STORES or type(system).mv is AbstractFileSystem.mv:
        system.pipe_file(file.path, content)
        return
    folder, _, name = file.path.rpartition("/")
    system.makedirs(folder, exist_ok=True)
    temp = f"{folder}/.{name[:200]}.{uuid.uuid4().hex[:8]}.tmp"
    try:
        system.pipe_file(temp, content)
        system.mv(temp, file.path)
    except BaseException:
        with suppress(Exception):
            system.rm_file(temp)
        raise


def _system(url: str) -> tuple[Any, str]:
    """Return the file system behind a URL, which fsspec keeps, and what it calls the URL."""
    kind = scheme(url)
    if "::" in url:
        raise RemoteError(f"{without_secrets(url)}: is a chain of URLs; give a plain one")
    require(f"{kind}://", "fsspec", extra="urls")
    if kind in _S3:
        require(f"{kind}://", "s3fs", extra="s3")
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(url)
    except ImportError as exc:
        raise PackageError(f"{kind}:// needs a further package: {reason(exc)}") from exc
    except Exception as exc:
        raise RemoteError(f"{without_secrets(url)}: cannot be used ({reason(exc)})") from exc
    return system, path


@contextmanager
def _naming(file: RemoteFile, doing: str) -> Iterator[None]:
    try:
        yield
    except (MerError, MemoryError, _ConditionsUnknownError):
        raise
    except FileNotFoundError as exc:
        raise MissingError(f"{file}: does not exist ({reason(exc)})") from exc
    except Exception as exc:
        raise RemoteError(f"{file}: cannot be {doing} ({reason(exc)})") from exc


def _is_within(folder: RemoteFile, info: Mapping[str, Any]) -> bool:
    # Object stores list the empty object that stands for a folder, and a file that was asked for.
    return str(info["name"]).strip("/") != folder.path.strip("/")


def _is_file(folder: RemoteFile, info: Mapping[str, Any]) -> bool:
    is_itself = not _is_within(folder, info) and not str(info["name"]).endswith("/")
    return is_itself and info.get("type") == "file"


def _entry(info: Mapping[str, Any]) -> Entry:
    name = str(info["name"]).rstrip("/").rpartition("/")[2]
    return Entry(name, info.get("type") == "directory", _stamp(info))


def _stamp(info: Mapping[str, Any]) -> Stamp | None:
    """Make a stamp of what a file system tells; None if that is too little to know it again."""
    state = next((info[key] for key in _STATES if info.get(key) is not None), None)
    if state is None or info.get("size") is None:
        return None
    text = repr(state.timestamp()) if isinstance(state, datetime) else str(state).strip('"')
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    # The index keeps signed numbers of eight bytes.
    return Stamp(int(info["size"]), int.from_bytes(digest, "big") >> 1)
