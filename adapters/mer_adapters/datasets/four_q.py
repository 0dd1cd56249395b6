"""4Q audio emotion data set: clips of commercial songs, each with one of Russell's quadrants.

Two layouts are read: the official one (folders ``Q1`` to ``Q4`` of MP3 files beside
``panda_dataset_taffc_metadata.csv``), and one folder ``clips`` beside ``songs.csv``.

Labels are of a whole clip and coarse, so they become ``tag_open``; no curve is made up from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mer_plugins.contracts import DatasetInfo
from mer_plugins.datasets import (
    DatasetError,
    DatasetTrack,
    RecordingFile,
    checked_id,
    first_present,
    read_table,
    required,
)
from mer_plugins.ratings import QUADRANTS, quadrant_tag

INFO = DatasetInfo(
    name="4q",
    title="4Q audio emotion data set",
    summary="900 clips of 30 s with Russell's quadrant, from AllMusic's mood words",
    version="2018",
    hop_s=0.0,
    raters="AllMusic's editors; one quadrant a clip",
    data_source="expert human",
    rules="quadrant of AllMusic's mood words: Q1 V+A+, Q2 V-A+, Q3 V-A-, Q4 V+A-",
    curator="R. Panda, R. Malheiro, R. P. Paiva",
    homepage="http://mir.dei.uc.pt/downloads.html",
    licence="no licence stated; for research; the clips are previews of commercial songs",
    citation=(
        "R. Panda, R. Malheiro, R. P. Paiva: Novel audio features for music emotion recognition. "
        "IEEE Transactions on Affective Computing 11(4), 2020, doi:10.1109/TAFFC.2018.2820691"
    ),
    layout="panda_dataset_taffc_metadata.csv, Q1/ to Q4/ (or songs.csv, clips/)",
    counts={"songs": 900, "recordings": 900, **dict.fromkeys(QUADRANTS, 225)},
)

_TABLES = ("panda_dataset_taffc_metadata.csv", "songs.csv")
_SUFFIXES = (".mp3", ".ogg", ".wav", ".flac")


@dataclass(frozen=True)
class _Columns:
    song: str
    artist: str
    title: str
    quadrant: str
    share: str
    moods: str
    genres: str


_OFFICIAL = _Columns("Song", "Artist", "Title", "Quadrant", "PQuad", "MoodsStr", "GenresStr")
_PLAIN = _Columns(
    "song", "artist", "title", "quadrant", "quadrant_share_of_moods", "moods", "genres"
)


class FourQ:
    """The 4Q data set below a folder; see :class:`mer_plugins.datasets.Dataset`.

    Parameters
    ----------
    source : pathlib.Path
        With the table of songs.

    Raises
    ------
    DatasetError
        If there is no table, or it lacks a column.
    """

    info = INFO

    def __init__(self, source: Path) -> None:
        self._source = source
        table = required(source, *_TABLES)
        self._columns = columns = _OFFICIAL if table.name == _TABLES[0] else _PLAIN
        rows = read_table(table, columns.song, columns.quadrant)
        self._rows = {row[columns.song]: row for row in rows if row[columns.song]}

    @property
    def track_ids(self) -> Sequence[str]:
        """All songs, in the order of the table."""
        return list(self._rows)

    def track(self, track_id: str) -> DatasetTrack:
        """Read one song; DatasetError if its quadrant is none, or its clip is damaged."""
        row, columns = self._rows[track_id], self._columns
        quadrant = row.get(columns.quadrant, "")
        if quadrant not in QUADRANTS:
            raise DatasetError(
                f"the quadrant of {track_id} is {quadrant!r}: expected Q1, Q2, Q3 or Q4"
            )
        audio = self._audio(track_id, quadrant)
        # A label of the whole clip is as long as the clip.
        duration_s = audio.duration_s() if audio else 0.0
        return DatasetTrack(
            track_id=track_id,
            title=row.get(columns.title, ""),
            artist=row.get(columns.artist, ""),
            duration_s=duration_s,
            audio=audio,
            annotations=[quadrant_tag(INFO, quadrant, duration_s, _share(row.get(columns.share)))],
            details={
                "moods": row.get(columns.moods, ""),
                "genres": row.get(columns.genres, ""),
                "quadrant": quadrant,
            },
            identifiers={"allmusic": track_id},
        )

    def counts(self) -> Mapping[str, int]:
        """Count songs, recordings and songs a quadrant."""
        quadrants = {t: row.get(self._columns.quadrant, "") for t, row in self._rows.items()}
        each = list(quadrants.values())
        return {
            "songs": len(self._rows),
            "recordings": sum(self._audio(t, q) is not None for t, q in quadrants.items()),
            **{quadrant: each.count(quadrant) for quadrant in QUADRANTS},
        }

    def _audio(self, track_id: str, quadrant: str) -> RecordingFile | None:
        name = checked_id(track_id)
        places = [f"{folder}/{name}{s}" for folder in ("clips", quadrant) for s in _SUFFIXES]
        found = first_present(self._source, *places)
        return RecordingFile(found) if found else None


def _share(text: str | None) -> float | None:
    """Return the share of mood words that agree, in [0, 1], or nothing."""
    try:
        share = float(text or "")
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None
