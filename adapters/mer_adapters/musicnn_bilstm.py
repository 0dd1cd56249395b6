"""A small BiLSTM as a head on MusiCNN's embedding: its network, and its file without pickle.

Letters: b window, m patch (about each half second), k number of the embedding, h hidden unit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mer_adapters.musicnn_heads import EMBEDDING_SIZE
from mer_plugins.curves import FloatArray
from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.networks import on_arrays
from mer_plugins.sequence.normaliser import Normaliser
from mer_plugins.sequence.sliding import SlidingWindow
from mer_plugins.tensor_files import write_tensors

FORMAT = "mer-plugins musicnn bilstm head 1"
HIDDEN, DROPOUT = 32, 0.4
WINDOW = 20
"""Patches in a window, ten seconds; it moves by one patch."""


class PatchBiLSTM(nn.Module):
    """Valence and arousal of each patch from its window, (b, m, k, 1) -> (b, m, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(DROPOUT)
        self.sequence = nn.LSTM(EMBEDDING_SIZE, HIDDEN, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * HIDDEN, 2)

    def forward(self, patches: Tensor) -> Tensor:
        """Map (b, m, k, 1) to (b, m, 2)."""
        return self.decode(patches.squeeze(-1))

    def encode(self, patches: Tensor) -> Tensor:
        """Map (m, k, 1) to (m, k): the embedding is the encoding."""
        return patches.squeeze(-1)

    def decode(self, encoded: Tensor) -> Tensor:
        """Map (b, m, k) to (b, m, 2)."""
        hidden, _ = self.sequence(self.dropout(encoded))
        values: Tensor = self.output(self.dropout(hidden))
        return values


@dataclass(frozen=True, eq=False)
class BiLSTMHead:
    """The network with its normaliser; a head as :mod:`mer_adapters.essentia_musicnn` takes it.

    `training` tells what it was trained on, and its scores; plain JSON types.
    """

    network: PatchBiLSTM
    normalise: Normaliser
    training: Mapping[str, Any]

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """Map embeddings, shape=(m, 200), to (valence, arousal) around [-1, 1], shape=(m, 2)."""
        encode = on_arrays(lambda patches: self.network.encode(self.normalise(patches)))
        encoded = encode(np.array(embeddings, dtype=np.float32)[:, :, None])
        window = SlidingWindow(on_arrays(self.network.decode), WINDOW, 1)
        return np.concatenate([window.feed(encoded), window.finish()]).astype(float)


def save_bilstm(head: BiLSTMHead, path: Path) -> None:
    """Write a head: its tensors, and its training as JSON. `path` ends in ``.safetensors``."""
    tensors = {f"network.{k}": v for k, v in head.network.state_dict().items()}
    tensors |= {"mean": head.normalise.mean, "std": head.normalise.std}
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    training = json.dumps(dict(head.training), sort_keys=True)
    write_tensors(path, arrays, {"format": FORMAT, "training": training})


def load_bilstm(path: Path) -> Callable[[FloatArray], FloatArray]:
    """Read a head that :func:`save_bilstm` wrote.

    Raises
    ------
    CheckpointError
        If the file is missing, is no such head, or its numbers are not as they must be.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        training = json.loads(metadata.get("training", "{}"))
    except (OSError, SafetensorError, ValueError) as exc:
        reason = " ".join(str(exc).split())
        raise CheckpointError(f"{path}: not a readable safetensors head ({reason})") from exc
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format is {metadata.get('format')!r}: expected {FORMAT!r}, "
            "as mer_adapters.fit_bilstm writes it"
        )
    network = PatchBiLSTM().eval()
    _check(arrays, network, path)
    network.load_state_dict({k: arrays[f"network.{k}"] for k in network.state_dict()})
    return BiLSTMHead(network, Normaliser(arrays["mean"], arrays["std"]), training)


def _check(arrays: Mapping[str, Tensor], network: PatchBiLSTM, path: Path) -> None:
    expected = {f"network.{k}": tuple(v.shape) for k, v in network.state_dict().items()}
    expected |= {"mean": (EMBEDDING_SIZE,), "std": (EMBEDDING_SIZE,)}
    shapes = {name: tuple(array.shape) for name, array in arrays.items()}
    if shapes != expected:
        raise CheckpointError(f"{path}: holds arrays of shapes {shapes}: expected {expected}")
    if not all(bool(torch.isfinite(array).all()) for array in arrays.values()):
        raise CheckpointError(f"{path}: its arrays hold NaN or infinity")
    if not bool((arrays["std"] > 0).all()):
        raise CheckpointError(f"{path}: std is not positive everywhere")
