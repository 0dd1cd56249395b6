"""Begin a wider network as a narrower one: more capacity, and nothing learnt again.

The narrower network's weights fill the corner of the wider one's, and what listened before does not
listen to what is new yet ("Net2Net", Chen, Goodfellow and Shlens, ICLR 2016, with zeros in place of
split weights), so both say the same to begin with. Whether they do is tried: where channels lie on
each other, a corner may be another channel's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.checkpoint import Array, Checkpoint, make_config
from mer_plugins.sequence.networks import bare_network, build_network, halves, load_weights
from mer_plugins.sequence.recipe import Trainable

_ALIKE = 1e-4
_TRIED = 4


def widened(
    begun: Checkpoint, config: Any, trainable: Trainable, path: Path, seed: int
) -> Checkpoint:
    """Return the checkpoint of another configuration that says what a checkpoint says.

    Parameters
    ----------
    begun : Checkpoint
        The narrower network.
    config : dataclass
        Of the wider one.
    trainable : Trainable
        What makes the networks.
    path : pathlib.Path
        Where `begun` is from, for messages.
    seed : int
        Of what is new.

    Raises
    ------
    CheckpointError
        If the other network has other parts, is narrower somewhere, or says something else.
    """
    with torch.random.fork_rng(devices=[]):
        narrow = build_network(begun, trainable, path).eval()
        torch.manual_seed(seed)
        wide = bare_network(config, trainable, 1 if begun.per_dimension else 2).eval()
    own = {name: tensor.numpy() for name, tensor in wide.state_dict().items()}
    if lone := sorted(own.keys() ^ begun.weights.keys()):
        raise _misfit(path, begun, config, f"only one of them has {lone[0]}")
    for name, array in begun.weights.items():
        if array.ndim != own[name].ndim or np.any(np.array(array.shape) > own[name].shape):
            shapes = f"{array.shape} into {own[name].shape}"
            raise _misfit(path, begun, config, f"{name} does not fit, {shapes}")
    weights = {name: _in_corner(own[name], array) for name, array in begun.weights.items()}
    load_weights(wide, weights, path)
    before, after = (_answer(network, begun) for network in (narrow, wide))
    if not torch.allclose(before, after, atol=_ALIKE):
        raise _misfit(path, begun, config, "what is new changes what it says")
    return replace(begun, model=asdict(config), weights=weights)


def _in_corner(wide: Array, narrow: Array) -> Array:
    filled = wide.copy()
    if filled.ndim > 1:
        filled[: len(narrow), narrow.shape[1] :] = 0
    filled[tuple(slice(size) for size in narrow.shape)] = narrow
    return filled


@torch.no_grad()
def _answer(network: nn.Module, begun: Checkpoint) -> Tensor:
    """Return what a network says of some noise, (1, t, d)."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((_TRIED, *begun.features.segment_shape))
    encode, decode = halves(network)
    return decode(encode(torch.from_numpy(noise).float())[None])


def _misfit(path: Path, begun: Checkpoint, config: Any, reason: str) -> CheckpointError:
    before = asdict(make_config(type(config), begun.model, path))
    changed = differences(before, asdict(config))
    return CheckpointError(
        f"{path}: the network to be trained is another ({changed}), and cannot begin as this one: "
        f"{reason}. Expected the same, or one that is wider without saying anything else"
    )


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Tell which settings differ, for messages."""
    changed = [name for name in after if before.get(name) != after[name]]
    return ", ".join(f"{name} {before.get(name)} -> {after[name]}" for name in changed)
