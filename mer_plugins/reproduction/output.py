"""Write a reproduced study: the paper's table beside ours, all scores, pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mer_plugins.atomic import replacing
from mer_plugins.display import COLOURS
from mer_plugins.evaluation import output as evaluation_output
from mer_plugins.evaluation.comparison import Comparison
from mer_plugins.evaluation.results import to_dict
from mer_plugins.evaluation.tables import SHOWN
from mer_plugins.reproduction.cells import Cell, complete_folds
from mer_plugins.reproduction.tables import markdown, published
from mer_plugins.sequence import run_folder
from mer_plugins.studies import COLUMNS, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write(
    study: Study,
    comparison: Comparison,
    cells: Sequence[Cell],
    folder: Path,
    facts: Sequence[str],
) -> None:
    """Write ``paper.md``, ``results.json`` and what ``mer evaluate`` writes into a folder.

    A hop study has ``hops.png`` and ``hops.svg`` besides.

    Raises
    ------
    EvaluationError
        If the disk does not take them.
    """
    evaluation_output.write(comparison, folder)
    results = {**to_dict(comparison), "study": _provenance(study, cells), "paper": published(study)}
    files = {
        "paper.md": markdown(study, comparison, facts).encode(),
        "results.json": (json.dumps(results, indent=1, ensure_ascii=False) + "\n").encode(),
    }
    if study.hops_s:
        files |= evaluation_output.pictures(plot_hops(study, comparison), "hops")
    for name, content in files.items():
        with replacing(folder / name) as file:
            file.write(content)


def _provenance(study: Study, cells: Sequence[Cell]) -> dict[str, Any]:
    first = cells[0].plan
    return {
        "name": study.name,
        "source": study.source,
        "budget": first.data["budget"],
        "folds": first.data["folds"],
        "folds scored": complete_folds(cells),
        "rows": {
            cell.row.label: {
                "plugin": cell.row.plugin,
                "settings": dict(cell.row.settings),
                "recipe": cell.plan.data["recipe"],
                "folder": cell.folder.parent.name,
            }
            for cell in cells
        },
        "versions": run_folder.versions(),
        "commit": run_folder.git_commit(),
    }


def plot_hops(study: Study, comparison: Comparison) -> Figure:
    """Draw per-song scores over the hop, as the paper's figure 3, with 95 % intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    metrics = dict.fromkeys(metric for _, metric in COLUMNS)
    hops = comparison.systems[: len(study.hops_s)]
    for ax, metric in zip(figure.subplots(1, len(metrics)), metrics, strict=True):
        for dimension, mark in (("arousal", "s"), ("valence", "o")):
            scores = [s.scores["per-song", dimension, metric] for s in hops]
            low, high = [s.low for s in scores], [s.high for s in scores]
            colour = COLOURS[dimension]
            ax.fill_between(study.hops_s, low, high, color=colour, alpha=0.15, lw=0)
            values = [s.value for s in scores]
            ax.plot(study.hops_s, values, marker=mark, color=colour, label=dimension)
        ax.set(xlabel="hop (s)", ylabel=f"per-song {SHOWN[metric]}", xscale="log")
        ax.set_xticks(study.hops_s, [f"{hop:g}" for hop in study.hops_s])
        ax.minorticks_off()
        ax.grid(color="0.9")
    figure.axes[0].legend(frameon=False)
    return figure
