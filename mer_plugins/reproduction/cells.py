"""The cells of a study, one training for each row and fold, and the runs that they leave.

Folds come first: when the first fold is done, every row has been scored on the same songs. Studies
with one output folder share the cells that they have in common.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch

from mer_plugins.curves import FloatArray
from mer_plugins.evaluation.held_out import ESTIMATES, stored_predictions
from mer_plugins.evaluation.reference import Song
from mer_plugins.host import PluginHost, load_factory
from mer_plugins.reproduction.checks import check_run
from mer_plugins.sequence import run_folder
from mer_plugins.sequence.folds import FoldTable, assign_folds, check_table
from mer_plugins.sequence.plan import Plan
from mer_plugins.sequence.recipe import Trainable
from mer_plugins.studies import Study, StudyRow

CELLS = "cells"
SEED = 0


@dataclass(frozen=True)
class Cell:
    """One row of a study, trained without one fold."""

    row: StudyRow
    fold: int
    plan: Plan
    folder: Path
    hops_s: tuple[float, ...] = ()

    @property
    def is_trained(self) -> bool:
        """Whether a network is there, and what it predicted."""
        return all((self.folder / name).exists() for name in (run_folder.RESULT, ESTIMATES))

    @property
    def is_done(self) -> bool:
        """Whether everything that is to be scored is there."""
        return self.is_trained and all((self.folder / hop_file(h)).exists() for h in self.hops_s)


@dataclass(frozen=True)
class Setup:
    """What all cells of a study share.

    Parameters
    ----------
    collections : tuple of str
        The labelled collections, as given.
    songs : tuple of Song
        Theirs, with labels, named as training names them.
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
    songs: tuple[Song, ...]
    table: FoldTable
    folds_csv: str
    count: int
    folds: tuple[int, ...]
    device: str

    @cached_property
    def fold_of(self) -> tuple[int, ...]:
        """The fold of each song."""
        check_table(self.songs, self.table)
        return tuple(assign_folds(self.songs, self.table, self.count, SEED))

    def split(self, fold: int) -> tuple[set[str], set[str]]:
        """Return the names of the songs that are heard without a fold, and of those left out."""
        pairs = list(zip((song.name for song in self.songs), self.fold_of, strict=True))
        return {name for name, of in pairs if of != fold}, {n for n, of in pairs if of == fold}

    @property
    def folds_from(self) -> str:
        """Where the folds come from, for people."""
        return self.folds_csv or f"{self.count} by artist"


def hop_file(hop_s: float) -> str:
    """Return the name of the predictions of a hop, beside the others of a run."""
    return f"estimates-hop-{hop_s:g}.npz"


def cells_of(study: Study, budget: str, host: PluginHost, setup: Setup, output: Path) -> list[Cell]:
    """Lay out the cells of a study in the order in which they are trained.

    Raises
    ------
    PluginError
        If a plugin of the study is not there, cannot be trained, or has no such recipe.
    RunError
        If the folder of a cell holds another run than the cell's.
    """
    plans = {row.label: _plan(row, study, budget, host, setup) for row in study.rows}
    cells = [
        _cell(row, fold, plans[row.label], study, output / CELLS / study.run_name(row, budget))
        for fold in setup.folds
        for row in study.rows
    ]
    for cell in cells:
        check_run(cell.folder, cell.plan, *setup.split(cell.fold))
    return cells


def _cell(row: StudyRow, fold: int, plan: Plan, study: Study, runs: Path) -> Cell:
    recipe = replace(plan.recipe, seed=plan.recipe.seed + fold)
    data = {**plan.data, "fold": fold}
    folder = runs / f"fold-{fold}"
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
            # Names, not paths: a collection that was moved is the same.
            "collections": [Path(os.path.abspath(name)).name for name in setup.collections],
            "folds": setup.folds_from,
        },
        table=setup.table,
        device=torch.device(setup.device),
    )


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
