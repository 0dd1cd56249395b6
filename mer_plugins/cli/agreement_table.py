"""The table that ``mer datasets agreement`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mer_plugins.curves import DIMENSIONS
from mer_plugins.rater_agreement import MEASURES, SongAgreement

_HEADINGS = {"alpha": "alpha", "alpha_clipped": "clipped at 0", "pairwise_ccc": "CCC of pairs"}
# Off a terminal, as wide as it needs to be: a pipe has no width to wrap at.
_PIPE_WIDTH = 200


def agreement_table(
    songs: Sequence[tuple[str, SongAgreement]], collection: Mapping[str, Any]
) -> Table:
    """Lay out one row a song and group of raters, then the mean and deviation over songs."""
    headings = [f"{d} {_HEADINGS[m]}" for d in DIMENSIONS for m in MEASURES]
    table = Table("song", "raters", "intervals", *headings, box=None, pad_edge=False)
    for song, found in songs:
        label = f"{song} ({found.group})" if found.group else song
        values = [getattr(found, d)[m] for d in DIMENSIONS for m in MEASURES]
        table.add_row(label, str(found.raters), str(found.intervals), *map(_shown, values))
    for group, summary in collection.items():
        spreads = [summary[d][m] for d in DIMENSIONS for m in MEASURES]
        fewest, most = summary["raters"]
        raters = str(most) if fewest == most else f"{fewest} to {most}"
        label = f"mean of {summary['songs']} songs" + (f" ({group})" if group else "")
        table.add_row(label, raters, "", *map(_mean_and_deviation, spreads))
    return table


def print_table(table: Table) -> None:
    """Print a table on standard output."""
    console = Console(markup=False, highlight=False)
    wide = console if console.is_terminal else Console(width=_PIPE_WIDTH, highlight=False)
    wide.print(table)


def _shown(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:+.2f}"


def _mean_and_deviation(spread: Mapping[str, Any]) -> str:
    if spread["mean"] is None:
        return "undefined"
    left_out = f", {spread['undefined']} undefined" if spread["undefined"] else ""
    return f"{spread['mean']:+.2f} ± {spread['std']:.2f}{left_out}"
