"""Title, artist, release and genre of songs, from tables that name their columns variously."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mer_adapters.datasets.va_tables import plain_id
from mer_plugins.datasets import DatasetError, read_table

_IDS = ("song_id", "musicid", "id")
_TITLES = ("song title", "title", "track")


@dataclass(frozen=True)
class SongFacts:
    """What is known of a song; empty where nothing is."""

    title: str = ""
    artist: str = ""
    release: str = ""
    genre: str = ""
    row: Mapping[str, str] | None = None

    def cell(self, column: str) -> str:
        """Return another cell of the song's row, by the column's name in lower case."""
        return (self.row or {}).get(column, "")


def read_facts(source: Path, *tables: str) -> dict[str, SongFacts]:
    """Read those tables that are there, by plain id; the first to name a song counts.

    Raises
    ------
    DatasetError
        If a table cannot be read.
    """
    found: dict[str, SongFacts] = {}
    for path in (source / table for table in tables):
        for row in read_table(path) if path.is_file() else []:
            lower = {name.lower(): text for name, text in row.items()}
            if song := _first(lower, _IDS):
                found.setdefault(plain_id(song), _facts(lower))
    return found


def chosen_part(part: str, *parts: str) -> str:
    """Return the part of a data set that was asked for; DatasetError if there is no such part."""
    if part not in ("", *parts):
        raise DatasetError(f"part is {part!r}: expected {' or '.join(parts)}, or none for all")
    return part


def _facts(row: Mapping[str, str]) -> SongFacts:
    return SongFacts(
        title=_first(row, _TITLES),
        artist=row.get("artist", ""),
        release=row.get("album", ""),
        genre=row.get("genre", ""),
        row=row,
    )


def _first(row: Mapping[str, str], names: Sequence[str]) -> str:
    return next((row[name] for name in names if row.get(name)), "")
