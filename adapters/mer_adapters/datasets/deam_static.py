"""DEAM's labels of whole songs: the published means and each rater's, year by year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mer_adapters.datasets.va_tables import id_key, plain_id
from mer_adapters.datasets.whole_songs import WholeSongs
from mer_plugins.contracts import DatasetInfo
from mer_plugins.curves import FloatArray
from mer_plugins.datasets import DatasetError, Finding, table_rows

_RANGES = ("1_2000", "2000_2058")
_MEANS, _DEVIATIONS = ("valence_mean", "arousal_mean"), ("valence_std", "arousal_std")
# Each year had workers and forms of its own; the last song, what they are called, and whether the
# published table has its columns swapped.
_YEARS = (("1000", "songs 1 to 1000", True), ("2000", "songs 1001 to 2000", False))
_LATER = ("songs above 2000", False)
_RATER_COLUMNS = {
    "songid": "song",
    "workerid": "rater",
    "valence": "valence_mean",
    "arousal": "arousal_mean",
    "valence_average": "valence_mean",
    "arousal_average": "arousal_mean",
}

Rows = dict[str, dict[str, str]]


class StaticLabels:
    """All static labels of DEAM, [1, 9], with the order of their columns checked.

    Parameters
    ----------
    info : DatasetInfo
        Whose labels they are.
    averaged, each : pathlib.Path
        The folders ``song_level`` of averages and of raters; they need not exist.
    curve_means : mapping of str to np.ndarray, shape=(2,)
        Dynamic (valence, arousal), averaged over each song.
    """

    def __init__(
        self, info: DatasetInfo, averaged: Path, each: Path, curve_means: Mapping[str, FloatArray]
    ) -> None:
        self._info = info
        rows = _averages(averaged)
        self._count = len(rows)
        self._means = _by_year("", rows, curve_means)
        self._raters: dict[str, list[str]] = defaultdict(list)
        self._each = self._by_rater(each, curve_means)

    def __len__(self) -> int:
        return self._count

    def annotations(self, song: str, duration_s: float) -> list[dict[str, Any]]:
        """Return the annotation of the mean and of each rater, over the first `duration_s`."""
        year = _year(song)[0]
        mean = self._annotation(self._means, year, song, duration_s, {"name": "mean of the raters"})
        each = [
            self._annotation(self._each, year, f"{song}/{rater}", duration_s, {"id": rater})
            for rater in self._raters[song]
        ]
        return [annotation for annotation in (mean, *each) if annotation]

    def findings(self) -> Sequence[Finding]:
        """Tell of each year how its columns are read, and why."""
        tables = (*self._means.values(), *self._each.values())
        return [table.finding() for table in tables]

    def _annotation(
        self,
        tables: Mapping[str, WholeSongs],
        year: str,
        key: str,
        duration_s: float,
        annotator: Mapping[str, str],
    ) -> dict[str, Any] | None:
        table = tables.get(year)
        return table.annotation(self._info, key, duration_s, annotator) if table else None

    def _by_rater(self, each: Path, means: Mapping[str, FloatArray]) -> dict[str, WholeSongs]:
        rows: Rows = {}
        for row in _rater_rows(each):
            song = plain_id(row["song"])
            key = f"{song}/{row['rater']}"
            if key not in rows:
                self._raters[song].append(row["rater"])
            rows[key] = row
        spread = {key: means[song] for key in rows if (song := _song(key)) in means}
        return _by_year("each rater's ", rows, spread)


def _averages(folder: Path) -> Rows:
    found: Rows = {}
    for path in (folder / f"static_annotations_averaged_songs_{r}.csv" for r in _RANGES):
        for row in table_rows(path, "song_id", *_MEANS) if path.is_file() else ():
            found[plain_id(row["song_id"])] = row
    return found


def _rater_rows(folder: Path) -> Iterator[dict[str, str]]:
    for path in (folder / f"static_annotations_songs_{r}.csv" for r in _RANGES):
        for row in table_rows(path) if path.is_file() else ():
            named = {_RATER_COLUMNS.get(k.lower(), k): v for k, v in row.items()}
            if not {"song", "rater", *_MEANS} <= named.keys():
                raise DatasetError(
                    f"{path}: has the columns {', '.join(row)}: expected SongId, WorkerId, "
                    "Valence and Arousal"
                )
            yield named


def _by_year(
    whose: str, rows: Rows, curve_means: Mapping[str, FloatArray]
) -> dict[str, WholeSongs]:
    years: dict[tuple[str, bool], Rows] = defaultdict(dict)
    for key, row in rows.items():
        years[_year(_song(key))][key] = row
    return {
        what: WholeSongs(whose + what, found, _MEANS, _DEVIATIONS, curve_means, swapped)
        for (what, swapped), found in years.items()
    }


def _year(song: str) -> tuple[str, bool]:
    later = (names for last, *names in _YEARS if id_key(song) <= id_key(last))
    what, is_swapped = next(later, _LATER)
    return str(what), bool(is_swapped)


def _song(key: str) -> str:
    return key.partition("/")[0]
