"""The cells of a study, one training for each row and fold, and the runs that they leave.

Folds come first: when the first fold is done, every row has been scored on the same songs. A cell
that was stopped goes on where it was; one that is done is not touched again. Studies with one
output folder share the cells that they have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import torch

from mer_plugins.curves import FloatArray
from mer_plugins.errors import MerError
from mer_plugins.evaluation.held_out import stored_predictions
from mer_plugins.host import PluginHost, load_factory
from mer_plugins.sequence import run_folder
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.fit import MODEL, Estimates, fit
from mer_plugins.sequence.fit_folds import left_out
from mer_plugins.sequence.folds import FoldTable, assign_folds, check_table
from mer_plugins.sequence.front_end import FrontEndConfig
from mer_plugins.sequence.plan import Listener, Plan
from mer_plugins.sequence.recipe import Recipe, Trainable
from mer_plugins.sequence.whole_tracks import TrackNetwork
from mer_plugins.studies import Study, StudyRow

CELLS = "cells"


@dataclass(frozen=True)
class Cell:
    """One row of a study, trained without one fold."""

    row: StudyRow
    fold: int
    plan: Plan
    folder: Path
    hops_s: tuple[float, ...] = ()

    @property
    def is_done(self) -> bool:
        """Whether everything that is to be scored is there."""
        found = [run_folder.RESULT, *(hop_file(hop) for hop in self.hops_s)]
        return all((self.folder / name).exists() for name in found)


@dataclass(frozen=True)
class Setup:
    """What all cells of a study share.

    Parameters
    ----------
    collections : tuple of str
        Names of the labelled collections, for the record.
    table : FoldTable
        Folds by song and artist.
    folds_csv : str
        Name of the table's file; empty if folds are made by artist.
    count : int
        How many folds there are.
    folds : tuple of int
        Those that are left out and scored, in this order.
    device : str
        Where to train.
    """

    collections: tuple[str, ...]
    table: FoldTable
    folds_csv: str
    count: int
    folds: tuple[int, ...]
    device: str


def hop_file(hop_s: float) -> str:
    """Return the name of the predictions of a hop, beside the others of a run."""
    return f"estimates-hop-{hop_s:g}.npz"


def cells_of(study: Study, budget: str, host: PluginHost, setup: Setup, output: Path) -> list[Cell]:
    """Lay out the cells of a study in the order in which they are trained.

    Raises
    ------
    PluginError
        If a plugin of the study is not there, cannot be trained, or has no such recipe.
    """
    plans = {row.label: _plan(row, study, budget, host, setup) for row in study.rows}
    return [
        _cell(row, fold, plans[row.label], study, output / CELLS)
        for fold in setup.folds
        for row in study.rows
    ]


def _cell(row: StudyRow, fold: int, plan: Plan, study: Study, output: Path) -> Cell:
    recipe = replace(plan.recipe, seed=plan.recipe.seed + fold)
    data = {**plan.data, "fold": fold}
    folder = output / row.key / f"fold-{fold}"
    return Cell(row, fold, replace(plan, recipe=recipe, data=data), folder, study.hops_s)


def _plan(row: StudyRow, study: Study, budget: str, host: PluginHost, setup: Setup) -> Plan:
    trainable: Trainable = load_factory(
        host.extractors.get(row.plugin).training, f"the training of plugin {row.plugin!r}"
    )
    name = row.recipes[budget]
    recipe = trainable.recipe(name).changed(study.budget(budget).changes)
    return Plan(
        row.plugin,
        trainable,
        trainable.config(row.settings, recipe),
        recipe,
        data={
            "recipe": name,
            "budget": budget,
            "collections": list(setup.collections),
            "folds": setup.folds_csv or f"{setup.count} by artist",
        },
        table=setup.table,
        device=torch.device(setup.device),
    )


def run_cells(
    cells: Sequence[Cell],
    setup: Setup,
    load: Callable[[Recipe], list[LabelledTrack]],
    listener: Callable[[Cell], Listener] = lambda cell: Listener(),
) -> None:
    """Train and score every cell that is not done.

    Parameters
    ----------
    load : callable
        Reads the labelled recordings with the front end of a recipe.
    listener : callable
        Makes the listener of a cell.

    Raises
    ------
    MerError
        If a fold has no recording, or a cell's folder holds another run.
    """
    for _, group in groupby(_in_order(cells, setup.folds), key=_front_end):
        first, *others = group
        tracks = load(first.plan.recipe)
        check_table(tracks, setup.table)
        folds = assign_folds(tracks, setup.table, setup.count, seed=0)
        for cell in (first, *others):
            _run(cell, tracks, folds, listener(cell))


def cells_to_run(cells: Iterable[Cell]) -> list[Cell]:
    """Return each cell that is not done, once, however many studies share it."""
    return list({cell.folder: cell for cell in cells if not cell.is_done}.values())


def _in_order(cells: Sequence[Cell], folds: Sequence[int]) -> list[Cell]:
    """Sort cells by fold, and by front end, so that the data is read as seldom as can be."""
    todo = cells_to_run(cells)
    front_ends = list(dict.fromkeys(map(_front_end, todo)))
    return sorted(todo, key=lambda c: (folds.index(c.fold), front_ends.index(_front_end(c))))


def _front_end(cell: Cell) -> tuple[FrontEndConfig, tuple[int, ...]]:
    return cell.plan.recipe.features, cell.plan.recipe.copy_bit_rates


def _run(
    cell: Cell, tracks: Sequence[LabelledTrack], folds: Sequence[int], listener: Listener
) -> None:
    training, held_out = left_out(tracks, folds, cell.fold)
    if not held_out:
        raise MerError(f"no recording is in fold {cell.fold}: there are folds {sorted({*folds})}")
    if not (cell.folder / run_folder.RESULT).exists():
        fit(cell.plan, training, held_out, cell.folder, resume=True, listener=listener)
    if cell.hops_s:
        _score_hops(cell, held_out)


def _score_hops(cell: Cell, held_out: Sequence[LabelledTrack]) -> None:
    network = TrackNetwork.load(
        cell.folder / MODEL, cell.plan.plugin, cell.plan.trainable, str(cell.plan.device)
    )
    found: dict[float, Estimates] = {hop: {} for hop in cell.hops_s}
    for track in held_out:
        encoded = network.encode(track.segments)
        for hop in cell.hops_s:
            segments = round(hop / cell.plan.recipe.features.segment_s)
            found[hop][track.name] = network.slide(encoded, (segments, segments))
    for hop, estimates in found.items():
        run_folder.write_estimates(cell.folder / hop_file(hop), estimates)


def complete_folds(cells: Sequence[Cell]) -> list[int]:
    """Return the folds of which every cell is done, in order."""
    undone = {cell.fold for cell in cells if not cell.is_done}
    return sorted({cell.fold for cell in cells} - undone)


def estimates_of(cells: Sequence[Cell], folds: Sequence[int], file: str) -> dict[str, FloatArray]:
    """Read what the cells of one row predicted for the songs of these folds."""
    found: dict[str, FloatArray] = {}
    for cell in cells:
        if cell.fold in folds:
            found |= stored_predictions(cell.folder / file)
    return found
