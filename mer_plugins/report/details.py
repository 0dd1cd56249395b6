"""The details of tracks: within the page while they are small, else in files beside it.

A file's name tells its content, so a run never alters a file of the page that stands: until the new
page is in its place the old one finds all that it needs, and only then are its files removed.
"""

from __future__ import annotations

import re
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mer_plugins.report.html import json_text, write

INLINE_BYTES = 10_000_000
_CALL = "addTrack("


class Details:
    """The details of all tracks of a page, numbered from 0 as they are added.

    Parameters
    ----------
    page : pathlib.Path
        The page; files go into ``report_files`` for ``report.html``.
    inline_bytes : int
        Most that they may take within the page.

    Attributes
    ----------
    folder : pathlib.Path or None
        Where the files lie; None while all is within the page.
    files : list of str
        The names of the files, by number; empty while all is within the page.
    """

    def __init__(self, page: Path, inline_bytes: int = INLINE_BYTES) -> None:
        self.folder: Path | None = None
        self.files: list[str] = []
        self._texts: list[str] = []
        self._place = page.with_name(f"{page.stem}_files")
        # Pages that differ in their suffix alone share the folder.
        self._suffix = f"{page.suffix}.js"
        self._inline_bytes = inline_bytes
        self._size = self._added = 0

    def add(self, found: dict[str, Any]) -> int:
        """Add the details of one track; return its number.

        Raises
        ------
        OSError
            If the disk does not take a file.
        """
        text = json_text(found)
        self._size += len(text)
        self._texts.append(text)
        if self.folder is None and self._size > self._inline_bytes:
            self._place.mkdir(exist_ok=True)
            self.folder = self._place
        if self.folder is not None:
            self._flush(self.folder)
        self._added += 1
        return self._added - 1

    def inline(self) -> list[dict[str, Any]]:
        """Return number and text of what goes into the page."""
        # Each text is from json_text, so no character in it can end its script.
        return [{"id": number, "text": Markup(text)} for number, text in enumerate(self._texts)]  # noqa: S704

    def place(self) -> dict[str, Any]:
        """Return where the page finds them: the folder's name, and that of each file."""
        return {"folder": None if self.folder is None else self.folder.name, "files": self.files}

    def tidy(self) -> None:
        """Remove files of earlier pages of this name; only once the new page is in its place.

        Whatever a report has not made stays, and so does a folder that holds anything else. What
        cannot be removed stays as well: the page does not need it gone.
        """
        with suppress(OSError):
            used = set(self.files)
            unused = [path for path in self._place.iterdir() if path.name not in used]
            left_over = [path for path in unused if self._is_own(path)]
            for path in left_over:
                path.unlink()
            if left_over and not used:
                self._place.rmdir()

    def _is_own(self, path: Path) -> bool:
        # The first form of name is that of earlier versions.
        names = rf"track-\d+(\.js|-[0-9a-f]{{16}}{re.escape(self._suffix)})"
        if not re.fullmatch(names, path.name, re.ASCII) or path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(_CALL)) == _CALL.encode()

    def _flush(self, folder: Path) -> None:
        for text in self._texts:
            number = len(self.files)
            content = f"{_CALL}{number}, {text});\n"
            digest = blake2b(content.encode(), digest_size=8).hexdigest()
            self.files.append(f"track-{number}-{digest}{self._suffix}")
            write(folder / self.files[-1], content)
        self._texts.clear()
