"""Training runs: killed and resumed, stopped early, one network a dimension, five folds."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace

import audmetric
import numpy as np
import pytest
import torch
from killed_runs import Killed, Killer
from safetensors.torch import load_file

from damff import DAMFF
from damff.extractor import DAMFFEnsemble
from damff.model import DAMFFConfig, DAMFFNet
from damff.recipes import TRAINING
from mer_plugins import Audio
from mer_plugins.agreement import area_under_curve
from mer_plugins.emotion import aggregate
from mer_plugins.errors import CheckpointError
from mer_plugins.sequence import run_folder
from mer_plugins.sequence.augment import Augmentation
from mer_plugins.sequence.calibration import Calibration, fit_calibration
from mer_plugins.sequence.checkpoint import load_checkpoint
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.fit import fit
from mer_plugins.sequence.fit_folds import fit_folds
from mer_plugins.sequence.folds import DataError
from mer_plugins.sequence.logmel import LogMelConfig
from mer_plugins.sequence.losses import TrainingError
from mer_plugins.sequence.plan import Listener, Plan
from mer_plugins.sequence.processor import has_bfloat16
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.run_folder import RunError
from mer_plugins.sequence.scores import collection_scores
from mer_plugins.sequence.training import Trainer
from mer_plugins.trained_on import identity, read_list, union

FEATURES = LogMelConfig(
    sample_rate=8_000, n_fft=256, hop_length=320, n_mels=16, frames_per_segment=12
)
RECIPE = Recipe(
    losses=("ccc", "rmse"),
    window_s=4 * FEATURES.segment_s,
    hops_s=(FEATURES.segment_s, 2 * FEATURES.segment_s),
    epochs=4,
    batch_size=4,
    learning_rate=3e-3,
    schedule="cosine",
    average_decay=0.5,
    augmentation=Augmentation(gain_db=3, noise=0.5, shift_frames=3, time_masks=1, reencoded=0.5),
    copy_bit_rates=(64_000,),
    quadrant_weight=1.0,
    features=FEATURES,
)


def tracks(count=10, length=6, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        labels = np.full((length, 2), i / count - 0.5, dtype=np.float32)
        labels[:, 1] *= -1
        segments = labels[:, :1, None] + 0.1 * rng.standard_normal((length, 16, 12))
        segments = segments.astype(np.float32)
        mask = np.ones(length, bool)
        made.append(LabelledTrack(str(i), segments, labels, mask, copies=(segments + 0.05,)))
    return made


def plan(recipe=RECIPE, **settings):
    config = TRAINING.config({"hidden": 8, "dropout": 0.2} | settings, recipe)
    return Plan("damff", TRAINING, config, recipe)


def weights(run):
    return load_file(run / "model.safetensors")


@pytest.mark.parametrize(
    ("per_dimension", "at_step"), [(False, 1), (False, 4), (False, 5), (True, 5), (True, 13)]
)
def test_a_killed_run_goes_on_to_the_same_weights(tmp_path, per_dimension, at_step):
    recipe = replace(RECIPE, per_dimension=per_dimension, validation=0.2, patience=3)
    fit(plan(recipe), tracks(), tracks(2, seed=1), tmp_path / "whole")
    with pytest.raises(Killed):
        fit(plan(recipe), tracks(), [], tmp_path / "killed", listener=Killer(at_step))
    torch.manual_seed(at_step)
    fitted = fit(plan(recipe), tracks(), [], tmp_path / "killed", resume=True)
    whole, killed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert whole.keys() == killed.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, killed[name]), name
    assert fitted.checkpoint.per_dimension == per_dimension


def test_what_a_run_leaves_behind(tmp_path):
    held_out = tracks(3, seed=1)
    scores = fit(plan(), tracks(), held_out, tmp_path).scores
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["scores"] == scores and run["recipe"]["epochs"] == 4
    assert run["recordings"] == {"trained": 10, "held_out": 3}
    assert run["versions"]["torch"] == torch.__version__
    assert {"numpy", "soundfile", "soxr", "av", "ducc0"} <= set(run["versions"])
    assert run["device"] == "cpu" and run["bfloat16"] == has_bfloat16(torch.device("cpu"))
    assert run["threads"] == torch.get_num_threads()
    with (tmp_path / "per_song.csv").open() as file:
        songs = list(csv.DictReader(file))
    assert [row["song"] for row in songs] == ["0", "1", "2"]
    assert np.mean([float(row["valence ccc"]) for row in songs]) == pytest.approx(
        scores["per-song valence ccc"]
    )
    with (tmp_path / "epochs.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1.0", "2.0", "3.0", "4.0"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    estimates = np.load(tmp_path / "estimates.npz", allow_pickle=False)
    assert estimates["names"].tolist() == ["0", "1", "2"]
    assert estimates["values"].shape == (18, 2)


def known(count, first=0):
    own = [
        identity({"file_metadata": {"identifiers": {"x": str(first + i)}}}) for i in range(count)
    ]
    return [replace(t, identity=one) for t, one in zip(tracks(count), own, strict=True)]


def test_a_run_lists_the_songs_its_weights_and_those_before_were_trained_on(tmp_path):
    first, more = known(6), known(6, first=4)
    recipe = replace(RECIPE, epochs=1)
    fit(plan(recipe), first, [], tmp_path / "a")
    begun = tmp_path / "a" / "model.safetensors"
    assert read_list(begun) == union(t.identity for t in first)
    fit(replace(plan(recipe), start=begun), more, [], tmp_path / "b")
    both = union(t.identity for t in [*first, *more])
    assert read_list(tmp_path / "b" / "model.safetensors") == both
    (tmp_path / "a" / "trained_on.json").unlink()
    fit(replace(plan(recipe), start=begun), more, [], tmp_path / "c")
    assert read_list(tmp_path / "c" / "model.safetensors") is None


def test_folds_list_what_each_model_and_all_together_were_trained_on(tmp_path):
    songs, folds = known(6), [0, 0, 1, 1, 2, 2]
    fit_folds(plan(replace(RECIPE, epochs=1)), songs, folds, tmp_path)
    for fold in range(3):
        expected = union(t.identity for t, of in zip(songs, folds, strict=True) if of != fold)
        assert read_list(tmp_path / f"fold-{fold}.safetensors") == expected
        assert read_list(tmp_path / f"fold-{fold}" / "model.safetensors") == expected
    assert read_list(tmp_path / "ensemble.safetensors") == union(t.identity for t in songs)


def test_another_run_is_not_overwritten_nor_mixed(tmp_path):
    fit(plan(), tracks(), [], tmp_path)
    before = weights(tmp_path)
    with pytest.raises(RunError, match="holds a training run: add --resume"):
        fit(plan(), tracks(), [], tmp_path)
    with pytest.raises(RunError, match="begun with another recipe: --resume needs the same"):
        fit(plan(replace(RECIPE, seed=5)), tracks(), [], tmp_path, resume=True)
    with pytest.raises(RunError, match="another recordings"):
        fit(plan(), tracks()[:5], [], tmp_path, resume=True)
    torch.testing.assert_close(weights(tmp_path), before, rtol=0, atol=0)


def test_a_start_that_is_refused_leaves_nothing_and_does_not_stand_in_the_way(tmp_path):
    run, data, folds = tmp_path / "run", tracks(6), [0, 1] * 3
    with pytest.raises(RunError, match="no recording is in fold 7"):
        fit_folds(plan(), data, folds, run, only=[7])
    wrong = plan(replace(RECIPE, learning_rate=1e30, batch_size=2))
    with pytest.raises(TrainingError):
        fit_folds(wrong, data, folds, run)
    with pytest.raises(TrainingError):
        fit(replace(wrong, recipe=replace(wrong.recipe, per_dimension=True)), data, [], run)
    assert not run.exists()
    run.mkdir()
    with pytest.raises(TrainingError):
        fit(wrong, data, [], run)
    assert not list(run.iterdir())
    fit(plan(replace(RECIPE, epochs=1)), data, [], run)


LIMITED = """
import resource, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from test_fit import plan, tracks
from mer_plugins.sequence.fit import fit
data, folder = tracks(), Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    fit(plan(), data, [], folder)
except Exception as exc:
    print(type(exc).__name__, exc)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_full_disk_is_one_line_and_leaves_no_run(tmp_path):
    words = [sys.executable, "-c", LIMITED, tmp_path / "run", *sys.path]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True)
    assert re.match(r"RunError .*: File too large: the training stopped: put that", done.stdout), (
        done.stdout + done.stderr
    )
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"file.*run: Not a directory: the training stopped"):
        fit(plan(), tracks(), [], tmp_path / "file" / "run")


def test_an_error_after_a_pass_keeps_what_was_done(tmp_path):
    class Failing(Listener):
        def epoch(self, row):
            raise ValueError("a bar that fails")

    recipe = replace(RECIPE, epochs=1)
    with pytest.raises(ValueError, match="a bar that fails"):
        fit(plan(recipe), tracks(), [], tmp_path, listener=Failing())
    with pytest.raises(RunError, match="holds a training run"):
        fit(plan(recipe), tracks(), [], tmp_path)
    fit(plan(recipe), tracks(), [], tmp_path, resume=True, listener=Killer(1))


def test_a_run_does_not_go_on_with_other_labels(tmp_path):
    recipe, data = replace(RECIPE, epochs=1), tracks(4)
    other = [replace(track, labels=-track.labels) for track in data]
    fit(plan(recipe), data, [], tmp_path / "one")
    with pytest.raises(RunError, match="begun with another labels"):
        fit(plan(recipe), other, [], tmp_path / "one", resume=True)
    fit_folds(plan(recipe), data, [0, 1] * 2, tmp_path / "folds")
    with pytest.raises(RunError, match="begun with another labels"):
        fit_folds(plan(recipe), other, [0, 1] * 2, tmp_path / "folds", resume=True)


def test_a_commit_is_that_of_this_code_and_of_no_repository_around_it(tmp_path, monkeypatch):
    def git(*arguments):
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    code = tmp_path / "site" / "run_folder.py"
    code.parent.mkdir()
    code.touch()
    monkeypatch.setattr(run_folder, "__file__", str(code))
    git("init")
    git("commit", "--allow-empty", "-m", "theirs")
    assert run_folder.git_commit() == ""
    git("add", "site")
    git("commit", "-m", "ours")
    assert len(run_folder.git_commit()) == 40


def test_a_damaged_state_is_told(tmp_path):
    fit(plan(), tracks(), [], tmp_path)
    (tmp_path / "state.pt").write_bytes(b"PK nothing")
    with pytest.raises(RunError, match=r"state\.pt: cannot be read: delete it"):
        fit(plan(), tracks(), [], tmp_path, resume=True)


def test_early_stopping_keeps_the_best_pass_and_looks_at_validation_alone(tmp_path):
    recipe = replace(RECIPE, epochs=30, learning_rate=0.1, validation=0.3, patience=2)
    fit(plan(recipe), tracks(), tracks(4, seed=9), tmp_path / "a")
    with (tmp_path / "a" / "epochs.csv").open() as file:
        losses = [float(row["validation loss"]) for row in csv.DictReader(file)]
    best = int(np.argmin(losses))
    assert len(losses) == min(30, best + 3) < 30
    other_test = [replace(t, labels=-t.labels) for t in tracks(4, seed=9)]
    fit(plan(recipe), tracks(), other_test, tmp_path / "b")
    torch.testing.assert_close(weights(tmp_path / "a"), weights(tmp_path / "b"), rtol=0, atol=0)


def of_artists(*artists):
    return [replace(t, group=artist) for t, artist in zip(tracks(6), artists * 6, strict=False)]


@pytest.mark.parametrize("seed", range(3))
def test_early_stopping_on_a_few_songs_looks_at_one_artist_or_says_that_it_cannot(tmp_path, seed):
    recipe = replace(RECIPE, epochs=1, validation=0.1, patience=2, seed=seed)
    fit(plan(recipe), of_artists("a", "b"), [], tmp_path / "two")
    with (tmp_path / "two" / "epochs.csv").open() as file:
        assert float(next(csv.DictReader(file))["validation loss"])
    with pytest.raises(DataError, match="artists with curves to train on: 1.*patience=0"):
        fit(plan(recipe), of_artists("a"), [], tmp_path / "one")


def test_folds_that_leave_nothing_to_train_on_are_told_before_any_training(tmp_path):
    with pytest.raises(DataError, match="every recording is in fold 2, so that none is left"):
        fit_folds(plan(), tracks(4), [2] * 4, tmp_path / "run")
    recipe = replace(RECIPE, validation=0.1, patience=2)
    data, folds = of_artists("a", "b", "c"), [0, 1, 1] * 2
    with pytest.raises(DataError, match="artists with curves to train on: 1"):
        fit_folds(plan(recipe), data, folds, tmp_path / "run", listener=lambda fold: Killer(1))
    assert not (tmp_path / "run").exists()


def test_one_network_a_dimension_trains_each_on_its_own_label(tmp_path):
    recipe = replace(RECIPE, per_dimension=True, losses=("mse", "mse"))
    fit(plan(recipe), tracks(), [], tmp_path / "a")
    swapped = [replace(t, labels=t.labels * [1, -0.5]) for t in tracks()]
    fit(plan(recipe), swapped, [], tmp_path / "b")
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    for name in a:
        same = torch.equal(a[name], b[name])
        if "valence" in name or "normaliser" in name:
            assert same, name
    assert not torch.equal(a["model.arousal.head.weight"], b["model.arousal.head.weight"])
    assert (tmp_path / "a" / "valence" / "epochs.csv").exists()


def test_one_network_a_dimension_extracts_with_a_hop_each(tmp_path):
    recipe = replace(RECIPE, per_dimension=True)
    fitted = fit(plan(recipe), tracks(), tracks(1, length=23, seed=3), tmp_path)
    extractor = DAMFF(checkpoint=tmp_path / "model.safetensors", device="cpu")
    assert extractor.hops == (1, 2) and extractor.window == 4
    rng = np.random.default_rng(0)
    audio = Audio(rng.uniform(-0.5, 0.5, 8_000 * 5).astype(np.float32), 8_000)
    curve = extractor(audio)
    assert len(curve) == 11 and np.isfinite(curve.values).all()
    assert fitted.estimates["0"].shape == (23, 2)


def test_what_a_run_predicts_is_what_the_extractor_gives(tmp_path):
    rng = np.random.default_rng(0)
    audio = Audio(rng.uniform(-0.5, 0.5, 8_000 * 5).astype(np.float32), 8_000)
    fit(plan(), tracks(), [], tmp_path)
    extractor = DAMFF(checkpoint=tmp_path / "model.safetensors", device="cpu")
    segments = extractor.front_end(audio.samples)
    t = len(segments)
    track = LabelledTrack("x", segments, np.zeros((t, 2), np.float32), np.ones(t, bool))
    fitted = fit(plan(), tracks(), [track], tmp_path / "same")
    np.testing.assert_allclose(fitted.estimates["x"], extractor(audio).values, atol=1e-5)


def test_every_song_is_scored_by_a_model_that_never_saw_it_and_all_form_an_ensemble(tmp_path):
    data, folds = tracks(9), [0, 1, 2] * 3
    scores = fit_folds(plan(), data, folds, tmp_path)
    assert "pooled valence ccc" in scores
    config = json.loads((tmp_path / "fold-1" / "config.json").read_text())["settings"]
    assert config["held_out"] == ["1", "4", "7"]
    assert not set(config["recordings"]) & set(config["held_out"])
    rng = np.random.default_rng(0)
    audio = Audio(rng.uniform(-0.5, 0.5, 8_000 * 6).astype(np.float32), 8_000)
    members = np.stack(
        [
            DAMFF(checkpoint=tmp_path / f"fold-{k}.safetensors", device="cpu")(audio).values
            for k in range(3)
        ]
    )
    curve = DAMFFEnsemble(checkpoint=tmp_path / "ensemble.safetensors", device="cpu")(audio)
    np.testing.assert_allclose(curve.values, members.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(curve.std, members.std(axis=0, ddof=1), atol=1e-6)
    assert members.std(axis=0).max() > 1e-4, "members differ"
    with pytest.raises(CheckpointError, match="holds an ensemble of 3 models: expected one"):
        DAMFF(checkpoint=tmp_path / "ensemble.safetensors")
    with pytest.raises(CheckpointError, match="holds one model: expected an ensemble"):
        DAMFFEnsemble(checkpoint=tmp_path / "fold-0" / "model.safetensors")


def test_a_member_is_its_fold_mapped_by_what_the_other_folds_show(tmp_path):
    data, folds = tracks(9), [0, 1, 2] * 3
    fit_folds(plan(), data, folds, tmp_path)
    archive = np.load(tmp_path / "estimates.npz")
    values = np.split(archive["values"], np.cumsum(archive["lengths"])[:-1])
    estimates = dict(zip(archive["names"].tolist(), values, strict=True))
    raw = {}
    for fold in range(3):
        own = np.load(tmp_path / f"fold-{fold}" / "estimates.npz")
        parts = np.split(own["values"], np.cumsum(own["lengths"])[:-1])
        raw |= dict(zip(own["names"].tolist(), parts, strict=True))
    others = [t for t, fold in zip(data, folds, strict=True) if fold != 1]
    found = fit_calibration(others, raw)
    np.testing.assert_allclose(estimates["4"], found(raw["4"]), atol=1e-12)
    (member,) = load_checkpoint(tmp_path / "fold-1.safetensors", "damff")
    assert member.calibration == found
    assert load_checkpoint(tmp_path / "ensemble.safetensors", "damff")[1].calibration == found


def test_calibration_lies_between_the_largest_concordance_and_the_smallest_error():
    rng = np.random.default_rng(0)
    reference = rng.normal(0.1, 0.2, (400, 2))
    estimate = 0.3 * reference + rng.normal(-0.2, 0.1, (400, 2))
    ones = np.ones(400, bool)
    track = LabelledTrack("a", np.zeros((400, 1, 1)), reference.astype(np.float32), ones)
    found = fit_calibration([track], {"a": estimate})
    mapped = found(estimate)
    np.testing.assert_allclose(mapped.mean(axis=0), reference.mean(axis=0), atol=1e-6)
    for d in range(2):
        r = audmetric.pearson_cc(reference[:, d], mapped[:, d])
        assert mapped[:, d].std() == pytest.approx(np.sqrt(r) * reference[:, d].std(), rel=1e-5)
        shape = (mapped[:, d] - mapped[:, d].mean()) / mapped[:, d].std() * reference[:, d].std()
        widest, middle, narrowest = (
            reference[:, d].mean() + width * shape for width in (1, np.sqrt(r), r)
        )
        np.testing.assert_allclose(mapped[:, d], middle, atol=1e-6)
        concordance = [
            audmetric.concordance_cc(reference[:, d], x) for x in (widest, middle, narrowest)
        ]
        error = [
            audmetric.mean_squared_error(reference[:, d], x) for x in (widest, middle, narrowest)
        ]
        assert concordance == sorted(concordance, reverse=True)
        assert error == sorted(error, reverse=True)
        for offset in (0.02, -0.02):
            assert audmetric.concordance_cc(reference[:, d], middle + offset) < concordance[1]


def test_calibration_of_a_model_that_hears_nothing_keeps_half_of_the_spread():
    reference = np.array([[0.5, 0.5], [-0.5, -0.5]] * 8, np.float32)
    track = LabelledTrack("a", np.zeros((16, 1, 1)), reference, np.ones(16, bool))
    found = fit_calibration([track], {"a": -0.2 * reference.astype(float)})
    np.testing.assert_allclose(found.slope, 2.5)


def test_calibration_weighs_recordings_alike_and_survives_what_cannot_be_matched():
    long, short = np.full((30, 2), 0.5, np.float32), np.full((2, 2), -0.5, np.float32)
    data = [
        LabelledTrack(n, np.zeros((len(y), 1, 1)), y, np.ones(len(y), bool))
        for n, y in [("long", long), ("short", short)]
    ]
    varied = {"long": np.full((30, 2), 0.2), "short": np.full((2, 2), 0.1)}
    np.testing.assert_allclose(fit_calibration(data, varied).slope, 10.0)
    constant = {"long": np.full((30, 2), 0.2), "short": np.full((2, 2), 0.2)}
    found = fit_calibration(data, constant)
    assert found.slope == (1.0, 1.0)
    np.testing.assert_allclose(found.offset, -0.2)
    assert fit_calibration([], {}) == Calibration()


def test_a_start_is_where_training_goes_on_from(tmp_path):
    fit(plan(), tracks(), [], tmp_path / "first")
    start = tmp_path / "first" / "model.safetensors"
    still = replace(RECIPE, epochs=1, learning_rate=1e-12, schedule="constant", average_decay=0.0)
    fit(replace(plan(still), start=start), tracks(seed=1), [], tmp_path / "second")
    first, second = load_file(start), load_file(tmp_path / "second" / "model.safetensors")
    names = [name for name in first if "running" not in name and "batches" not in name]
    torch.testing.assert_close(
        {n: first[n] for n in names}, {n: second[n] for n in names}, rtol=0, atol=1e-6
    )


def test_a_start_that_heard_what_is_left_out_or_differs_is_refused(tmp_path):
    data = tracks()
    fit(plan(), data[:8], data[8:], tmp_path / "first")
    start = tmp_path / "first" / "model.safetensors"
    with pytest.raises(RunError, match="was trained on 1 of the recordings now left out.*7"):
        fit(replace(plan(), start=start), data[:7], data[7:], tmp_path / "leak")
    other = replace(RECIPE, features=replace(FEATURES, n_fft=512))
    with pytest.raises(
        CheckpointError, match=r"front end or form is another .*\(n_fft 256 -> 512\)"
    ):
        fit(replace(plan(other), start=start), data[:8], data[8:], tmp_path / "other")
    with pytest.raises(CheckpointError, match="cannot begin as this one"):
        fit(replace(plan(hidden=9), start=start), data[:8], data[8:], tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_start_knows_songs_by_longer_and_shorter_names(tmp_path):
    recipe, heard = replace(RECIPE, epochs=1), known(6)
    fit(plan(recipe), heard, [], tmp_path / "first")
    start = replace(plan(recipe), start=tmp_path / "first" / "model.safetensors")
    same = replace(heard[3], name="deam/3")
    with pytest.raises(RunError, match="was trained on 1 of the recordings now left out.*deam/3"):
        fit(start, heard[:3], [same], tmp_path / "leak")
    other = replace(known(1, first=50)[0], name="4q/3")
    fit(start, heard[:3], [other], tmp_path / "other")


def test_recordings_that_share_a_name_are_refused(tmp_path):
    twins = [*tracks(3), *tracks(1)]
    with pytest.raises(RunError, match="1 names stand for several recordings, such as 0"):
        fit_folds(plan(), twins, [0, 1, 0, 1], tmp_path)
    with pytest.raises(RunError, match="stand for several"):
        fit(plan(), tracks(2), twins, tmp_path)


def test_folds_go_on_from_the_folds_of_another_run(tmp_path):
    data, folds = tracks(6), [0, 1] * 3
    fit_folds(plan(), data, folds, tmp_path / "first")
    short = replace(RECIPE, epochs=1)
    fit_folds(replace(plan(short), start=tmp_path / "first"), data, folds, tmp_path / "second")
    settings = json.loads((tmp_path / "second" / "config.json").read_text())["settings"]
    digest = hashlib.sha256((tmp_path / "first" / "config.json").read_bytes())
    assert settings["start"] == digest.hexdigest()
    of_fold = json.loads((tmp_path / "second" / "fold-1" / "config.json").read_text())["settings"]
    digest = hashlib.sha256((tmp_path / "first" / "fold-1" / "model.safetensors").read_bytes())
    assert of_fold["start"] == digest.hexdigest()
    with pytest.raises(RunError, match="was trained on"):
        fit_folds(
            replace(plan(short), start=tmp_path / "first"), data, [1, 0] * 3, tmp_path / "third"
        )


def test_folds_go_on_where_they_were_killed(tmp_path):
    data, folds = tracks(6), [0, 1] * 3
    fit_folds(plan(), data, folds, tmp_path / "whole")
    with pytest.raises(Killed):
        fit_folds(plan(), data, folds, tmp_path / "killed", listener=lambda fold: Killer(2 - fold))
    fit_folds(plan(), data, folds, tmp_path / "killed", resume=True)
    first, second = (
        load_file(tmp_path / run / "ensemble.safetensors") for run in ("whole", "killed")
    )
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_quadrants_alone_order_the_recordings():
    rng = np.random.default_rng(0)
    data = []
    for i in range(24):
        quadrant = ((1.0, 1.0), (-1.0, 1.0), (-1.0, -1.0), (1.0, -1.0))[i % 4]
        segments = 0.3 * rng.standard_normal((4, 16, 12))
        segments[:, :8] += quadrant[0]
        segments[:, 8:] += quadrant[1]
        nothing = np.zeros((4, 2), np.float32), np.zeros(4, bool)
        data.append(LabelledTrack(str(i), segments.astype(np.float32), *nothing, quadrant))
    torch.manual_seed(0)
    quiet = replace(RECIPE, augmentation=Augmentation(), epochs=25)
    trainer = Trainer(DAMFFNet(DAMFFConfig(n_mels=16, n_frames=12, hidden=8)), quiet, data)
    for _ in range(25):
        trainer.epoch()
    estimates = {track.name: trainer.predict(track) for track in data}
    scores = collection_scores(data, estimates)
    assert scores["quadrant valence auc"] > 0.95 and scores["quadrant arousal auc"] > 0.95


def test_areas_under_curves_are_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(20):
        positive, estimate = rng.random(30) < 0.4, rng.integers(0, 8, 30).astype(float)
        found = area_under_curve(positive, estimate)
        assert found == pytest.approx(metrics.roc_auc_score(positive, estimate))
    assert np.isnan(area_under_curve(np.ones(3, bool), np.arange(3.0)))


def test_scores_of_a_run_are_those_of_the_common_aggregation():
    data = tracks(5, seed=2)
    rng = np.random.default_rng(3)
    estimates = {t.name: t.labels + 0.1 * rng.standard_normal(t.labels.shape) for t in data}
    times = np.arange(6) * 0.5
    songs = [(times, t.labels, times, np.clip(estimates[t.name], -1, 1)) for t in data]
    expected = aggregate(songs, reference_hop_s=0.5)
    scores = collection_scores(data, {k: np.clip(v, -1, 1) for k, v in estimates.items()})
    assert list(scores)[:2] == ["pooled valence ccc", "pooled valence rmse"]
    assert scores == pytest.approx({name: expected[name] for name in scores}, abs=1e-6)
