"""Each rater's own curves of a song, as wide tables: ``arousal/ID.csv`` and ``valence/ID.csv``.

A row is a rater, told by the column ``WorkerId``. Tables without that column are joined row by
row, which only holds where both have as many rows; the raters are then called by their row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mer_adapters.datasets.va_tables import curve, plain_id, samples
from mer_plugins.curves import EmotionCurve, Scale
from mer_plugins.datasets import DatasetError, read_table

_ID_COLUMNS = ("WorkerId", "workerID", "worker_id", "rater")
Rows = Mapping[str, Mapping[str, str]]


def read_raters(
    folder: Path, song: str, hop_s: float, scale: Scale
) -> tuple[dict[str, EmotionCurve], list[str]]:
    """Read the curves of all raters of a song.

    Parameters
    ----------
    folder : pathlib.Path
        With ``arousal/`` and ``valence/``; it need not exist.
    song : str
        The stem of both files.
    hop_s, scale : float, Scale
        Interval of the labels, in seconds, and their native range.

    Returns
    -------
    curves : dict of str to EmotionCurve
        By rater; empty where there are no files.
    warnings : list of str
        Raters that had to be left out, and why.
    """
    files = [folder / dimension / f"{song}.csv" for dimension in ("valence", "arousal")]
    if not all(file.is_file() for file in files):
        return {}, [f"{f}: is not there, its counterpart is" for f in files if _is_alone(f, files)]
    valence, arousal = (_by_rater(file) for file in files)
    if (valence[1], arousal[1]) != (True, True) and len(valence[0]) != len(arousal[0]):
        return {}, [
            f"the raters are left out: {len(valence[0])} rows of valence, {len(arousal[0])} of "
            "arousal, and no WorkerId in both"
        ]
    return _joined(valence[0], arousal[0], hop_s, scale)


def raters_of(folder: Path) -> list[str]:
    """Return the songs that have tables of raters in both dimensions."""
    stems = [
        {plain_id(file.stem) for file in (folder / dimension).glob("*.csv")}
        for dimension in ("valence", "arousal")
    ]
    return sorted(stems[0] & stems[1])


def _is_alone(file: Path, files: list[Path]) -> bool:
    return not file.is_file() and any(other.is_file() for other in files)


def _by_rater(path: Path) -> tuple[Rows, bool]:
    """Return the rows by rater, and whether the table itself names the raters."""
    rows = read_table(path)
    column = next((name for name in _ID_COLUMNS if rows and name in rows[0]), None)
    named: dict[str, Mapping[str, str]] = {}
    seen: Counter[str] = Counter()
    for i, row in enumerate(rows, 1):
        rater = row[column] if column else f"row {i}"
        seen[rater] += 1
        # One worker may have labelled a song twice; both sittings count.
        named[rater if seen[rater] == 1 else f"{rater} ({seen[rater]})"] = row
    return named, column is not None


def _joined(
    valence: Rows, arousal: Rows, hop_s: float, scale: Scale
) -> tuple[dict[str, EmotionCurve], list[str]]:
    curves, warnings = {}, []
    for rater in sorted(valence.keys() ^ arousal.keys()):
        warnings.append(f"rater {rater} is left out: has labelled one dimension only")
    for rater in (r for r in valence if r in arousal):
        try:
            both = samples(valence[rater]), samples(arousal[rater])
            curves[rater] = curve(*both, hop_s, scale)
        except DatasetError as exc:
            warnings.append(f"rater {rater} is left out: {exc}")
    return curves, warnings
