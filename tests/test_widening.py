"""A wider network begins as a narrower one, or is refused."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_fit import FEATURES, RECIPE, plan, tracks

from damff.recipes import TRAINING
from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.checkpoint import Checkpoint, load_checkpoint
from mer_plugins.sequence.fit import fit
from mer_plugins.sequence.networks import bare_network, build_network
from mer_plugins.sequence.widening import widened

SMALL = {"n_mels": 16, "n_frames": 12, "channels": (4, 4, 8), "hidden": 8, "dropout": 0.3}
START = Path("start.safetensors")


def config(outputs=2, **settings):
    return TRAINING.config_class(**SMALL | {"outputs": outputs} | settings)


def checkpoint(made, outputs=2):
    torch.manual_seed(3)
    network = bare_network(made, TRAINING, outputs)
    # As after some training: a new network hardly differs from one of other weights.
    for name, tensor in network.state_dict().items():
        if name.endswith("weight"):
            tensor.mul_(3)
        elif name.endswith("running_var"):
            tensor.copy_(torch.rand_like(tensor) + 0.5)
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    bands = np.zeros(16, np.float32), np.ones(16, np.float32)
    shared = outputs == 2
    return Checkpoint(
        "damff", asdict(made), FEATURES, *bands, 4, (1, 2), weights, per_dimension=not shared
    )


def answer(found):
    network = build_network(found, TRAINING, START).eval()
    torch.manual_seed(8)
    with torch.no_grad():
        return network.decode(network.encode(torch.randn(7, 16, 12))[None])


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_network_reduced_to_more_channels_says_what_the_narrower_one_said(outputs):
    begun = checkpoint(config(outputs), outputs)
    wide = widened(begun, config(outputs, reduced=3, dropout=0.1), TRAINING, START, 0)
    torch.testing.assert_close(answer(wide), answer(begun), rtol=0, atol=1e-5)
    assert wide.model["reduced"] == 3 and wide.model["dropout"] == 0.1
    name = "reduce.weight" if outputs == 2 else "arousal.reduce.weight"
    assert wide.weights[name].shape == (3, 8, 1, 1)
    # What is new differs from what was there and from each other, or it would never part from it.
    rows = wide.weights[name].reshape(3, 8)
    assert len(np.unique(rows.round(6), axis=0)) == 3 and np.abs(rows).sum(axis=1).all()


def test_the_seed_decides_what_is_new_and_nothing_else_is_drawn():
    begun, wide = checkpoint(config()), config(reduced=2)
    before = torch.get_rng_state()
    first, same, other = (widened(begun, wide, TRAINING, START, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    row = "reduce.weight"
    np.testing.assert_array_equal(first.weights[row], same.weights[row])
    assert not np.array_equal(first.weights[row], other.weights[row])


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"hidden": 9}, r"another \(hidden 8 -> 9\).*what is new changes what it says"),
        ({"hidden": 4}, "does not fit"),
        # Layer 3 hears the second branch of layer 2 where the first now ends.
        ({"channels": (4, 5, 8)}, "what is new changes what it says"),
        ({"layers": 2}, "only one of them has bilstm"),
        ({"fusion": "sum"}, "only one of them has fusion"),
        ({"output": "tanh"}, "what is new changes what it says"),
    ],
)
def test_what_cannot_begin_as_the_start_is_refused(settings, reason):
    with pytest.raises(CheckpointError, match=reason):
        widened(checkpoint(config()), config(**settings), TRAINING, START, 0)


def test_training_goes_on_with_a_wider_network_and_uses_what_is_new(tmp_path):
    fit(plan(), tracks(), [], tmp_path / "first")
    start = tmp_path / "first" / "model.safetensors"
    once = replace(RECIPE, epochs=1)
    fit(replace(plan(once, reduced=2), start=start), tracks(seed=1), [], tmp_path / "second")
    (old,), (new,) = (
        load_checkpoint(path, "damff")
        for path in (start, tmp_path / "second" / "model.safetensors")
    )
    columns = old.weights["bilstm.weight_ih_l0"].shape[1]
    heard = new.weights["bilstm.weight_ih_l0"]
    assert heard.shape[1] == 2 * columns and np.abs(heard[:, columns:]).sum() > 0
