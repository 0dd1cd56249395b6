"""``mer evaluate`` on small collections that are made here."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from mer_plugins.cli import mer
from mer_plugins.curves import EmotionCurve, Scale
from mer_plugins.evaluation import leaks
from mer_plugins.fingerprints import audio_digest
from mer_plugins.host import plugin_host
from mer_plugins.jams_store import new_jams
from mer_plugins.mood import observations
from mer_plugins.trained_on import identity, read_list, union, write_list

NAMES = ("a/one", "a/two", "b/three", "four")
SECONDS = 4.0


def truth(i):
    rng = np.random.default_rng(i)
    return (rng.uniform(-0.4, 0.4, 2) + 0.08 * rng.standard_normal((8, 2)).cumsum(axis=0)).clip(
        -0.95, 0.95
    )


def annotation(values, plugin=None):
    starts = 0.5 * np.arange(len(values))
    rows = observations(EmotionCurve(starts, np.clip(values, -1, 1), 0.5), 6)
    for row, value in zip(rows, values, strict=True):
        row["value"] = [float(x) for x in value]
    source = "crowdsource" if plugin is None else "program"
    sandbox = {} if plugin is None else {"plugin": plugin}
    return {
        "namespace": "mood_thayer",
        "time": 0.0,
        "duration": SECONDS,
        "annotation_metadata": {"data_source": source},
        "data": rows,
        "sandbox": sandbox,
    }


def write_jams(path, *annotations):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**new_jams(SECONDS), "annotations": list(annotations)}))


@pytest.fixture
def collection(tmp_path, song):
    root = tmp_path / "collection"
    for i, name in enumerate(NAMES):
        song(root / f"{name}.wav", SECONDS, i, 22_050)
        write_jams(root / f"{name}.jams", annotation(truth(i)))
    song(root / "unlabelled.wav", 1.0, 9, 22_050)
    return root


@pytest.fixture
def estimates(tmp_path):
    """Return a function that writes estimates made from the truth and returns their folder."""

    def written(change, plugin="mine", folder="estimates"):
        for i, name in enumerate(NAMES):
            write_jams(tmp_path / folder / f"{name}.jams", annotation(change(truth(i)), plugin))
        return tmp_path / folder

    return written


@pytest.fixture
def evaluate(collection, tmp_path):
    """Return a function that runs the command and returns its result and results.json."""

    def ran(*arguments):
        out = tmp_path / "out"
        words = ["evaluate", "--reference", str(collection), "-o", str(out), "-j", "1", *arguments]
        result = CliRunner().invoke(mer, [*map(str, words)], catch_exceptions=False)
        return result, json.loads((out / "results.json").read_text())

    return ran


def pooled(results, name, dimension="valence", metric="ccc"):
    found = next(s for s in results["systems"] if s["name"] == name)
    return found["scores"]["pooled"][dimension][metric]["value"]


def test_plugins_are_run_scored_and_resumed(evaluate, tmp_path):
    result, results = evaluate("--plugin", "global-mean")
    assert result.exit_code == 0, result.stderr
    assert [s["name"] for s in results["systems"]] == ["global-mean", "mean-trajectory"]
    assert results["reference"]["songs"] == 4
    assert results["reference"]["frames"] == 32
    written = sorted((tmp_path / "out/estimates/global-mean").rglob("*.jams"))
    assert [p.stem for p in written] == ["one", "two", "three", "four"]
    assert "crowdsource" not in written[0].read_text()
    value = np.array(json.loads(written[0].read_text())["annotations"][0]["data"][0]["value"])
    labels = np.concatenate([truth(i) for i in range(4)])
    expected = np.sqrt(np.mean((np.round(labels, 6) - value) ** 2, axis=0))
    assert pooled(results, "global-mean", "arousal", "rmse") == pytest.approx(expected[1], abs=1e-5)
    before = [p.stat().st_mtime_ns for p in written]
    again, same = evaluate("--plugin", "global-mean")
    assert [p.stat().st_mtime_ns for p in written] == before
    assert same == results
    for name in ("table.md", "table.tex", "per_song.csv", "scores.png", "scores.svg"):
        assert (tmp_path / "out" / name).stat().st_size > 100


def test_several_plugins_of_one_folder_are_several_systems(evaluate, estimates, tmp_path):
    folder = estimates(lambda v: v)
    for i, name in enumerate(NAMES):
        both = (
            annotation(truth(i), "mine"),
            annotation(truth(i) * 0.5, "theirs"),
            annotation(truth(i)),
        )
        write_jams(folder / f"{name}.jams", *both)
    result, results = evaluate("--estimates", folder)
    names = [s["name"] for s in results["systems"]]
    assert names == ["mine", "theirs", "global-mean", "mean-trajectory"]
    assert pooled(results, "mine") == pytest.approx(1, abs=1e-9)
    assert pooled(results, "theirs", metric="pcc") == pytest.approx(1, abs=1e-9)
    assert {t["against"] for t in results["tests"]} == {"mine"}


def test_a_file_without_a_program_counts_under_the_name_of_its_folder(evaluate, estimates):
    result, results = evaluate("--estimates", estimates(lambda v: v, None, "foreign"))
    assert results["systems"][0]["name"] == "foreign"
    assert pooled(results, "foreign") == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Scale(1, 9).from_unit, "they fit [1, 9]"),
        (lambda v: v[:, ::-1], "seem swapped"),
        (lambda v: v[:4], "covers 4 of 4 songs and 16 of 32 labelled half seconds"),
    ],
)
def test_warnings_come_before_the_scores_and_stand_in_the_results(
    evaluate, estimates, change, expected
):
    result, results = evaluate("--estimates", estimates(change))
    assert result.exit_code == 0
    assert f"warning: mine: {results['warnings'][0].removeprefix('mine: ')}" in result.stderr
    assert expected in results["warnings"][0]
    assert result.output.index(expected) < result.output.index("per-song")


@pytest.fixture
def taught(collection, tmp_path, monkeypatch):
    """Let every checkpoint have been trained on two songs of the four."""
    heard = [identity({}, audio_digest(collection / name)) for name in ("a/one.wav", "four.wav")]
    write_list(tmp_path, {"any": union(heard)})
    monkeypatch.setattr(leaks, "read_list", lambda checkpoint: read_list(tmp_path / "any"))


def test_a_system_trained_on_the_reference_is_marked(evaluate, taught, tmp_path):
    result, results = evaluate("--plugin", "global-mean")
    assert results["systems"][0]["trained_on"] == {"songs": 2, "artists": 0, "of": 4}
    assert "trained on 2 of 4 songs" in result.stdout
    assert "trained on 2 of 4 songs" in (tmp_path / "out/table.md").read_text()
    with (tmp_path / "out/per_song.csv").open() as file:
        marks = {row["song"]: row["trained_on"] for row in csv.DictReader(file)}
    assert marks == dict.fromkeys(("a/one.wav", "four.wav"), "song") | dict.fromkeys(
        ("a/two.wav", "b/three.wav"), "no"
    )


@pytest.fixture
def by_damff(estimates, collection):
    """Return estimates of the weights that are bundled for ``damff``."""
    folder = estimates(lambda v: v, "damff")
    for path in folder.rglob("*.jams"):
        content = json.loads(path.read_text())
        digest = plugin_host().info("damff").checkpoint_sha256
        content["annotations"][0]["sandbox"]["checkpoint_sha256"] = digest
        path.write_text(json.dumps(content))
    return folder


def test_songs_that_were_trained_on_are_told_of_and_can_be_left_out(evaluate, taught, by_damff):
    result, results = evaluate("--estimates", by_damff)
    assert "damff: trained on 2 of 4 songs (a/one.wav, four.wav)" in results["warnings"][0]
    assert "--unheard" in result.stderr
    result, results = evaluate("--estimates", by_damff, "--unheard")
    assert results["reference"]["songs"] == 2
    assert results["systems"][0]["trained_on"] == {"songs": 0, "artists": 0, "of": 2}
    assert "damff" not in "".join(results["warnings"])


def test_a_system_of_unknown_training_is_trusted_with_a_warning(evaluate, estimates):
    result, results = evaluate("--estimates", estimates(lambda v: v), "--unheard")
    assert results["reference"]["songs"] == 4
    assert "mine: what it was trained on is not known" in results["warnings"][0]


def test_json_is_results_json_and_nothing_else(evaluate, estimates):
    result, results = evaluate("--estimates", estimates(lambda v: v), "--json", "--quiet")
    assert json.loads(result.stdout) == results
    assert result.stderr == ""


def test_unreadable_estimates_are_told_and_left_out(evaluate, estimates):
    folder = estimates(lambda v: v)
    (folder / "four.jams").write_text("no json")
    result, results = evaluate("--estimates", folder)
    assert "four.jams: left out" in result.stderr
    assert results["systems"][0]["songs"] == 3


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [((), "nothing to compare"), (("--plugin", "nosuch"), "no extractor is called 'nosuch'")],
)
def test_wrong_use_is_one_line(collection, tmp_path, capsys, arguments, expected):
    from mer_plugins.cli import run

    words = ["evaluate", "--reference", str(collection), "-o", str(tmp_path / "o"), *arguments]
    with pytest.raises(SystemExit) as exit:
        run(mer, "mer", words)
    assert exit.value.code == 2
    assert expected in capsys.readouterr().err


def test_a_system_that_covers_nothing_is_left_out_and_the_others_are_scored(evaluate, estimates):
    late = estimates(lambda v: v, "late", "late")
    for path in late.rglob("*.jams"):
        jams = json.loads(path.read_text())
        for row in jams["annotations"][0]["data"]:
            row["time"] += 900
        path.write_text(json.dumps(jams))
    good = estimates(lambda v: 0.9 * v, "good", "good")
    result, results = evaluate("--estimates", late, "--estimates", good)
    assert "warning: left out: late: no song has a labelled half second" in result.stderr
    assert [s["name"] for s in results["systems"]] == ["good", "global-mean", "mean-trajectory"]
    assert {t["against"] for t in results["tests"]} == {"good"}


def test_songs_whose_labels_cannot_be_used_are_told_of(evaluate, estimates, collection):
    jams = json.loads((collection / "four.jams").read_text())
    for row in jams["annotations"][0]["data"]:
        row["duration"] = 0.1
    (collection / "four.jams").write_text(json.dumps(jams))
    gaps = json.loads((collection / "a/one.jams").read_text())
    gaps["annotations"][0]["data"][3]["value"] = [None, None]
    (collection / "a/one.jams").write_text(json.dumps(gaps))
    result, results = evaluate("--estimates", estimates(lambda v: v))
    assert "four.wav: left out: its labels cover no half second" in result.stderr
    assert results["reference"]["songs"] == 3 and results["reference"]["frames"] == 23


def test_labels_of_another_scale_are_what_the_error_tells(collection, tmp_path):
    for i, name in enumerate(NAMES):
        write_jams(collection / f"{name}.jams", annotation(Scale(1, 9).from_unit(truth(i))))
    words = ["evaluate", "--reference", collection, "--plugin", "global-mean", "-o", tmp_path / "o"]
    result = CliRunner().invoke(mer, list(map(str, words)))
    assert result.exit_code
    assert "4 have others, such as" in str(result.exception) + result.output


def test_a_collection_without_labels_is_one_line(tmp_path, song, capsys):
    from mer_plugins.cli import run

    song(tmp_path / "c/a.wav", 1.0)
    words = ["evaluate", "--reference", str(tmp_path / "c"), "-o", "o", "--plugin", "global-mean"]
    with pytest.raises(SystemExit):
        run(mer, "mer", words)
    assert "no recording has a human curve" in capsys.readouterr().err


def test_predictors_that_do_not_listen_are_fitted_by_folds(evaluate, tmp_path):
    table = tmp_path / "songs.csv"
    table.write_text("song_id,fold\none,0\ntwo,0\nthree,1\nfour,1\n")
    result, results = evaluate("--plugin", "global-mean", "--folds-csv", table)
    assert results["systems"][0]["source"] == "global-mean, fitted on the other folds of songs.csv"
    assert results["systems"][0]["trained_on"] == {"songs": 0, "artists": 0, "of": 4}
    means = [np.round(truth(i), 6).mean(axis=0) for i in range(4)]
    other = [np.mean(means[2:], axis=0)] * 2 + [np.mean(means[:2], axis=0)] * 2
    errors = [np.round(truth(i), 6) - other[i] for i in range(4)]
    expected = np.sqrt(np.mean(np.concatenate(errors)[:, 1] ** 2))
    assert pooled(results, "global-mean", "arousal", "rmse") == pytest.approx(expected, abs=1e-6)


def test_a_training_run_stands_beside_plugins(evaluate, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    names = np.array([name.rsplit("/")[-1] for name in NAMES])
    values = np.concatenate([truth(i) for i in range(4)])
    np.savez_compressed(run / "estimates.npz", names=names, lengths=np.full(4, 8), values=values)
    features = {"sample_rate": 8_000, "segment_s": 0.5}
    settings = {"plugin": "global-mean", "recipe": {"features": features}}
    (run / "config.json").write_text(json.dumps({"settings": settings}))
    result, results = evaluate("--plugin", "global-mean", "--estimates", run)
    names = [s["name"] for s in results["systems"]]
    assert names == ["global-mean", "run/global-mean", "mean-trajectory"]
    assert pooled(results, "run/global-mean") == pytest.approx(1, abs=1e-6)
    assert any(t["system"] == "run/global-mean" for t in results["tests"])


def test_quadrants_are_a_table_of_areas(evaluate, collection, estimates):
    folder = estimates(lambda v: v)
    for i, name in enumerate(NAMES):
        signs = truth(i).mean(axis=0) > 0
        quadrant = {(True, True): "Q1", (False, True): "Q2", (False, False): "Q3"}
        value = quadrant.get(tuple(map(bool, signs)), "Q4")
        tag = annotation(truth(i)) | {"namespace": "tag_open"}
        tag["data"] = [{"time": 0.0, "duration": SECONDS, "value": value, "confidence": None}]
        write_jams(collection / f"{name}.jams", tag)
    result, results = evaluate("--estimates", folder)
    assert results["reference"]["quadrants"] == 4
    areas = results["systems"][0]["scores"]["quadrants"]
    kinds = np.array([truth(i).mean(axis=0) > 0 for i in range(4)])
    for d, dimension in enumerate(("valence", "arousal")):
        expected = 1.0 if len(set(kinds[:, d])) == 2 else None
        assert areas[dimension]["auc"]["value"] == expected
    assert 1.0 in [areas[d]["auc"]["value"] for d in areas], "the songs differ in one at least"
    assert "AUC" in result.stdout and "CCC" not in result.stdout
