"""A study of two tiny networks over six songs of four seconds, and what runs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from test_evaluate_cli import annotation, write_jams

from damff import studies
from mer_plugins.cli import mer
from mer_plugins.host import plugin_host
from mer_plugins.reproduction.cells import Setup, cells_of
from mer_plugins.reproduction.scoring import read_songs
from mer_plugins.reproduction.training import run_cells
from mer_plugins.sequence.data import load_labelled, loader_for
from mer_plugins.sequence.folds import FoldTable
from mer_plugins.sequence.plan import Listener
from mer_plugins.studies import Budget, Study, StudyRow

TINY = {"window_s": 3.0, "excerpt_s": 2.0, "epochs": 2, "batch_size": 4}
RECIPES = {"tiny": "deam-clips-damff-losses", "other": "deam-clips"}
STUDY = Study(
    "tiny",
    "Two networks",
    "a paper, table 7",
    (
        StudyRow("small", "crnn", RECIPES, {}, {"a corpus": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)}),
        StudyRow("large", "crnn", RECIPES, {"hidden": 5}, {"a corpus": (0.7,) * 6}),
    ),
    {"tiny": Budget("two passes", TINY), "other": Budget("two passes, other losses", TINY)},
    {"a corpus": (1,)},
)
HOPS = Study(
    "hops",
    "Hops",
    "a paper, figure 9",
    STUDY.rows[:1],
    STUDY.budgets,
    hops_s=(0.5, 1.0, 3.0),
)
SETUP = Setup(
    ("songs",),
    (),
    FoldTable({str(i): i % 2 for i in range(6)}),
    "folds.csv",
    2,
    (0, 1),
    "cpu",
)


def curve(i):
    rng = np.random.default_rng(i)
    walk = 0.08 * rng.standard_normal((8, 2)).cumsum(axis=0)
    return (rng.uniform(-0.4, 0.4, 2) + walk).clip(-0.95, 0.95)


def written(root, song):
    for i in range(6):
        song(root / f"{i}.wav", 4.0, i, 22_050)
        write_jams(root / f"{i}.jams", annotation(curve(i)))
    return root


def setup_of(collection):
    songs = tuple(read_songs([str(collection)], pytest.fail))
    return replace(SETUP, collections=(str(collection),), songs=songs)


def laid_out(study, output, setup=SETUP, budget="tiny"):
    return cells_of(study, budget, plugin_host(), setup, output)


def run(cells, collection, listener=lambda cell: Listener()):
    def load(recipe):
        return list(load_labelled([str(collection)], loader_for(recipe, 0), pytest.fail))

    run_cells(cells, SETUP, load, listener)


def command_on(collection, output, monkeypatch):
    """Return ``mer reproduce`` as a function, whose studies are the tiny ones."""
    monkeypatch.setattr(studies, "TABLE1", replace(STUDY, name="table1"))
    monkeypatch.setattr(studies, "FIGURE3", replace(HOPS, name="figure3"))

    def run(*words):
        where = ["--data", str(collection), "--n-folds", "2", "-o", str(output)]
        return CliRunner().invoke(mer, ["reproduce", *words, *where])

    return run
