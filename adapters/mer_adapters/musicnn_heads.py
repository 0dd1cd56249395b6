"""Heads on MusiCNN's embedding: which published one speaks which scale, and a ridge of our own.

Letters: m patch. An embedding has 200 numbers.

How order and range of the published heads were found
-----------------------------------------------------
Their READMEs say [0, 10], their names no order; only DEAM's JSON says "arousal-valence". Both are
linear in the embedding and put out about 5 on average, so neither range is ruled out at a glance.
Measured on 1,744 DEAM clips, mean output of a clip against the song's static rating (1 to 9):

- Range [1, 9]: root mean square errors 0.83 and 0.81 (emoMusic), 0.86 and 0.85 (DEAM), near the
  0.92 to 1.00 that the JSONs state; read as [0, 10] they are 1.06 to 1.16, and the slopes of rating
  on output, which should be near 1, go from 1.0 to 1.5 up to 1.3 to 1.9.
- Order of emoMusic: (valence, arousal). Valence less arousal of its output correlates with that of
  the labels at 0.64, and tells 4Q's pleasant calm clips (Q4) from the unpleasant excited ones (Q2)
  with an area under the curve of 0.97.
- Order of DEAM: (arousal, valence). Read the other way the same area is 0.06, and every correlation
  is lower. Its two outputs are close to each other: its valence follows the labels' arousal better
  than their valence.

DEAM's own file of static ratings has the columns valence and arousal swapped for songs up to 1000
(against its dynamic labels: r 0.95 crosswise, 0.57 straight; above 1000 the other way round), which
may be how the DEAM head came by this. The figures above are for the columns put right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from mer_plugins.curves import FloatArray, Scale
from mer_plugins.errors import CheckpointError

FORMAT = "mer-plugins musicnn head 1"
EMBEDDING_SIZE = 200
BUNDLED_RIDGE = "mer_adapters:heads/musicnn-ridge.safetensors"


@dataclass(frozen=True)
class PublishedHead:
    """One of Essentia's heads: its file names, old and new, its page, and what it puts out."""

    files: tuple[str, str]
    page: str
    scale: Scale


PUBLISHED: Mapping[str, PublishedHead] = {
    "emomusic": PublishedHead(
        ("emomusic-musicnn-msd-1.pb", "emomusic-msd-musicnn-1.pb"),
        "classification-heads/emomusic",
        Scale(1, 9, ("valence", "arousal")),
    ),
    "deam": PublishedHead(
        ("deam-musicnn-msd-1.pb", "deam-msd-musicnn-1.pb"),
        "classification-heads/deam",
        Scale(1, 9, ("arousal", "valence")),
    ),
}


@dataclass(frozen=True, eq=False)
class RidgeHead:
    """(valence, arousal) as a linear function of the embedding.

    Parameters
    ----------
    weights : np.ndarray, shape=(200, 2)
        The scaling of the embedding is already in them.
    bias : np.ndarray, shape=(2,)
    training : mapping
        What it was fitted on, and its scores; plain JSON types.
    """

    weights: FloatArray
    bias: FloatArray
    training: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, embeddings: FloatArray) -> FloatArray:
        """Map embeddings, shape=(m, 200), to (valence, arousal) around [-1, 1], shape=(m, 2)."""
        values: FloatArray = np.asarray(embeddings, dtype=float) @ self.weights + self.bias
        return values


def save_ridge(head: RidgeHead, path: Path) -> None:
    """Write a head to `path` (``.safetensors``): two arrays, and its training as JSON."""
    arrays: dict[str, npt.NDArray[np.float32]] = {
        "weights": np.ascontiguousarray(head.weights, dtype=np.float32),
        "bias": np.ascontiguousarray(head.bias, dtype=np.float32),
    }
    training = json.dumps(dict(head.training), sort_keys=True)
    save_file(arrays, path, metadata={"format": FORMAT, "training": training})


def load_ridge(path: Path) -> RidgeHead:
    """Read a head that :func:`save_ridge` wrote.

    Raises
    ------
    CheckpointError
        If the file is missing, is no such head, or its numbers are not as they must be.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as exc:
        reason = " ".join(str(exc).split())
        raise CheckpointError(f"{path}: not a readable safetensors head ({reason})") from exc
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format is {metadata.get('format')!r}: expected {FORMAT!r}, "
            "as mer_adapters.fit_musicnn_head writes it"
        )
    _check(arrays, path)
    return RidgeHead(arrays["weights"], arrays["bias"], _training(metadata, path))


def _check(arrays: Mapping[str, FloatArray], path: Path) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    expected = {"weights": (EMBEDDING_SIZE, 2), "bias": (2,)}
    if shapes != expected:
        raise CheckpointError(f"{path}: holds arrays of shapes {shapes}: expected {expected}")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise CheckpointError(f"{path}: weights or bias hold NaN or infinity")


def _training(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(metadata["training"]))
    except (KeyError, TypeError, ValueError) as exc:
        raise CheckpointError(f"{path}: its record of the training is damaged ({exc!r})") from exc
