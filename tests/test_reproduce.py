"""``mer reproduce``: cells that are trained once, go on after a stop, and score as others do."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import audmetric
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from tiny_study import HOPS, STUDY, command_on, curve, laid_out, run, setup_of, written

from damff import studies
from mer_plugins.cli import mer
from mer_plugins.errors import MerError, PluginError
from mer_plugins.evaluation.held_out import stored_predictions
from mer_plugins.reproduction.scoring import score_study
from mer_plugins.sequence.plan import Listener


@pytest.fixture
def collection(tmp_path, song):
    return written(tmp_path / "songs", song)


@pytest.fixture
def setup(collection):
    return setup_of(collection)


@pytest.fixture
def command(tmp_path, collection, monkeypatch):
    return command_on(collection, tmp_path / "out", monkeypatch)


def test_each_song_is_scored_by_a_network_that_never_heard_it(tmp_path, collection, setup):
    cells = laid_out(STUDY, tmp_path / "out", setup)
    run(cells, collection)
    for cell in cells:
        settings = json.loads((cell.folder / "config.json").read_text())["settings"]
        assert {int(name) % 2 for name in settings["held_out"]} == {cell.fold}
        assert not set(settings["held_out"]) & set(settings["recordings"])
    comparison = score_study(STUDY, cells, setup)
    assert [s.system.name for s in comparison.systems[:2]] == ["small", "large"]
    found = comparison.systems[1].scores
    estimates = {}
    for cell in cells[1::2]:
        estimates |= stored_predictions(cell.folder / "estimates.npz")
    for d, dimension in enumerate(("valence", "arousal")):
        each = [
            audmetric.concordance_cc(
                np.round(curve(i)[:, d], 6), estimates[str(i)][:, d], ignore_nan=False
            )
            for i in range(6)
        ]
        assert found["per-song", dimension, "ccc"].value == pytest.approx(np.mean(each), abs=1e-5)


class Stopped(Exception):
    """The run was stopped."""


class Stopping(Listener):
    """Stops a run after its first pass."""

    def epoch(self, row):
        raise Stopped


def test_a_stopped_study_goes_on_and_ends_with_the_same_weights(tmp_path, collection):
    stopped, whole = (laid_out(STUDY, tmp_path / name) for name in ("stopped", "whole"))
    with pytest.raises(Stopped):
        run(stopped, collection, lambda cell: Stopping())
    assert not any(cell.is_done for cell in stopped)
    run(stopped, collection)
    run(whole, collection)
    for one, other in zip(stopped, whole, strict=True):
        weights, undisturbed = (load_file(c.folder / "model.safetensors") for c in (one, other))
        assert all(torch.equal(tensor, undisturbed[name]) for name, tensor in weights.items())


def test_what_is_done_is_not_trained_again(tmp_path, collection):
    cells = laid_out(STUDY, tmp_path / "out")
    run(cells, collection)
    run(cells, collection, lambda cell: pytest.fail(f"{cell.row.label} was trained again"))


def test_hops_come_from_one_network(tmp_path, collection, setup):
    cells = laid_out(HOPS, tmp_path, setup)
    run(cells, collection)
    recipe_hops = stored_predictions(cells[0].folder / "estimates.npz")
    half = stored_predictions(cells[0].folder / "estimates-hop-0.5.npz")
    longest = stored_predictions(cells[0].folder / "estimates-hop-3.npz")
    for name, values in recipe_hops.items():
        # The recipe's hop for valence is 0.5 s; weights come back from their file.
        np.testing.assert_allclose(half[name][:, 0], values[:, 0], atol=1e-5)
        # The first window of six segments is the same whatever the hop.
        np.testing.assert_allclose(longest[name][:6], half[name][:6], atol=1e-6)
        # After it, the sixth segment ends one window and is the last but one of the other.
        assert np.abs(longest[name][6] - half[name][6]).max() > 1e-7
    comparison = score_study(HOPS, cells, setup)
    names = [s.system.name for s in comparison.systems]
    assert names[:3] == ["hop 0.5 s", "hop 1 s", "hop 3 s"]


def test_without_a_complete_fold_nothing_is_scored(tmp_path, setup):
    with pytest.raises(MerError, match="no fold is complete: run the same command"):
        score_study(STUDY, laid_out(STUDY, tmp_path), setup)


def test_only_complete_folds_count(tmp_path, collection, setup):
    cells = laid_out(STUDY, tmp_path, setup)
    run(cells, collection)
    (cells[-1].folder / "run.json").unlink()
    assert {song.name for song in score_study(STUDY, cells, setup).songs} == {
        "0",
        "2",
        "4",
    }


def test_the_command_prints_the_papers_table_beside_ours(tmp_path, command):
    result = command("table1")
    assert result.exit_code == 0, result.output
    for text in ("the paper, a corpus", "here, per-song", "here, pooled", "0.2000*"):
        assert text in result.stdout
    folder = tmp_path / "out" / "table1"
    names = {"paper.md", "results.json", "per_song.csv", "table.md", "table.tex", "scores.png"}
    assert names <= {path.name for path in folder.iterdir()}
    found = json.loads((folder / "results.json").read_text())
    assert found["study"]["folds scored"] == [0, 1]
    assert found["paper"]["a corpus"]["small"]["arousal ccc"] == 0.1
    rows = re.findall(r"^\| (?:small|large) \|.*\|$", (folder / "paper.md").read_text(), re.M)
    assert len(rows) == 8 and all(row.count("|") == 8 for row in rows)
    again = command("table1")
    assert "cell" not in again.stderr and again.stdout == result.stdout


def test_the_hop_study_has_its_figure(tmp_path, command):
    result = command("figure3")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "figure3" / "hops.png").read_bytes().startswith(b"\x89PNG")


def test_a_dry_run_lists_the_cells_and_trains_none(tmp_path, command):
    result = command("table1", "--dry-run")
    assert result.stdout.count("to do") == 4
    assert not (tmp_path / "out").exists()


def test_the_list_names_the_papers_studies():
    result = CliRunner().invoke(mer, ["reproduce", "--list"])
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "figure3",
        "table1",
        "table2",
        "table3",
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["table9"], "no study is called 'table9': there are figure3"),
        (["table1", "--budget", "none"], "no budget is called 'none': there are tiny, other"),
        (["table1", "--folds", "a"], "expected numbers with commas"),
        (["table1", "--folds", "7"], "expected numbers from 0 to 1"),
        (["table1", "--score-only"], "no fold is complete"),
    ],
)
def test_wrong_words_are_one_clear_line(command, words, complaint):
    result = command(*words)
    assert result.exit_code != 0
    told = result.stderr if result.exit_code == 2 and result.stderr else str(result.exception)
    assert complaint in told


def test_without_data_the_command_says_what_it_needs():
    result = CliRunner().invoke(mer, ["reproduce", "table1"])
    assert result.exit_code == 2 and "give --data COLLECTION and -o OUT" in result.stderr


def test_an_unknown_recipe_is_named():
    row = replace(STUDY.rows[0], recipes={"tiny": "none"})
    with pytest.raises(PluginError, match="no recipe is called 'none'"):
        laid_out(replace(STUDY, rows=(row,)), None)


@pytest.mark.shared
def test_the_published_figures_are_those_of_the_paper(shared):
    text = (shared / "seeds" / "damff-ismir2023.txt").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines()]
    for table in (studies.TABLE1, studies.TABLE2, studies.TABLE3):
        for row in table.rows:
            printed = tuple(f"{v:.4f}" for values in row.published.values() for v in values)
            assert [row.label, *printed] in lines, row.label
