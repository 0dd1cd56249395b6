"""Links from a page to a file beside it."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote


def link(file: Path, page: Path) -> str:
    """Return the relative URL of a file as a page reaches it; each odd character is quoted.

    Bytes that are no UTF-8 are quoted as they are. On another drive than the page's, where no
    relative path leads, it is a ``file:`` URL.

    >>> link(Path("/music/a #1?.mp3"), Path("/music/pages/report.html"))
    '../a%20%231%3F.mp3'
    """
    try:
        relative = os.path.relpath(file, os.path.dirname(os.path.abspath(page)))
    except ValueError:
        return file.as_uri()
    name = relative.replace(os.sep, "/")
    try:
        return quote(os.fsencode(name))
    except UnicodeEncodeError:
        # Half a character, as names on some systems hold, is no byte of the file system here.
        return quote(name.encode("utf-8", "surrogatepass"))
