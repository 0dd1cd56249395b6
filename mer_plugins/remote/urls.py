"""URLs as text: which they are, and what of them may be shown."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

# Two letters at least: one and a colon begin a path on Windows.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_USER = re.compile(r"(?<=://)[^/@\s]*@")
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+://[^\s?'\"]*)\?[^\s'\"]*")
_LOCAL = ("file", "local")


def is_url(text: str) -> bool:
    """Tell whether an input is a URL rather than a path.

    >>> is_url("s3://bucket/song.mp3"), is_url("music/song.mp3")
    (True, False)
    """
    return _URL.match(text) is not None


def scheme(url: str) -> str:
    """Return what stands before ``://``, in small letters."""
    return url.partition("://")[0].lower()


def local_path(url: str) -> str | None:
    """Return the path that a ``file://`` URL names; None if `url` is any other text.

    >>> local_path("file:///music/a%20song.mp3"), local_path("s3://bucket/song.mp3")
    ('/music/a song.mp3', None)
    """
    if not is_url(url) or scheme(url) not in _LOCAL:
        return None
    return unquote(urlsplit(url).path)


def without_secrets(text: str) -> str:
    """Take user, password and query out of all URLs in a text, and surplus slashes off its end.

    >>> without_secrets("sftp://me:secret@host/music/")
    'sftp://host/music'
    """
    shown = _USER.sub("", text)
    if is_url(text) and scheme(text) in ("http", "https"):
        shown = _QUERY.sub(r"\1", shown)
    head, mark, rest = shown.partition("://")
    return f"{head}{mark}{rest.rstrip('/')}"


def reason(error: BaseException) -> str:
    """Return in one line, and without secrets, why something went wrong."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    line = _USER.sub("", _QUERY.sub(r"\1", " ".join(str(text).split())))
    return line if len(line) <= 200 else f"{line[:199]}…"
