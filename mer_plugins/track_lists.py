"""What was named as input: single paths, playlists, ``@list.txt`` and standard input.

A playlist's relative paths start at the playlist's folder, and lines that begin with ``#`` are
comments. The other lists hold one path a line, literally, and relative paths start at the current
folder, as ``find`` writes them. Paths that are not UTF-8 are kept byte by byte.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

PLAYLIST_SUFFIXES = (".m3u", ".m3u8")
Lines = Iterable[str | bytes]
_MARK = b"\xef\xbb\xbf"


class Source(NamedTuple):
    """One path that was named: as shown to us, and absolute (empty if it can be no path)."""

    shown: str
    path: str


def sources(
    inputs: Sequence[str], stdin: Lines | None, problem: Callable[[str, str], None]
) -> Iterator[Source]:
    """Yield what `inputs` name, lists replaced by their lines.

    Parameters
    ----------
    inputs : sequence of str
        Paths, playlists, ``@list.txt``, or ``-``.
    stdin : iterable of str or bytes, optional
        Lines for ``-``; by default standard input.
    problem : callable
        Called with (input, reason) for each list that cannot be read.
    """
    for shown in inputs:
        try:
            for path in _expanded(shown, stdin):
                # With a null character it is no path, and some functions would cut it there.
                yield Source(path, absolute(path) if path and "\0" not in path else "")
        except OSError as exc:
            problem(shown, f"the list cannot be read ({exc.strerror})")


def absolute(path: str) -> str:
    """Return the absolute path; links are resolved only where ``..`` depends on them."""
    if ".." not in Path(path).parts:
        return os.path.abspath(path)
    head, tail = os.path.split(path)
    return os.path.realpath(path) if tail == ".." else os.path.join(os.path.realpath(head), tail)


def lines(source: Lines) -> Iterator[str]:
    """Yield the paths of a list, one a line; blank lines and a byte order mark are dropped."""
    for path in _raw_lines(source):
        yield os.fsdecode(path)


def list_lines(path: str) -> Iterator[str]:
    """Yield the paths of a list file as they stand there; OSError if it cannot be read."""
    with open(path, "rb") as file:
        yield from lines(file)


def playlist_lines(path: str) -> Iterator[str]:
    """Yield the paths of a playlist, relative ones below its folder; OSError as above.

    ``file://`` addresses become paths. In a playlist that is not UTF-8, a path that does not exist
    byte by byte is read as Latin-1, the classic encoding of ``.m3u``.
    """
    folder = os.path.dirname(path)
    with open(path, "rb") as file:
        for raw in _raw_lines(file):
            if not raw.startswith(b"#"):
                yield _located(folder, _plain_path(raw))


def _expanded(shown: str, stdin: Lines | None) -> Iterator[str]:
    if shown == "-":
        return lines(sys.stdin.buffer if stdin is None else stdin)
    if shown.startswith("@"):
        return list_lines(shown[1:])
    if shown.lower().endswith(PLAYLIST_SUFFIXES) and not os.path.isdir(shown):
        return playlist_lines(shown)
    return iter([shown])


def _raw_lines(source: Lines) -> Iterator[bytes]:
    for number, line in enumerate(source):
        raw = os.fsencode(line).rstrip(b"\r\n")
        raw = raw.removeprefix(_MARK) if number == 0 else raw
        if raw.strip():
            yield raw


def _plain_path(raw: bytes) -> bytes:
    if not raw.lower().startswith(b"file:"):
        return raw
    try:
        # Latin-1 keeps every byte as it is; a playlist may hold any.
        path = urlsplit(raw.decode("latin-1")).path
    except ValueError:  # no address after all: reported as a path that does not exist
        return raw
    return unquote_to_bytes(path.encode("latin-1"))


def _located(folder: str, raw: bytes) -> str:
    path = os.path.join(folder, os.fsdecode(raw))
    if _is_utf8(raw) or os.path.lexists(path):
        return path
    return os.path.join(folder, raw.decode("latin-1"))


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
