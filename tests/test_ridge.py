"""The ridge on features: its arithmetic, its file, its fitting and its scores."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import audmetric
import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mer_adapters.featured_songs import read_songs
from mer_adapters.fit_ridge import command
from mer_adapters.musicnn_heads import BUNDLED, EMBEDDING_SIZE, FEATURES
from mer_adapters.ridge import RidgeHead, file_format, load_ridge, save_ridge
from mer_adapters.ridge_fitting import (
    FeaturedSong,
    FitError,
    cross_validate,
    fit_ridge,
    fit_songs,
    song_means,
    song_scores,
)
from mer_plugins import EmotionCurve
from mer_plugins.errors import CheckpointError
from mer_plugins.fingerprints import audio_digest
from mer_plugins.host import resource_path


def made_songs(count=60, seed=0, noise=0.05):
    """Songs whose levels are a linear function of a few of the embedding's numbers."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((200, 2))
    weights[:5] = rng.normal(0, 0.1, (5, 2))
    songs = []
    for n in range(count):
        embeddings = rng.normal(3, 1, 200) + rng.normal(0, 0.1, (8, 200))
        level = (embeddings.mean(axis=0) - 3) @ weights + rng.normal(0, noise, 2)
        values = (level + rng.normal(0, 0.02, (20, 2))).clip(-1, 1)
        curve = EmotionCurve(np.arange(20) * 0.5, values, 0.5)
        songs.append(FeaturedSong(f"{n:04d}_30.0s", embeddings, curve, n % 5))
    return songs


# Arithmetic and file


def test_the_folded_weights_give_what_the_pipeline_gives():
    embeddings, targets = song_means(made_songs())
    head = fit_ridge(embeddings, targets, np.arange(len(targets)) % 5)
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha=head.training["alpha"]))
    expected = pipeline.fit(embeddings, targets).predict(embeddings)
    np.testing.assert_allclose(head(embeddings), expected, atol=1e-10)


def test_the_mean_of_its_values_is_its_value_of_the_mean():
    rng = np.random.default_rng(0)
    head = RidgeHead(rng.normal(size=(200, 2)), rng.normal(size=2))
    patches = rng.normal(size=(15, 200))
    np.testing.assert_allclose(head(patches).mean(axis=0), head(patches.mean(axis=0)), atol=1e-12)


def test_there_and_back_through_a_file(tmp_path):
    rng = np.random.default_rng(0)
    head = RidgeHead(rng.normal(size=(200, 2)), rng.normal(size=2), {"songs": 3})
    save_ridge(head, tmp_path / "a.safetensors", FEATURES)
    found = load_ridge(tmp_path / "a.safetensors", FEATURES, EMBEDDING_SIZE)
    np.testing.assert_allclose(found.weights, head.weights, rtol=1e-6)
    np.testing.assert_allclose(found.bias, head.bias, rtol=1e-6)
    assert found.training == {"songs": 3}


def test_the_same_head_gives_the_same_bytes(tmp_path):
    head = RidgeHead(np.eye(200, 2), np.zeros(2), {"songs": 3})
    # The library orders metadata at random: one time in two it would happen to be alike.
    for i in range(12):
        save_ridge(head, tmp_path / f"{i}.safetensors", FEATURES)
    assert len({path.read_bytes() for path in tmp_path.glob("*.safetensors")}) == 1


GOOD = {"weights": np.zeros((200, 2), np.float32), "bias": np.zeros(2, np.float32)}
RECORD = {"format": file_format(FEATURES), "training": "{}"}


@pytest.mark.parametrize(
    "arrays, metadata, line",
    [
        (GOOD, {**RECORD, "format": "other"}, "format is 'other'"),
        (GOOD, {"format": file_format(FEATURES)}, "record of the training is damaged"),
        (GOOD, {**RECORD, "training": "[1]"}, "record of the training is damaged"),
        ({"bias": GOOD["bias"]}, RECORD, "expected .*weights"),
        ({**GOOD, "weights": np.zeros((2, 200), np.float32)}, RECORD, r"\(2, 200\)"),
        ({**GOOD, "bias": np.full(2, np.nan, np.float32)}, RECORD, "hold NaN"),
    ],
)
def test_a_file_that_is_no_head_is_refused(tmp_path, arrays, metadata, line):
    path = tmp_path / "a.safetensors"
    save_file(arrays, path, metadata=metadata)
    with pytest.raises(CheckpointError, match=line):
        load_ridge(path, FEATURES, EMBEDDING_SIZE)


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 a pickle"])
def test_a_missing_or_damaged_file_is_one_clear_line(tmp_path, content):
    path = tmp_path / "a.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a readable safetensors head") as caught:
        load_ridge(path, FEATURES, EMBEDDING_SIZE)
    assert "\n" not in str(caught.value)


def test_the_bundled_head_is_small_and_tells_its_training():
    path = resource_path(BUNDLED["ridge"])
    head = load_ridge(path, FEATURES, EMBEDDING_SIZE)
    assert path.stat().st_size < 10_000
    assert head.training["songs"] == 1744
    assert head.training["groups left out"]["arousal pooled ccc"] > 0.4


# Fitting


def test_it_finds_what_is_there():
    scores = cross_validate(made_songs(600, noise=0.01))
    assert scores["valence song-level r2"] > 0.8 and scores["arousal song-level r2"] > 0.8


def test_what_only_the_group_betrays_is_learnt_only_if_groups_are_split():
    # Songs of one artist share a level and a mark in their embeddings; other artists tell nothing.
    rng = np.random.default_rng(0)
    levels, marks = rng.uniform(-0.5, 0.5, (12, 2)), rng.normal(size=(12, 200))
    by_artist = [
        replace(
            song,
            group=n % 12,
            features=marks[n % 12] + rng.normal(0, 0.01, (8, 200)),
            labels=EmotionCurve(song.labels.times, np.tile(levels[n % 12], (20, 1)), 0.5),
        )
        for n, song in enumerate(made_songs())
    ]
    split = [replace(song, group=n // 12) for n, song in enumerate(by_artist)]
    assert cross_validate(by_artist)["valence song-level r2"] < 0.1
    assert cross_validate(split)["valence song-level r2"] > 0.9


def test_songs_of_one_group_cannot_be_fitted_on():
    with pytest.raises(FitError, match="3 songs of one group or none: expected"):
        fit_songs([replace(song, group=0) for song in made_songs(3)])


def test_scores_agree_with_independent_implementations():
    songs = made_songs()
    estimate = np.random.default_rng(1).uniform(-0.5, 0.5, (len(songs), 2))
    scores = song_scores(songs, estimate)
    labels = np.concatenate([song.labels.values for song in songs])
    held = np.repeat(estimate, 20, axis=0)
    means = song_means(songs)[1]
    for d, name in enumerate(("valence", "arousal")):
        ccc = audmetric.concordance_cc(labels[:, d], held[:, d])
        assert scores[f"{name} pooled ccc"] == pytest.approx(ccc)
        assert scores[f"{name} song-level r2"] == pytest.approx(
            r2_score(means[:, d], estimate[:, d])
        )
        assert scores[f"{name} song-level r"] == pytest.approx(
            audmetric.pearson_cc(means[:, d], estimate[:, d])
        )


# The command


@pytest.fixture
def collection(tmp_path, song):
    """Labelled recordings, one without labels, one in no fold; embeddings of them all."""
    arrays, folds = {}, ["song_id,fold"]
    for n, made in enumerate(made_songs(12)):
        path = song(tmp_path / "clips" / f"{made.name}.wav", 0.1 + n / 1000, sample_rate=8_000)
        arrays[audio_digest(path)] = made.features.astype(np.float32)
        if n != 3:
            path.with_suffix(".jams").write_text(json.dumps(jams_of(made, n)))
        if n != 5:
            folds.append(f"{n},{n % 3}")
    np.savez(tmp_path / "cache.npz", **arrays)
    (tmp_path / "songs.csv").write_text("\n".join(folds))
    return tmp_path


def jams_of(made, n):
    rows = zip(made.labels.times.tolist(), made.labels.values.tolist(), strict=True)
    data = [{"time": t, "duration": 0.5, "value": v, "confidence": None} for t, v in rows]
    human = {"namespace": "mood_thayer", "annotation_metadata": {}, "data": data, "sandbox": {}}
    metadata = {"duration": 10.0, "identifiers": {"deam": str(n)}}
    return {"annotations": [human], "file_metadata": metadata, "sandbox": {}}


def fit_command(collection, *more):
    return [
        *(
            str(collection / "clips"),
            "--plugin",
            "essentia-musicnn",
            "--folds-csv",
            str(collection / "songs.csv"),
        ),
        *("--features", str(collection / "cache.npz"), "-o", str(collection / "a.safetensors")),
        *more,
    ]


def test_it_fits_from_embeddings_that_are_there_without_essentia(collection, monkeypatch):
    monkeypatch.setitem(sys.modules, "essentia", None)
    done = CliRunner().invoke(command, fit_command(collection))
    assert done.exit_code == 0, done.output
    head = load_ridge(collection / "a.safetensors", FEATURES, EMBEDDING_SIZE)
    assert head.training["songs"] == 10
    assert json.loads(done.output) == dict(head.training)


def test_what_was_computed_before_an_interruption_is_kept(collection):
    asked = []

    def extract(samples):
        asked.append(len(samples))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return np.full((4, 2), len(samples), np.float64)

    found = [str(collection / "clips")], {str(n): n % 3 for n in range(12)}
    kept = collection / "kept.npz"
    with pytest.raises(KeyboardInterrupt):
        read_songs(*found, kept, 8_000, extract)
    again = read_songs(*found, kept, 8_000, extract)
    assert len(again) == 11 and len(asked) == 12
    assert asked[2] == asked[3] and len({int(s.features[0, 0]) for s in again}) == 11


def test_recordings_of_one_name_have_their_own_features(collection, song):
    first = next((collection / "clips").glob("*.wav"))
    other = song(collection / "other" / first.name, 0.3, sample_rate=8_000)
    other.with_suffix(".jams").write_bytes(first.with_suffix(".jams").read_bytes())
    songs = read_songs(
        [str(first), str(other)],
        {str(n): 0 for n in range(12)},
        None,
        8_000,
        lambda samples: np.full((1, 1), len(samples)),
    )
    assert len({float(song.features[0, 0]) for song in songs}) == 2


def test_embeddings_that_are_missing_need_the_model_file(collection):
    (collection / "cache.npz").unlink()
    done = CliRunner().invoke(command, fit_command(collection, "--models", str(collection)))
    assert done.exit_code == 1
    assert "msd-musicnn-1.pb: no such model file" in done.output


def test_a_missing_scikit_learn_is_told_before_any_feature_is_computed(collection, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    (collection / "cache.npz").unlink()
    done = CliRunner().invoke(command, fit_command(collection))
    assert done.exit_code == 1
    assert done.output == "Error: fitting needs scikit-learn: pip install scikit-learn\n"


def test_its_help_needs_none_of_the_heavy_libraries():
    code = (
        "import sys, mer_adapters.fit_ridge; "
        "print(sorted({'essentia', 'librosa', 'torch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
