"""MusiCNN in PyTorch: held against Essentia's, and what goes wrong with its file."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from mer_adapters.frozen_graph import read_constants
from mer_adapters.musicnn_backbone import essentia_standard
from mer_adapters.musicnn_teacher import MusiCNNTeacher
from mer_adapters.musicnn_torch import MusiCNN, mel_filters, patches
from mer_plugins import load_audio
from mer_plugins.errors import CheckpointError, PluginError


@pytest.fixture(scope="module")
def published(shared):
    path = shared / "models" / "essentia" / "msd-musicnn-1.pb"
    if not path.is_file():
        pytest.skip("no ../shared with Essentia's model files beside the checkout")
    return path


def test_the_mel_filters_are_those_of_librosa():
    theirs = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=96, htk=False, norm="slaney")
    np.testing.assert_allclose(mel_filters(), theirs.T, atol=1e-7)


def test_patches_lie_evenly_and_short_sound_is_filled_with_its_own_frames():
    spectrum = torch.arange(400.0)[None, :, None].expand(2, -1, 3)
    cut = patches(spectrum, 3)
    assert cut.shape == (2, 3, 187, 3)
    assert cut[0, :, 0, 0].tolist() == [0, 106, 213] and cut[0, -1, -1, 0] == 399
    short = patches(spectrum[:, :100], 2)
    assert short.shape == (2, 2, 187, 3) and short[0, 0, 100, 0] == 0


@pytest.mark.parametrize("content", [b"", b"no graph", b"\x0a\x05hello", bytes(range(256)) * 9])
def test_a_file_that_is_no_graph_is_told(tmp_path, content):
    path = tmp_path / "msd-musicnn-1.pb"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="frozen TensorFlow graph"):
        read_constants(path)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(PluginError, match=r"msd-musicnn-1\.pb: no such model file"):
        MusiCNNTeacher(models=tmp_path)


@pytest.mark.shared
def test_another_network_is_told(published):
    with pytest.raises(CheckpointError, match="is not MusiCNN"):
        MusiCNN(published.parent / "emomusic-musicnn-msd-1.pb")


@pytest.mark.shared
def test_the_teacher_hears_three_seconds_whatever_the_batch(published):
    teacher = MusiCNNTeacher(models=published.parent)
    samples = 0.1 * torch.randn(3, teacher.span * 8_000, generator=torch.Generator().manual_seed(0))
    found = teacher(samples)
    assert found.shape == (3, teacher.size) == (3, 200)
    torch.testing.assert_close(found[1:2], teacher(samples[1:2]), rtol=0, atol=0.05)


@pytest.mark.shared
def test_the_embedding_is_that_of_essentia(published, shared):
    try:
        standard = essentia_standard()
    except PluginError as exc:
        pytest.skip(str(exc))
    predict = standard.TensorflowPredictMusiCNN(
        graphFilename=str(published), output="model/dense/BiasAdd", patchHopSize=187
    )
    samples = load_audio(next((shared / "data/deam/clips").glob("*.ogg")), 16_000).mono().samples
    theirs = predict(np.ascontiguousarray(samples, dtype=np.float32))
    network = MusiCNN(published)
    with torch.no_grad():
        spectrum = network.spectrum(torch.from_numpy(samples)[None])
        ours = network(spectrum[0, : 187 * len(theirs)].unflatten(0, (-1, 187)))
    np.testing.assert_allclose(ours.numpy(), theirs, atol=2e-3)


@pytest.mark.shared
def test_in_bfloat16_embeddings_hardly_move(published, shared):
    paths = sorted((shared / "data/deam/clips").glob("*.ogg"))[:4]
    samples = np.stack([load_audio(p, 16_000).mono().samples[:48_000] for p in paths])
    exact, fast = MusiCNN(published), MusiCNN(published, torch.bfloat16)
    with torch.no_grad():
        spectrum = patches(exact.spectrum(torch.from_numpy(samples)), 1)[:, 0]
        error = (fast(spectrum) - exact(spectrum)).abs().mean() / exact(spectrum).std()
    assert float(error) < 0.03
