"""The BiLSTM head on MusiCNN's embedding; nothing here needs Essentia."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mer_adapters.fit_bilstm import RECIPE, cross_validate, labelled_track, train
from mer_adapters.musicnn_backbone import patch_centres
from mer_adapters.musicnn_bilstm import FORMAT, WINDOW, load_bilstm, save_bilstm
from mer_adapters.musicnn_heads import BUNDLED, EMBEDDING_SIZE
from mer_adapters.ridge_fitting import FeaturedSong, FitError
from mer_plugins.curves import EmotionCurve
from mer_plugins.errors import CheckpointError
from mer_plugins.host import resource_path


def songs(count=48, patches=16, seed=0):
    """Songs whose level in both dimensions is written into their embeddings."""
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((2, EMBEDDING_SIZE))
    found = []
    for i in range(count):
        level = rng.uniform(-0.6, 0.6, 2)
        features = level @ directions + 0.3 * rng.standard_normal((patches, EMBEDDING_SIZE))
        labels = EmotionCurve(0.5 * np.arange(20), np.tile(level, (20, 1)), 0.5)
        found.append(FeaturedSong(str(i), features.astype(np.float32), labels, i % 4))
    return found


SHORT = replace(RECIPE, epochs=40, batch_size=12)


@pytest.fixture(scope="module")
def head():
    return train(songs(), SHORT)


def test_it_learns_what_is_in_the_embeddings():
    scores = cross_validate(songs(), SHORT)
    assert scores["valence pooled ccc"] > 0.7 and scores["arousal pooled ccc"] > 0.7


def test_the_same_songs_give_the_same_head(head):
    again = train(songs(), SHORT).network.state_dict()
    assert all(torch.equal(v, again[k]) for k, v in head.network.state_dict().items())


def test_each_value_after_the_first_window_is_the_last_of_its_window(head):
    embeddings = songs(1, 27)[0].features
    found = head(embeddings)
    assert found.shape == (27, 2)
    with torch.inference_mode():
        for m in range(WINDOW, 27):
            part = torch.from_numpy(embeddings[m - WINDOW + 1 : m + 1])[:, :, None]
            naive = head.network(head.normalise(part)[None])[0, -1]
            np.testing.assert_allclose(found[m], naive, atol=1e-5)


def test_a_patch_has_the_label_of_its_middle():
    centres = patch_centres(8)
    curve = EmotionCurve(1.5 + 0.5 * np.arange(4), np.linspace(0, 0.6, 8).reshape(4, 2), 0.5)
    track = labelled_track(FeaturedSong("a", np.zeros((8, EMBEDDING_SIZE)), curve, 0))
    np.testing.assert_array_equal(track.mask, (centres >= 1.5) & (centres < 3.5))
    # The patch about 1.984 s lies in the interval from 1.5 s.
    np.testing.assert_allclose(track.labels[1], curve.values[0], rtol=1e-6)


def test_songs_without_labels_where_patches_are_cannot_teach():
    early = EmotionCurve(np.array([0.0]), np.zeros((1, 2)), 0.5)
    with pytest.raises(FitError, match="none with a label at the middle of a patch"):
        train([FeaturedSong("a", np.zeros((4, EMBEDDING_SIZE)), early, 0)])


def test_a_head_comes_back_from_its_file(tmp_path, head):
    save_bilstm(head, tmp_path / "head.safetensors")
    embeddings = songs(1)[0].features
    found = load_bilstm(tmp_path / "head.safetensors")(embeddings)
    np.testing.assert_array_equal(found, head(embeddings))


def nan(arrays):
    arrays["mean"][3] = float("nan")


def flat(arrays):
    arrays["std"][3] = 0


def fewer(arrays):
    arrays["mean"] = arrays["mean"][:7].clone()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [(nan, "NaN or infinity"), (flat, "std is not positive"), (fewer, "holds arrays of shapes")],
)
def test_a_damaged_file_is_one_clear_line(tmp_path, head, damage, complaint):
    path = tmp_path / "head.safetensors"
    save_bilstm(head, path)
    arrays = load_file(path)
    damage(arrays)
    save_file(arrays, path, metadata={"format": FORMAT, "training": "{}"})
    with pytest.raises(CheckpointError, match=complaint):
        load_bilstm(path)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"no head")
    with pytest.raises(CheckpointError, match="not a readable safetensors head"):
        load_bilstm(tmp_path / "x.safetensors")
    with pytest.raises(CheckpointError, match="expected 'mer-plugins musicnn bilstm head 1'"):
        load_bilstm(resource_path(BUNDLED["ridge"]))


def test_the_bundled_head_is_whole():
    rng = np.random.default_rng(0)
    values = load_bilstm(resource_path(BUNDLED["bilstm"]))(rng.standard_normal((30, 200)))
    assert values.shape == (30, 2) and np.isfinite(values).all()
