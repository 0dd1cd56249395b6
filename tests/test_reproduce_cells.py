"""``mer reproduce``: a cell counts only if it is what was asked for; its numbers can be made again."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_evaluate_cli import annotation, write_jams
from tiny_study import HOPS, SETUP, STUDY, command_on, curve, laid_out, run, setup_of, written

from damff import studies
from mer_plugins.baselines.recipes import CRNN_RECIPES
from mer_plugins.evaluation.comparison import compare
from mer_plugins.evaluation.systems import TRIVIAL
from mer_plugins.reproduction.scoring import TESTED, read_songs, score_study
from mer_plugins.reproduction.training import cells_to_run
from mer_plugins.sequence.data import load_labelled, loader_for
from mer_plugins.sequence.folds import FoldTable
from mer_plugins.sequence.run_folder import RunError


@pytest.fixture(scope="module")
def trained(tmp_path_factory, song):
    """Return a folder with the songs and the runs of the study."""
    root = tmp_path_factory.mktemp("trained")
    collection = written(root / "songs", song)
    run(laid_out(STUDY, root / "out", setup_of(collection)), collection)
    return root


@pytest.fixture
def collection(tmp_path, trained):
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path / "songs"


@pytest.fixture
def setup(collection):
    return setup_of(collection)


@pytest.fixture
def cells(tmp_path, setup):
    return laid_out(STUDY, tmp_path / "out", setup)


@pytest.fixture
def command(tmp_path, collection, monkeypatch):
    return command_on(collection, tmp_path / "new", monkeypatch)


def test_studies_share_the_cells_they_have_in_common(tmp_path):
    setup = replace(SETUP, folds=(0,))
    tables = [studies.TABLE1, studies.TABLE2, studies.TABLE3]
    found = [c for t in tables for c in laid_out(t, tmp_path, setup, "small")]
    assert len(found) == 15
    # DAMFF stands in all three.
    assert len(cells_to_run(found)) == 13


def test_studies_of_other_budgets_have_cells_of_their_own(tmp_path):
    setup = replace(SETUP, folds=(0,))

    def folders(budget):
        both = (studies.TABLE1, studies.FIGURE3)
        table, figure = ({c.folder for c in laid_out(s, tmp_path, setup, budget)} for s in both)
        return table, figure

    small_table, small_figure = folders("small")
    assert not small_table & small_figure
    table, figure = folders("paper")
    assert figure < table
    assert not (table | figure) & (small_table | small_figure)


def test_another_budget_is_trained_for_itself(tmp_path, collection, setup, cells):
    others = laid_out(STUDY, tmp_path / "out", setup, "other")
    assert not any(cell.is_done for cell in others)
    run(others, collection)
    for cell, recipe in [(cells[0], "deam-clips-damff-losses"), (others[0], "deam-clips")]:
        settings = json.loads((cell.folder / "config.json").read_text())["settings"]
        assert settings["data"]["recipe"] == recipe
    assert all(cell.is_done for cell in laid_out(STUDY, tmp_path / "out", setup))


def test_the_command_makes_no_table_of_another_budget(command):
    assert command("table1").exit_code == 0
    result = command("table1", "--budget", "other", "--score-only")
    assert "no fold is complete" in str(result.exception)


def test_a_run_of_another_recipe_is_refused(tmp_path, setup, cells):
    other = laid_out(STUDY, tmp_path / "out", setup, "other")[0]
    shutil.copytree(cells[0].folder, other.folder)
    with pytest.raises(
        RunError, match=r"fold-0: holds another run: .*expected.*another -o or"
    ) as e:
        laid_out(STUDY, tmp_path / "out", setup, "other")
    assert "data.recipe is 'deam-clips-damff-losses', expected 'deam-clips'" in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("recipe.epochs", 12, "recipe.epochs is 12, expected 2"),
        ("model.hidden", 7, "model.hidden is 7, expected "),
        ("plugin", "damff", "plugin is 'damff', expected 'crnn'"),
        ("data.fold", "all", "data.fold is 'all', expected 0"),
        ("data.collections", ["pmemo"], r"data.collections is \['pmemo'\], expected \['songs'\]"),
        ("start", "2f75", "start is '2f75', expected None"),
        ("held_out", ["0", "1"], r"left out were 1 others such as 1, .* fold 0 \(folds.csv\)"),
        ("recordings", ["1", "2"], "trained on were 1 others such as 2, expected no song of fold"),
    ],
)
def test_a_run_that_differs_in_anything_is_refused(tmp_path, setup, cells, key, value, told):
    path = cells[0].folder / "config.json"
    config = json.loads(path.read_text())
    *groups, name = key.split(".")
    inner = config["settings"]
    for group in groups:
        inner = inner[group]
    inner[name] = value
    path.write_text(json.dumps(config))
    with pytest.raises(RunError, match=told):
        laid_out(STUDY, tmp_path / "out", setup)
    (cells[0].folder / "run.json").unlink()
    with pytest.raises(RunError, match=told):
        laid_out(STUDY, tmp_path / "out", setup)


def test_a_run_that_does_not_tell_what_it_is_is_refused(tmp_path, setup, cells):
    (cells[0].folder / "config.json").unlink()
    with pytest.raises(RunError, match="plugin is None, expected 'crnn'"):
        laid_out(STUDY, tmp_path / "out", setup)


def test_another_table_of_folds_of_the_same_name_is_refused(tmp_path, setup, cells):
    other = replace(setup, table=FoldTable({str(i): int(i > 2) for i in range(6)}))
    with pytest.raises(RunError, match="left out were 1 others such as 4, expected only songs of"):
        laid_out(STUDY, tmp_path / "out", other)


@pytest.mark.parametrize("words", [[], ["--dry-run"], ["--score-only"]])
def test_the_command_refuses_another_run(tmp_path, command, words):
    assert command("table1", "--folds", "0").exit_code == 0
    path = next((tmp_path / "new/cells").glob("crnn-deam*/fold-0/config.json"))
    path.write_text(path.read_text().replace('"epochs": 2', '"epochs": 12'))
    result = command("table1", "--folds", "0", *words)
    assert result.exit_code != 0 and "recipe.epochs is 12" in str(result.exception)


def test_a_cell_without_its_predictions_is_done_again(tmp_path, collection, cells):
    path = cells[0].folder / "estimates.npz"
    before = path.read_bytes()
    path.unlink()
    assert not cells[0].is_done
    run(cells, collection)
    assert path.read_bytes() == before


def test_what_does_not_listen_is_fitted_on_the_other_folds(setup, cells):
    found = score_study(STUDY, cells, setup)
    names = [scored.system.name for scored in found.systems]
    assert names == ["small", "large", *TRIVIAL]
    truth = [np.round(curve(i), 6) for i in range(6)]
    for name, expected in [
        ("global-mean", lambda others: np.mean([c.mean(axis=0) for c in others], axis=0)),
        ("mean-trajectory", lambda others: np.mean(others, axis=0)),
    ]:
        errors = [
            np.sqrt(((truth[i] - expected(truth[1 - i % 2 :: 2])) ** 2).mean(axis=0))
            for i in range(6)
        ]
        scores = found.systems[names.index(name)].scores
        for d, dimension in enumerate(("valence", "arousal")):
            score = scores["per-song", dimension, "rmse"].value
            assert score == pytest.approx(np.mean(errors, axis=0)[d], abs=1e-6)


def test_it_is_fitted_on_all_other_folds_where_one_is_scored(tmp_path, setup, cells):
    one = laid_out(STUDY, tmp_path / "out", replace(setup, folds=(0,)))
    both, alone = (score_study(STUDY, some, setup).systems[2] for some in (cells, one))
    assert set(alone.pairs) == {"0", "2", "4"}
    for name, [(_, estimate)] in alone.pairs.items():
        np.testing.assert_array_equal(estimate, both.pairs[name][0][1])


def test_what_does_not_listen_changes_no_test_of_the_rows(setup, cells):
    found = score_study(STUDY, cells, setup)
    rows = found.systems[:2]
    pairs = [{name: pair for name, [pair] in row.pairs.items()} for row in rows]
    alone = compare("here", found.songs, [row.system for row in rows], pairs, tested=TESTED)
    assert len(found.tests) == 6
    assert found.tests == alone.tests


def test_a_song_that_a_row_has_not_predicted_is_told_of(tmp_path, setup, cells):
    path = cells[1].folder / "estimates.npz"
    with np.load(path) as archive:
        names, lengths, values = (archive[key] for key in ("names", "lengths", "values"))
    np.savez(path, names=names[1:], lengths=lengths[1:], values=values[lengths[0] :])
    found = score_study(STUDY, cells, setup)
    assert len(found.songs) == 5
    assert "1 of 6 songs are not scored, such as 0: " in found.warnings[0]


def test_the_results_tell_what_was_heard_and_of_which_collection(tmp_path, command):
    result = command("table1")
    assert result.exit_code == 0, result.output
    results = json.loads((tmp_path / "new/table1/results.json").read_text())
    assert results["reference"]["collection"] == str(tmp_path / "songs")
    assert results["study"]["folds"] == "2 by artist"
    for system in results["systems"]:
        assert system["trained_on"] == {"songs": 0, "artists": 0, "of": 6}, system["name"]
    notes = {system["name"]: system["note"] for system in results["systems"]}
    assert [name for name in notes if "not the paper's" in notes[name]] == list(TRIVIAL)
    page = (tmp_path / "new/table1/paper.md").read_text()
    assert page.count("| global-mean† |") == page.count("| mean-trajectory† |") == 3
    for text in (page, result.stdout):
        assert "† ours, not the paper's" in text


@pytest.mark.parametrize("name", ["table1", "figure3"])
def test_everything_comes_again_from_the_predictions_in_the_cells(tmp_path, command, name):
    assert command(name).exit_code == 0
    folder = tmp_path / "new" / name
    files = ("results.json", "per_song.csv", "table.md", "paper.md")
    before = {file: (folder / file).read_bytes() for file in files}
    assert before["per_song.csv"].count(b"\n") == 1 + 6 * (5 if name == "figure3" else 4)
    shutil.rmtree(folder)
    kept = ("config.json", "run.json", "estimates")
    for path in (tmp_path / "new/cells").rglob("*"):
        if path.is_file() and not path.name.startswith(kept):
            path.unlink()
    result = command(name, "--score-only")
    assert result.exit_code == 0, result.output
    assert {file: (folder / file).read_bytes() for file in files} == before


def test_a_collection_is_called_by_its_name_also_from_within(
    tmp_path, setup, collection, monkeypatch
):
    monkeypatch.chdir(collection)
    here = replace(setup, collections=(".",))
    assert laid_out(HOPS, tmp_path, here)[0].plan.data["collections"] == ["songs"]


def test_songs_are_called_as_training_calls_them(tmp_path, song):
    inputs = [str(tmp_path / name) for name in ("deam/clips", "pmemo/clips")]
    for folder in inputs:
        for name in ("01", "Ann/02"):
            path = song(Path(folder) / f"{name}.wav", 4.0, 1, 22_050)
            write_jams(path.with_suffix(".jams"), annotation(curve(1)))
    found = read_songs(inputs, pytest.fail)
    trained = load_labelled(inputs, loader_for(CRNN_RECIPES["deam-clips"], 0), pytest.fail)
    assert [s.name for s in found] == [t.name for t in trained]
    assert len({s.name for s in found}) == 4


def test_a_song_whose_label_is_too_short_to_be_scored_is_no_other_run(tmp_path, setup, cells):
    config = cells[0].folder / "config.json"
    told = json.loads(config.read_text())
    told["settings"]["recordings"].append("short")
    config.write_text(json.dumps(told))
    assert laid_out(STUDY, tmp_path / "out", setup)[0].is_done
    told["settings"]["recordings"] = ["short"]
    config.write_text(json.dumps(told))
    with pytest.raises(RunError, match="trained on were 1 others such as short"):
        laid_out(STUDY, tmp_path / "out", setup)
