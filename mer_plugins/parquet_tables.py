"""The curves of a collection as one Parquet table, indexed as audformat's segmented tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mer_plugins.atomic import replacing
from mer_plugins.curves import DIMENSIONS, EmotionCurve, FloatArray
from mer_plugins.errors import MerError
from mer_plugins.extras import require
from mer_plugins.mood import STD_KEYS, VALUE_DECIMALS, rounded_array

if TYPE_CHECKING:
    import pandas as pd

SUFFIX = ".parquet"
NAME = f"curves{SUFFIX}"
# Songs of one row group: enough for columns to be packed well, few enough to be held at once.
_BUNCH = 256


def write_parquet(songs: Iterable[tuple[str, EmotionCurve]], target: Path) -> list[Path]:
    """Write one table of all songs, an interval a row.

    Parameters
    ----------
    songs : iterable of (str, EmotionCurve)
        Recordings and curves, one curve a recording; taken as they are written, so that a large
        collection needs little memory.
    target : pathlib.Path
        The file, if it ends in ``.parquet`` and is no folder; otherwise a folder, in which it is
        called ``curves.parquet``.

    Returns
    -------
    list of pathlib.Path
        The file.

    Raises
    ------
    MerError
        If a recording comes twice.
    PackageError
        If pyarrow or pandas, which the extra ``parquet`` brings, is not installed.

    Notes
    -----
    pandas reads it with the index (``file``, ``start``, ``end``), the times being timedeltas of
    nanoseconds; columns are ``valence``, ``arousal``, ``valence_std`` and ``arousal_std``, the last
    two empty where a curve has no deviation. Values are rounded as in JAMS, to 6 decimals.

    Source: audformat, "Table specifications", segmented tables.
    """
    require("the format parquet", "pandas", "pyarrow", extra="parquet")
    path = target if target.suffix.lower() == SUFFIX and not target.is_dir() else target / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        _write(_tables(songs), file)
    return [path]


def _write(tables: Iterator[pd.DataFrame], file: object) -> None:
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema = pa.Schema.from_pandas(_table([]))
    with ParquetWriter(file, schema) as writer:
        for table in tables:
            writer.write_table(pa.Table.from_pandas(table, schema=schema))


def _tables(songs: Iterable[tuple[str, EmotionCurve]]) -> Iterator[pd.DataFrame]:
    seen: set[str] = set()
    left = iter(songs)
    while bunch := list(islice(left, _BUNCH)):
        for song, _ in bunch:
            if song in seen:
                raise MerError(f"recording {song!r} has several curves: expected one a recording")
            seen.add(song)
        yield _table(bunch)


def _table(songs: Sequence[tuple[str, EmotionCurve]]) -> pd.DataFrame:
    import pandas as pd

    starts = [np.asarray(curve.times, dtype=float) for _, curve in songs]
    ends = [start + curve.hop_s for start, (_, curve) in zip(starts, songs, strict=True)]
    values = [_columns(curve) for _, curve in songs]
    rows = np.concatenate([np.empty((0, 4)), *values])
    files = [song for song, curve in songs for _ in range(len(curve))]
    index = pd.MultiIndex.from_arrays(
        [pd.array(files, dtype="string"), _nanoseconds(starts), _nanoseconds(ends)],
        names=["file", "start", "end"],
    )
    return pd.DataFrame(rows, index=index, columns=[*DIMENSIONS, *STD_KEYS])


def _columns(curve: EmotionCurve) -> FloatArray:
    std = np.full((len(curve), 2), np.nan) if curve.std is None else curve.std
    return rounded_array(np.hstack([curve.values, std]), VALUE_DECIMALS)


def _nanoseconds(seconds: Sequence[FloatArray]) -> pd.TimedeltaIndex:
    import pandas as pd

    joined = np.concatenate([np.empty(0), *seconds])
    return pd.TimedeltaIndex(np.round(joined * 1e9).astype("int64").astype("timedelta64[ns]"))
