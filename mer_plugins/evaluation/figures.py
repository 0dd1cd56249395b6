"""The picture of a comparison: every system's scores with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_plugins.curves import DIMENSIONS
from mer_plugins.display import COLOURS
from mer_plugins.evaluation.comparison import AGGREGATIONS, Comparison
from mer_plugins.evaluation.tables import SHOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWN = ("ccc", "rmse")
_APART = 0.16


def plot_comparison(comparison: Comparison) -> Figure:
    """Draw CCC and RMSE in each aggregation, one line a system, with 95 % intervals."""
    from matplotlib.figure import Figure

    height = 1.6 + 0.45 * len(comparison.systems) * len(_DRAWN)
    figure = Figure(figsize=(11, height), layout="constrained")
    axes = figure.subplots(len(_DRAWN), len(AGGREGATIONS), squeeze=False, sharey=True)
    for row, metric in zip(axes, _DRAWN, strict=True):
        for ax, aggregation in zip(row, AGGREGATIONS, strict=True):
            plot_scores(comparison, aggregation, metric, ax)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    return figure


def plot_scores(comparison: Comparison, aggregation: str, metric: str, ax: Axes) -> Axes:
    """Draw one metric of one aggregation, the first system on top."""
    places = np.arange(len(comparison.systems))
    for d, dimension in enumerate(DIMENSIONS):
        scores = [scored.scores[aggregation, dimension, metric] for scored in comparison.systems]
        at, colour = places + (d - 0.5) * 2 * _APART, COLOURS[dimension]
        ax.hlines(at, [s.low for s in scores], [s.high for s in scores], color=colour, lw=2)
        ax.plot([s.value for s in scores], at, "os"[d], color=colour, label=dimension)
    ax.set_yticks(places, [scored.system.name for scored in comparison.systems])
    # Names are text: two dollar signs in one must not be read as a formula.
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    ax.set_ylim(len(places) - 0.5, -0.5)
    ax.grid(axis="x", color="0.9")
    ax.set_xlabel(f"{aggregation} {SHOWN[metric]}")
    return ax
