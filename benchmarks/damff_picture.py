"""Draw DAMFF for docs/damff.md: the shape of each stage, and what each window gives.

Everything is asked of the code, so the picture is that of the network as it is::

    python benchmarks/damff_picture.py docs/images/damff-network.png
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from damff.config import DAMFFConfig
from damff.model import DAMFFNet
from damff.recipes import TRAINING
from mer_plugins.sequence.sliding import SlidingWindow

INK, PAPER, SHADE, KEPT = "#1b2733", "#eef2f6", "#c9d5e0", "#2f6f9f"
# Not a whole number of hops, so that the last window is flush with the end.
RECORDING_S = 41.0


@dataclass(frozen=True)
class Stage:
    """A part of the network: its title, place in columns and rows, and the module that it is."""

    title: str
    column: float
    row: float
    module: str


def stages(config: DAMFFConfig) -> list[Stage]:
    """Return the parts in the order of the paper; rows 1 and -1 run side by side."""
    first, later = config.kernels
    found = []
    for i, kernels in enumerate((first, later, later), 1):
        for row, branch, (f, n) in zip((1, -1), "ab", kernels, strict=False):
            module = f"convolution.layer{i}.{branch}"
            found.append(Stage(f"layer {i}: conv {f}x{n}\nBN, ReLU, pool", i, row, module))
    return [
        *found,
        Stage(f"{config.fusion.upper()}: attention\non A + B", 4, 0, "fusion.attention"),
        Stage("fusion Z\nX'·A + (1 - X')·B", 5, 0, "fusion"),
        Stage("reduce\n1x1 convolution", 6, 0, "reduce"),
        Stage("BiLSTM\nover the segments", 7, 0, "bilstm"),
        Stage("linear", 8, 0, "head"),
    ]


def shapes(net: nn.Module, names: list[str], segments: int = 60) -> dict[str, tuple[int, ...]]:
    """Return what each module gives of one window, without the axis of clips or segments."""
    found: dict[str, tuple[int, ...]] = {}

    def keep(name: str, output: Tensor | tuple[Tensor, ...]) -> None:
        tensor = output[0] if isinstance(output, tuple) else output
        found[name] = tuple(tensor.shape[1:])

    for name in names:
        net.get_submodule(name).register_forward_hook(lambda m, i, out, name=name: keep(name, out))
    with torch.no_grad():
        net.eval()(torch.zeros(1, segments, net.config.n_mels, net.config.n_frames))
    return found


def draw_network(axes: Axes, config: DAMFFConfig) -> None:
    """Draw the parts with their shapes and parameters, and how they follow each other."""
    net = DAMFFNet(config)
    parts = stages(config)
    given = shapes(net, [part.module for part in parts])
    segment = f"a segment\n0.5 s\n{config.n_mels} x {config.n_frames}"
    _box(axes, 0, 0, segment, SHADE)
    for part in parts:
        # The fusion holds the attention, which has a box of its own.
        own = net.get_submodule(part.module)
        count = 0 if part.module == "fusion" else sum(p.numel() for p in own.parameters())
        text = f"{part.title}\n{' x '.join(map(str, given[part.module]))}"
        _box(
            axes, part.column, part.row, text + (f"\n{count:,} parameters" if count else ""), PAPER
        )
    columns = [[0.0], *([s.row for s in parts if s.column == i] for i in range(1, 9))]
    for i, (left, right) in enumerate(pairwise(columns)):
        for a in left:
            for b in right:
                _arrow(axes, i, a, b)
    join = "in time" if config.join == "time" else "on each other"
    for column, text in ((1.5, f"joined\n{join}"), (2.5, "joined by\nchannel"), (3.45, "A, B")):
        back = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
        axes.text(column, 0, text, ha="center", va="center", fontsize=7, color=KEPT, bbox=back)
    total = sum(p.numel() for p in net.parameters())
    axes.set_title(
        f"DAMFF as read: channels x mel bands x frames of each stage, {total:,} parameters",
        fontsize=10,
        loc="left",
        color=INK,
    )
    axes.set(xlim=(-0.5, 8.5), ylim=(-1.9, 1.9))
    axes.axis("off")


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    style = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": INK, "linewidth": 0.7}
    axes.text(x, y, text, ha="center", va="center", fontsize=7, color=INK, bbox=style, zorder=3)


def _arrow(axes: Axes, column: int, a: float, b: float) -> None:
    ends = {"xy": (column + 0.58, b * 0.97), "xytext": (column + 0.42, a * 0.97)}
    axes.annotate("", **ends, arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 0.7})


def windows(window: int, hop: int, count: int) -> list[tuple[int, list[int]]]:
    """Return the first segment of each window, and the segments that it gives, as extraction does.

    What is encoded is the number of the segment, and what is decoded that of the window.
    """
    starts: list[int] = []

    def decode(encoded: np.ndarray) -> np.ndarray:
        first = len(starts)
        starts.extend(int(one[0, 0]) for one in encoded)
        numbers = np.arange(first, first + len(encoded), dtype=np.float32)
        return np.broadcast_to(numbers[:, None, None], (*encoded.shape[:2], 1))

    sliding = SlidingWindow(decode, window, hop, 1)
    segments = np.arange(count, dtype=np.float32)[:, None]
    given = np.concatenate([sliding.feed(segments), sliding.finish()])[:, 0]
    return [(start, np.flatnonzero(given == i).tolist()) for i, start in enumerate(starts)]


def draw_windows(axes: Axes, window: int, hop: int, segment_s: float) -> None:
    """Draw the windows below each other, dark where their values are taken."""
    found = windows(window, hop, round(RECORDING_S / segment_s))
    for row, (start, given) in enumerate(found):
        axes.barh(row, window * segment_s, left=start * segment_s, color=SHADE, height=0.7)
        axes.barh(row, len(given) * segment_s, left=given[0] * segment_s, color=KEPT, height=0.7)
    axes.set_title(
        f"Sliding window of {window * segment_s:g} s, hop {hop * segment_s:g} s: "
        "what is heard (light), what is taken (dark)",
        fontsize=10,
        loc="left",
        color=INK,
    )
    axes.set(xlabel="seconds of a recording", ylabel="window", yticks=range(len(found)))
    axes.set_yticklabels([str(i + 1) for i in range(len(found))], fontsize=7)
    axes.tick_params(axis="x", labelsize=7)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)


@click.command()
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def main(target: Path) -> None:
    """Write the picture to TARGET."""
    recipe = TRAINING.recipe("paper")
    figure = Figure(figsize=(12.5, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(1.25, 1))
    draw_network(above, TRAINING.config({}, recipe))
    draw_windows(below, recipe.window, recipe.hops[1], recipe.features.segment_s)
    figure.savefig(target, dpi=110)
    click.echo(target)


if __name__ == "__main__":
    main()
