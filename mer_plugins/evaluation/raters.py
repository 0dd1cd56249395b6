"""How far people agree: each rater of a song against the mean of the others, scored as a system is.

A system that agrees with the mean better than a rater does has learnt what raters share; one that
agrees worse leaves something to be learnt. The mean of all raters, which systems are scored
against, is steadier than that of all but one, and one rater is noisier than a good system: with few
raters a system can pass this row. It is how far people agree, not a bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mer_plugins.aggregation import Pair
from mer_plugins.curves import FloatArray
from mer_plugins.evaluation.reference import GRID_S, Song
from mer_plugins.time_grid import Intervals

NAME, WHAT = "raters", "each rater against the mean of the others"


def rater_pairs(song: Song) -> list[Pair]:
    """Match each rater of a song with the mean of the others of the same group.

    Returns
    -------
    list of (np.ndarray, np.ndarray)
        One a rater: (mean of the others, the rater), shape=(k, 2), on the labelled half seconds
        for which both are there; raters with fewer than two such are left out.
    """
    cells = _index(song.labels)
    pairs = []
    for group in song.raters:
        table = np.stack([_on_cells(curve, cells) for curve in group])
        pairs += [_left_out(table, i) for i in range(len(table))]
    return [pair for pair in pairs if len(pair[0]) >= 2]


def match_raters(songs: Sequence[Song]) -> dict[str, list[Pair]]:
    """Return :func:`rater_pairs` of each song that has any."""
    found = {song.name: rater_pairs(song) for song in songs}
    return {name: pairs for name, pairs in found.items() if pairs}


def _left_out(table: FloatArray, one: int) -> Pair:
    """Pair one rater with the mean of the others; table has shape=(raters, cells, 2)."""
    others = np.delete(table, one, axis=0)
    counts = np.isfinite(others).all(axis=2).sum(axis=0)
    both = (counts > 0) & np.isfinite(table[one]).all(axis=1)
    mean = np.nansum(others[:, both], axis=0) / counts[both, np.newaxis]
    return mean, table[one, both]


def _index(cells: Intervals) -> FloatArray:
    index: FloatArray = np.round(cells.starts / GRID_S)
    return index


def _on_cells(curve: Intervals, cells: FloatArray) -> FloatArray:
    """Return a rater's values in some half seconds, shape=(n, 2); nan where there is none."""
    values = np.full((len(cells), 2), np.nan)
    _, here, there = np.intersect1d(cells, _index(curve), return_indices=True)
    values[here] = curve.values[there]
    return values
