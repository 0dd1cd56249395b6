"""Curves of many songs in wide tables, as DEAM publishes its own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from mer_plugins.curves import DIMENSIONS, EmotionCurve
from mer_plugins.errors import MerError
from mer_plugins.writers import rounded_number, write_text

_Rows = Mapping[str, Mapping[int, tuple[float, float]]]


def write_deam_csv(songs: Iterable[tuple[str, EmotionCurve]], folder: Path) -> list[Path]:
    """Write ``valence.csv`` and ``arousal.csv``: a row a song, a column the start of an interval.

    Parameters
    ----------
    songs : iterable of (str, EmotionCurve)
        Song ids and curves; one curve a song. An empty curve is a row without values.
    folder : pathlib.Path
        Made if it is not there.

    Returns
    -------
    list of pathlib.Path
        The two files.

    Raises
    ------
    MerError
        If a song comes twice, or two of its intervals begin in one millisecond.

    Notes
    -----
    Columns are ``song_id`` and ``sample_0ms``, ``sample_500ms``, ... over the times of all songs;
    cells where a song has no interval are empty. Deviations are not written.

    Source: DEAM, "annotations averaged per song", dynamic.
    """
    rows: dict[str, Mapping[int, tuple[float, float]]] = {}
    for song, curve in songs:
        if song in rows:
            raise MerError(f"song {song!r} has several curves: expected one a song")
        rows[song] = _by_millisecond(song, curve)
    columns = sorted({time for row in rows.values() for time in row})
    files = []
    for index, dimension in enumerate(DIMENSIONS):
        files.append(folder / f"{dimension}.csv")
        write_text(_table(rows, columns, index), files[-1])
    return files


def _by_millisecond(song: str, curve: EmotionCurve) -> dict[int, tuple[float, float]]:
    found = {
        round(float(time) * 1000): (float(valence), float(arousal))
        for time, (valence, arousal) in zip(curve.times, curve.values, strict=True)
    }
    if len(found) < len(curve):
        raise MerError(f"song {song!r} has several values a millisecond: expected one at most")
    return found


def _table(rows: _Rows, columns: Sequence[int], index: int) -> str:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["song_id", *(f"sample_{column}ms" for column in columns)])
    for song, row in rows.items():
        cells = (row.get(column) for column in columns)
        numbers = ("" if c is None else f"{rounded_number(c[index], 6):.6f}" for c in cells)
        table.writerow([song, *numbers])
    return text.getvalue()
