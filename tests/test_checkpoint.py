"""Checkpoints there and back, and files that are damaged, foreign, hostile or of another network."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from damff import DAMFF
from damff.model import DAMFFConfig, DAMFFNet
from mer_plugins import Audio
from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.checkpoint import FORMAT, Checkpoint, load_checkpoint, save_checkpoint
from mer_plugins.sequence.logmel import LogMelConfig


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
    save_checkpoint([checkpoint], path)
    (found,) = load_checkpoint(path, "damff")
    assert replace(found, mean=None, std=None, weights=None, sha256="") == replace(
        checkpoint, mean=None, std=None, weights=None, model=dict(found.model)
    )
    for name, tensor in {**checkpoint.weights, "mean": checkpoint.mean}.items():
        held = found.mean if name == "mean" else found.weights[name]
        np.testing.assert_array_equal(held, tensor.numpy(), strict=True)
    extractor = DAMFF(checkpoint=path, device="cpu")
    assert extractor.info.checkpoint_sha256 == found.sha256 != ""
    assert len(extractor(Audio(np.zeros(88_200, np.float32), 44_100))) == 4


SAVE = """
import sys
from pathlib import Path

from mer_plugins.sequence.checkpoint import load_checkpoint, save_checkpoint

source, target = map(Path, sys.argv[1:])
save_checkpoint(load_checkpoint(source, "damff"), target)
"""


@pytest.mark.parametrize("members", [1, 2])
def test_the_same_content_gives_the_same_bytes_in_every_process(checkpoint, tmp_path, members):
    first = tmp_path / "0.safetensors"
    save_checkpoint([checkpoint] * members, first)
    for i in range(1, 7):
        path = tmp_path / f"{i}.safetensors"
        subprocess.run([sys.executable, "-c", SAVE, first, path], check=True)
        assert path.read_bytes() == first.read_bytes()
    length = int.from_bytes(first.read_bytes()[:8], "little")
    header = json.loads(first.read_bytes()[8 : 8 + length])
    assert length % 8 == 0 and list(header) == sorted(header)
    assert list(header["__metadata__"]) == ["format", "settings"]


def test_files_with_another_order_of_metadata_still_load(checkpoint, tmp_path):
    path = tmp_path / "own.safetensors"
    save_checkpoint([checkpoint], path)
    with safe_open(path, "np") as file:
        metadata = dict(reversed(file.metadata().items()))
    save_file(load_file(path), tmp_path / "other.safetensors", metadata=metadata)
    (found,) = load_checkpoint(path, "damff")
    (other,) = load_checkpoint(tmp_path / "other.safetensors", "damff")
    assert other.model == found.model
    np.testing.assert_array_equal(other.weights["head.bias"], found.weights["head.bias"])


def without(checkpoint, name):
    return replace(checkpoint, weights={k: t for k, t in checkpoint.weights.items() if k != name})


def with_tensor(checkpoint, name, tensor):
    return replace(checkpoint, weights={**checkpoint.weights, name: tensor})


class Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("harm-was-done"),))


@pytest.mark.parametrize("kind", ["missing", "empty", "cut", "pickle", "foreign", "folder"])
def test_files_that_are_no_checkpoint(checkpoint, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "bad.safetensors"
    if kind == "foreign":
        save_file({"x": torch.zeros(1)}, path)
    elif kind == "cut":
        save_checkpoint([checkpoint], path)
        path.write_bytes(path.read_bytes()[:-1000])
    elif kind == "folder":
        path.mkdir()
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
        (lambda c: replace(c, hops=(1, 21)), "window of 20 and hops"),
        (lambda c: replace(c, model={**c.model, "channels": [8, 16]}), "expected 3 whole numbers"),
        (lambda c: replace(c, model={**c.model, "reduction": 0}), "whole number from 1 up"),
        (lambda c: replace(c, model={**c.model, "reduction": 65}), "at most the 64 channels"),
        (lambda c: replace(c, model={**c.model, "hidden": "many"}), "expected a whole number"),
        (lambda c: replace(c, model={**c.model, "outputs": 1}), "1 output.s.: expected 2"),
        (
            lambda c: replace(c, model={**c.model, "n_mels": 64}),
            "n_mels of the front end.s segments is 128: expected",
        ),
        (lambda c: replace(c, model={**c.model, "hidden": 10**6}), "its weights hold"),
        (lambda c: replace(c, model={**c.model, "hidden": 10**12}), "no network that can be"),
        (lambda c: replace(c, per_dimension=True), "2 output.s.: expected 1"),
        (lambda c: replace(c, std_scale=(0, 1)), "std_scale is"),
        (lambda c: replace(c, mean=torch.zeros(64)), "one value a row"),
        (lambda c: replace(c, std=torch.zeros(128)), "std that is not > 0"),
        (lambda c: replace(c, mean=torch.full((128,), torch.nan)), "NaN"),
        (lambda c: without(c, "head.bias"), "do not fit"),
        (lambda c: with_tensor(c, "extra", torch.zeros(3)), "do not fit"),
        (lambda c: with_tensor(c, "head.bias", torch.zeros(3)), "do not fit"),
    ],
)
def test_checkpoints_that_do_not_fit(checkpoint, tmp_path, change, complaint):
    path = tmp_path / "odd.safetensors"
    save_checkpoint([change(checkpoint)], path)
    with pytest.raises(CheckpointError, match=complaint) as caught:
        DAMFF(checkpoint=path, device="cpu")
    assert "\n" not in str(caught.value) and "odd.safetensors" in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        {"model": None},
        {"model": [1]},
        {"features": None},
        {"features": {"colour": 1}},
        {"features": {"hop_length": 0}},
        {"features": {"n_fft": "x"}},
        {"features": {"floor": 0}},
        {"hops": 1},
        {"hops": []},
        {"window": float("nan")},
        {"window": float("inf")},
        {"members": 0},
        {"members": 1e9},
        {"members": 2},
        {"std_scale": [1]},
        {"std_scale": "ab"},
    ],
    ids=lambda s: str(s)[:30],
)
def test_damaged_settings(checkpoint, tmp_path, settings):
    if isinstance(settings, dict):
        whole = {"plugin": "damff", "model": checkpoint.model, "window": 20, "hops": [1, 5]}
        settings = json.dumps(whole | {"features": asdict(LogMelConfig())} | settings)
    path = tmp_path / "odd.safetensors"
    statistics = {"normaliser.mean": checkpoint.mean, "normaliser.std": checkpoint.std}
    save_file(statistics, path, metadata={"format": FORMAT, "settings": settings})
    with pytest.raises(
        CheckpointError, match="odd.safetensors: its settings are damaged"
    ) as caught:
        load_checkpoint(path, "damff")
    assert "\n" not in str(caught.value)
