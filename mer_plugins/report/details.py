"""The details of tracks: within the page while they are small, else in files beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from mer_plugins.report.html import json_text, write

INLINE_BYTES = 10_000_000
_FILE = "track-{}.js"


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
    """

    def __init__(self, page: Path, inline_bytes: int = INLINE_BYTES) -> None:
        self.folder: Path | None = None
        self._texts: list[str] = []
        self._place = page.with_name(f"{page.stem}_files")
        self._inline_bytes = inline_bytes
        self._size = self._number = self._added = 0

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

    def _flush(self, folder: Path) -> None:
        for text in self._texts:
            write(folder / _FILE.format(self._number), f"addTrack({self._number}, {text});\n")
            self._number += 1
        self._texts.clear()
