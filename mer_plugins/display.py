"""Pictures of emotion curves: matplotlib functions that take and return ``ax``.

Colours are Okabe and Ito's, which colour-blind people tell apart; the quadrants are Russell's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mer_plugins.curves import DIMENSIONS, EmotionCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"valence": "#0072B2", "arousal": "#D55E00"}
LINE_STYLES = ("-", "--", ":", "-.")
QUADRANTS = {
    (0.97, 0.97): "happy, excited",
    (-0.97, 0.97): "tense, angry",
    (-0.97, -0.97): "sad, gloomy",
    (0.97, -0.97): "calm, content",
}


def plot_curve(curve: EmotionCurve, ax: Axes, *, label: str = "", style: str = "-") -> Axes:
    """Draw valence and arousal over time, with a band of one standard deviation if known."""
    middles = curve.times + curve.hop_s / 2
    for column, dimension in enumerate(DIMENSIONS):
        values = curve.values[:, column]
        name = f"{dimension} ({label})" if label else dimension
        ax.plot(middles, values, style, color=COLOURS[dimension], label=name, linewidth=1.8)
        if curve.std is not None:
            std = curve.std[:, column]
            ax.fill_between(
                middles, values - std, values + std, color=COLOURS[dimension], alpha=0.2, lw=0
            )
    ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    ax.set(xlabel="time (s)", ylabel="valence, arousal", ylim=(-1, 1))
    return ax


def plot_plane(curve: EmotionCurve, ax: Axes, *, label: str = "") -> Axes:
    """Draw the path in the valence-arousal plane, from dark to light; a ring marks the start."""
    ax.plot(curve.valence, curve.arousal, color="0.75", linewidth=1, zorder=1)
    ax.scatter(curve.valence, curve.arousal, c=curve.times, cmap="viridis", s=18, zorder=2)
    ax.plot(curve.valence[:1], curve.arousal[:1], "o", mfc="none", mec="black", ms=11, label=label)
    ax.axhline(0, color="0.6", linewidth=0.8, zorder=0)
    ax.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    for (x, y), name in QUADRANTS.items():
        ax.text(
            x,
            y,
            name,
            color="0.4",
            ha="right" if x > 0 else "left",
            va="top" if y > 0 else "bottom",
        )
    ax.set(xlabel="valence", ylabel="arousal", xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    return ax


def plot_track(curves: Sequence[tuple[str, EmotionCurve]], title: str = "") -> Figure:
    """Draw a recording's curves over time and in the plane, side by side.

    Raises
    ------
    ValueError
        If there is no curve, or none has a value.
    """
    drawn = [(label, curve) for label, curve in curves if len(curve)]
    if not drawn:
        raise ValueError("there is no curve to draw: expected at least one with values")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    over_time, plane = figure.subplots(1, 2, width_ratios=(2.2, 1))
    for i, (label, curve) in enumerate(drawn):
        shown = label if len(drawn) > 1 else ""
        plot_curve(curve, over_time, label=shown, style=LINE_STYLES[i % len(LINE_STYLES)])
        plot_plane(curve, plane, label=shown)
    over_time.set_xlim(0, float(max(np.max(c.times) + c.hop_s for _, c in drawn)))
    legend = over_time.legend(loc="upper right", ncols=2, frameon=False)
    # Names are text: two dollar signs in one must not be read as a formula.
    for text in (*legend.get_texts(), figure.suptitle(title)):
        text.set_parse_math(False)
    return figure
