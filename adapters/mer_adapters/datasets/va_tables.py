"""Tables of valence and arousal as DEAM and its kin publish them, and a check of their columns.

Conventions
-----------
A wide table has a row a song (or a rater) and a column ``sample_15000ms`` for the label of the
interval that begins 15 s into the recording; cells beyond a song's end are empty. A series maps
the start of an interval, in seconds, to a native value.

Order of columns
----------------
Labels of whole songs come in columns named after their dimension, and the names are not always
right. Static and dynamic labels of a song are by the same people and correlate over songs, so
:func:`column_order` compares both readings with the dynamic means: the names as they stand, and
crosswise. With fewer than 20 songs, or readings whose mean r differ by less than 0.1, it tells
neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mer_plugins.agreement import pcc
from mer_plugins.curves import EmotionCurve, FloatArray, Scale
from mer_plugins.datasets import DatasetError, RecordingFile, table_rows
from mer_plugins.folders import is_audio

Series = Mapping[float, float]

# Up to a day: a column beyond is no label of music, and its number may be of any length.
_SAMPLE = re.compile(r"sample_([0-9]{1,8})ms")
_EMPTY = ("", "nan")
_FEWEST_SONGS, _LEAST_DIFFERENCE = 20, 0.1


@dataclass(frozen=True)
class ColumnOrder:
    """Pearson's r over songs of static columns with dynamic means, in both readings.

    Parameters
    ----------
    songs : int
        How many songs have both.
    as_named : tuple of float
        r of static with dynamic valence, and of static with dynamic arousal.
    crosswise : tuple of float
        r of static "valence" with dynamic arousal, and of static "arousal" with dynamic valence.
    """

    songs: int
    as_named: tuple[float, float]
    crosswise: tuple[float, float]

    @property
    def is_swapped(self) -> bool | None:
        """Whether the names are the wrong way round; None if the songs do not tell."""
        difference = sum(self.crosswise) / 2 - sum(self.as_named) / 2
        if self.songs < _FEWEST_SONGS or not abs(difference) >= _LEAST_DIFFERENCE:
            return None
        return difference > 0

    def __str__(self) -> str:
        named, cross = ("/".join(f"{r:.3f}" for r in rs) for rs in (self.as_named, self.crosswise))
        return f"r over {self.songs} songs {named} as named, {cross} crosswise"


def column_order(static: FloatArray, dynamic: FloatArray) -> ColumnOrder:
    """Compare static labels, as their columns are named, with dynamic means.

    Parameters
    ----------
    static, dynamic : np.ndarray, shape=(n, 2)
        (valence, arousal) of n songs, each on any linear scale.
    """

    def r(i: int, j: int) -> float:
        return pcc(static[:, i], dynamic[:, j])

    return ColumnOrder(len(static), (r(0, 0), r(1, 1)), (r(0, 1), r(1, 0)))


def rows_by_id(path: Path, column: str) -> dict[str, dict[str, str]]:
    """Read a table as rows by plain id, without empty cells; a later row of an id replaces it."""
    rows = ({k: v for k, v in row.items() if v} for row in table_rows(path, column))
    return {plain_id(row[column]): row for row in rows if column in row}


def plain_id(text: str) -> str:
    """Return an id as all tables may write it: ``"0002"`` and ``"2"`` are one song.

    >>> plain_id("0002"), plain_id("a7")
    ('2', 'a7')
    """
    return (text.lstrip("0") or "0") if text.isascii() and text.isdecimal() else text


def id_key(song_id: str) -> tuple[bool, int, str]:
    """Return a key that sorts numbers as numbers, before all else."""
    is_number = song_id.isascii() and song_id.isdecimal()
    plain = plain_id(song_id)
    # Without zeros ahead the longer number is the larger; int() refuses more than 4,300 digits.
    return not is_number, len(plain) if is_number else 0, plain


def samples(row: Mapping[str, str]) -> Series:
    """Return the series of a row; empty cells and NaN are no labels. DatasetError if no number."""
    found = {}
    for name, text in row.items():
        if (match := _SAMPLE.fullmatch(name)) and text.lower() not in _EMPTY:
            found[int(match[1]) / 1000] = number(text, name)
    return found


def number(text: str, name: str) -> float:
    """Return a cell as a number; DatasetError if it is none, or not finite."""
    try:
        value = float(text)
    except ValueError as exc:
        raise DatasetError(f"{name} is {text!r}: expected a number") from exc
    if not np.isfinite(value):
        raise DatasetError(f"{name} is {text!r}: expected a finite number")
    return value


def curve(
    valence: Series,
    arousal: Series,
    hop_s: float,
    scale: Scale,
    deviations: tuple[Series, Series] | None = None,
) -> EmotionCurve:
    """Join the series of both dimensions where both have a label.

    Parameters
    ----------
    valence, arousal : mapping of float to float
        In the range of `scale`.
    hop_s : float
        Length of an interval, in seconds.
    scale : Scale
        Native range; its order is of no account, as the dimensions come apart.
    deviations : pair of mappings, optional
        Standard deviations of valence and of arousal, in the same unit; taken if all are there.

    Raises
    ------
    DatasetError
        If no interval has both labels, or values lie outside the scale.
    """
    times = sorted(valence.keys() & arousal.keys())
    if not times:
        raise DatasetError("has no interval with both valence and arousal")
    native = np.array([[valence[t], arousal[t]] for t in times])
    return unit_curve(np.array(times), native, hop_s, scale, _std(times, deviations))


def unit_curve(
    times: FloatArray, native: FloatArray, hop_s: float, scale: Scale, std: FloatArray | None = None
) -> EmotionCurve:
    """Make a curve of native (valence, arousal), with deviations in the same unit.

    Raises
    ------
    DatasetError
        If values lie outside the scale, or deviations are negative or wider than all of it.
    """
    plain = Scale(scale.low, scale.high)
    if native.min() < scale.low or native.max() > scale.high:
        raise DatasetError(
            f"values run from {native.min():g} to {native.max():g}: "
            f"expected {scale.low:g} to {scale.high:g}"
        )
    width = scale.high - scale.low
    if std is not None and not (std.min() >= 0 and std.max() <= width):
        raise DatasetError(
            f"deviations run from {std.min():g} to {std.max():g}: expected 0 to {width:g}"
        )
    deviation = None if std is None else std * 2 / width
    return EmotionCurve(times, np.clip(plain.to_unit(native), -1, 1), hop_s, deviation)


def recordings(folder: Path | None) -> dict[str, RecordingFile]:
    """Return the recordings of a folder, by plain id; none if there is no such folder."""
    if folder is None or not folder.is_dir():
        return {}
    files = (p for p in sorted(folder.iterdir()) if is_audio(p.name) and p.is_file())
    return {plain_id(path.stem): RecordingFile(path) for path in files}


def chosen_folder(source: Path, given: str, *usual: str) -> Path | None:
    """Return the folder that was given, or the first usual one; DatasetError if it is not there."""
    if given:
        folder = Path(given).expanduser()
        if not folder.is_dir():
            raise DatasetError(f"{folder}: is no folder of recordings")
        return folder
    return next((source / name for name in usual if (source / name).is_dir()), None)


def cells(row: Mapping[str, str], names: Sequence[str]) -> FloatArray | None:
    """Return the numbers of some columns, shape=(len(names),); None if one of them is empty."""
    if not all(row.get(name) for name in names):
        return None
    return np.array([number(row[name], name) for name in names])


def _std(times: Sequence[float], found: tuple[Series, Series] | None) -> FloatArray | None:
    if found is None or not all(t in series for series in found for t in times):
        return None
    return np.array([[series[t] for series in found] for t in times])
