"""The picture of a comparison: every system's scores with their intervals."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from mer_plugins.curves import DIMENSIONS
from mer_plugins.display import COLOURS
from mer_plugins.evaluation.comparison import Comparison
from mer_plugins.evaluation.scoring import AUC, QUADRANTS, Score
from mer_plugins.evaluation.tables import SHOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DRAWN = ("ccc", "rmse")
_APART = 0.16
_NOTHING = Score(float("nan"), float("nan"), float("nan"))


def plot_comparison(comparison: Comparison) -> Figure:
    """Draw CCC and RMSE in each aggregation, and areas of quadrants, with 95 % intervals."""
    from matplotlib.figure import Figure

    height = 1.6 + 0.45 * len(comparison.systems) * len(_DRAWN)
    figure = Figure(figsize=(11, height), layout="constrained")
    aggregations = list(comparison.aggregations)
    has_curves = aggregations != [QUADRANTS]
    axes = figure.subplots(1 + has_curves, len(aggregations), squeeze=False, sharey=True)
    for column, aggregation in zip(axes.T, aggregations, strict=True):
        drawn = (AUC,) if aggregation == QUADRANTS else _DRAWN
        for ax, metric in zip_longest(column, drawn):
            plot_scores(comparison, aggregation, metric, ax) if metric else ax.set_axis_off()
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    return figure


def plot_scores(comparison: Comparison, aggregation: str, metric: str, ax: Axes) -> Axes:
    """Draw one metric of one aggregation, the first system on top."""
    systems = comparison.systems
    places = np.arange(len(systems))
    for d, dimension in enumerate(DIMENSIONS):
        key = aggregation, dimension, metric
        scores = [scored.scores.get(key, _NOTHING) for scored in systems]
        at, colour = places + (d - 0.5) * 2 * _APART, COLOURS[dimension]
        ax.hlines(at, [s.low for s in scores], [s.high for s in scores], color=colour, lw=2)
        ax.plot([s.value for s in scores], at, "os"[d], color=colour, label=dimension)
    ax.set_yticks(places, [scored.system.name for scored in systems])
    # Names are text: two dollar signs in one must not be read as a formula.
    for label in ax.get_yticklabels():
        label.set_parse_math(False)
    ax.set_ylim(len(places) - 0.5, -0.5)
    ax.grid(axis="x", color="0.9")
    ax.set_xlabel(f"{aggregation} {SHOWN[metric]}")
    return ax
