"""Labels of whole songs in [1, 9], with the order of their columns checked against the curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from mer_adapters.datasets.va_tables import ColumnOrder, cells, column_order, unit_curve
from mer_plugins.contracts import DatasetInfo
from mer_plugins.curves import FloatArray, Scale
from mer_plugins.datasets import Finding
from mer_plugins.ratings import rating

NINE_POINTS = Scale(1, 9)


@dataclass(frozen=True)
class WholeSongs:
    """Static labels of songs that were labelled together, so that one order holds for all.

    Parameters
    ----------
    what : str
        Which songs, for messages.
    rows : mapping of str to mapping
        Table rows by song.
    means, deviations : tuple of str
        Names of the columns that claim to be (valence, arousal), and of their deviations.
    curve_means : mapping of str to np.ndarray, shape=(2,)
        Dynamic (valence, arousal), averaged over each song, on any linear scale.
    published_swapped : bool
        What holds where the songs do not tell.
    deviation_unit : float
        The deviations' unit, in points of the scale.
    """

    what: str
    rows: Mapping[str, Mapping[str, str]]
    means: tuple[str, str]
    deviations: tuple[str, str]
    curve_means: Mapping[str, FloatArray]
    published_swapped: bool = False
    deviation_unit: float = 1.0

    @cached_property
    def order(self) -> ColumnOrder:
        """How well both readings of the columns agree with the curves."""
        found = {song: cells(row, self.means) for song, row in self.rows.items()}
        both = [s for s, values in found.items() if values is not None and s in self.curve_means]
        static = np.array([found[s] for s in both], dtype=float).reshape(-1, 2)
        return column_order(static, np.array([self.curve_means[s] for s in both]).reshape(-1, 2))

    @property
    def is_swapped(self) -> bool:
        """Whether the columns are read crosswise."""
        told = self.order.is_swapped
        return self.published_swapped if told is None else told

    def finding(self) -> Finding:
        """Say in one line how the columns are read, and why."""
        how = "are swapped, and put right" if self.is_swapped else "are as named"
        told = self.order.is_swapped
        if told is None:
            how += " as in the published file: these songs do not tell"
        elif told != self.published_swapped:
            how += ", unlike in the published file"
        return Finding(f"static labels of {self.what}: valence and arousal {how} ({self.order})")

    def annotation(
        self, info: DatasetInfo, song: str, duration_s: float, annotator: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """Make the annotation of one song over its first `duration_s`; None if it has no label.

        Raises
        ------
        DatasetError
            If the labels are no numbers, or lie outside [1, 9].
        """
        row = self.rows.get(song, {})
        native, std = cells(row, self.means), cells(row, self.deviations)
        if native is None:
            return None
        step = -1 if self.is_swapped else 1
        deviation = None if std is None else std[None, ::step] * self.deviation_unit
        curve = unit_curve(np.zeros(1), native[None, ::step], duration_s, NINE_POINTS, deviation)
        details = {"columns_swapped": self.is_swapped}
        nine = replace(info, scale=NINE_POINTS)
        return rating(nine, curve, annotator, kind="static", details=details)
