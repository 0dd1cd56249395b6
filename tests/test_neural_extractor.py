"""DAMFF as an extractor: curve, streams, odd audio, and checkpoints that are not what they should be."""

from __future__ import annotations

import pickle
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from damff import DAMFF
from damff.model import DAMFFConfig, DAMFFNet
from mer_plugins import Audio
from mer_plugins.curves import concatenate
from mer_plugins.errors import AudioError, CheckpointError, PluginError
from mer_plugins.sequence.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mer_plugins.sequence.logmel import LogMelConfig


@pytest.fixture(scope="module")
def damff():
    return DAMFF(device="cpu")


def noise(seconds, rate=44_100, channels=None, seed=0):
    n = round(seconds * rate)
    shape = n if channels is None else (channels, n)
    return Audio(np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32), rate)


@pytest.mark.parametrize("seconds", [0.5, 0.51, 3.0, 9.99, 10.0, 23.7])
def test_a_value_each_half_second_from_0_to_the_end(damff, seconds):
    curve = damff(noise(seconds))
    np.testing.assert_allclose(curve.times, np.arange(int(np.ceil(seconds / 0.5 - 1e-9))) * 0.5)
    assert curve.hop_s == 0.5
    assert np.isfinite(curve.values).all() and np.abs(curve.values).max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_blocks_of_any_size_give_the_same_curve(damff, seed):
    audio = noise(41.3)
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(audio.samples), 30))
    stream = damff.open()
    parts = [stream.feed(part) for part in np.split(audio.samples, cuts)]
    found = concatenate([*(p for p in parts if p is not None), stream.finish()])
    whole = damff(audio)
    np.testing.assert_array_equal(found.values, whole.values)
    np.testing.assert_array_equal(found.times, whole.times)


def test_the_same_again_is_the_same(damff):
    np.testing.assert_array_equal(damff(noise(4)).values, damff(noise(4)).values)


def test_channels_are_mixed_and_other_rates_taken(damff):
    mono = noise(3)
    stereo = Audio(np.stack([mono.samples, mono.samples]), 44_100)
    np.testing.assert_allclose(damff(stereo).values, damff(mono).values, atol=1e-6)
    for rate in (8_000, 192_000):
        assert len(damff(noise(3, rate))) == 6


def test_silence_has_a_curve_and_a_moment_is_an_error(damff):
    assert len(damff(Audio(np.zeros(88_200, dtype=np.float32), 44_100))) == 4
    with pytest.raises(AudioError, match="at least 0.5 s"):
        damff(noise(0.3))


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"device": "quantum"}, "not available"),
        ({"hop_s": 0.3}, "multiple of 0.5 s"),
        ({"window_s": 0.0}, "multiple"),
        ({"window_s": 2, "hop_s": 3}, "longer than the window"),
    ],
)
def test_impossible_parameters(parameters, complaint):
    with pytest.raises(PluginError, match=complaint):
        DAMFF(**{"device": "cpu"} | parameters)


@pytest.fixture
def checkpoint():
    torch.manual_seed(0)
    net = DAMFFNet(DAMFFConfig())
    return Checkpoint(
        "damff",
        asdict(net.config),
        LogMelConfig(),
        torch.zeros(128),
        torch.ones(128),
        20,
        (1, 5),
        net.state_dict(),
    )


def test_a_checkpoint_there_and_back(checkpoint, tmp_path):
    path = tmp_path / "own.safetensors"
    save_checkpoint(checkpoint, path)
    found = load_checkpoint(path, "damff")
    assert replace(found, mean=None, std=None, weights=None, sha256="") == replace(
        checkpoint, mean=None, std=None, weights=None, model=dict(found.model)
    )
    assert found.weights.keys() == checkpoint.weights.keys()
    extractor = DAMFF(checkpoint=path, device="cpu")
    assert extractor.info.checkpoint_sha256 == found.sha256 != ""
    assert len(extractor(noise(2))) == 4


class Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("harm-was-done"),))


@pytest.mark.parametrize("kind", ["missing", "empty", "cut", "pickle", "foreign"])
def test_files_that_are_no_checkpoint(checkpoint, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.safetensors"
    if kind == "foreign":
        save_file({"x": torch.zeros(1)}, path)
    elif kind == "cut":
        save_checkpoint(checkpoint, path)
        path.write_bytes(path.read_bytes()[:-1000])
    elif kind != "missing":
        path.write_bytes(b"" if kind == "empty" else pickle.dumps(Harmful()))
    with pytest.raises(CheckpointError, match="bad.safetensors") as caught:
        DAMFF(checkpoint=path, device="cpu")
    assert "\n" not in str(caught.value)
    assert not Path("harm-was-done").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda c: replace(c, plugin="crnn"), "weights of 'crnn'"),
        (lambda c: replace(c, model={**c.model, "colour": 1}), "unknown model settings colour"),
        (lambda c: replace(c, model={**c.model, "hidden": 32}), "do not fit"),
        (lambda c: replace(c, weights={**c.weights, "more": torch.zeros(1)}), "do not fit"),
        (
            lambda c: replace(c, weights=c.weights | {"head.bias": torch.full((2,), torch.nan)}),
            "NaN",
        ),
        (lambda c: replace(c, hops=(0, 1)), "window of 20 and hops"),
    ],
)
def test_checkpoints_that_do_not_fit(checkpoint, tmp_path, change, complaint):
    path = tmp_path / "odd.safetensors"
    save_checkpoint(change(checkpoint), path)
    with pytest.raises(CheckpointError, match=complaint):
        DAMFF(checkpoint=path, device="cpu")
