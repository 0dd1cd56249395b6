"""A ridge regression as a head on features: its arithmetic, and its file without pickle.

Letters: m half second or patch, k feature.
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

from mer_plugins.curves import FloatArray
from mer_plugins.errors import CheckpointError
from mer_plugins.tensor_files import write_tensors


@dataclass(frozen=True, eq=False)
class RidgeHead:
    """(valence, arousal) as a linear function of features.

    Parameters
    ----------
    weights : np.ndarray, shape=(k, 2)
        The scaling of the features is already in them.
    bias : np.ndarray, shape=(2,)
    training : mapping
        What it was fitted on, and its scores; plain JSON types.
    """

    weights: FloatArray
    bias: FloatArray
    training: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, features: FloatArray) -> FloatArray:
        """Map features, shape=(m, k), to (valence, arousal) around [-1, 1], shape=(m, 2)."""
        values: FloatArray = np.asarray(features, dtype=float) @ self.weights + self.bias
        return values


def save_ridge(head: RidgeHead, path: Path, features: str) -> None:
    """Write a head on the features of that name: two arrays, and its training as JSON.

    `path` ends in ``.safetensors``.
    """
    arrays: dict[str, npt.NDArray[np.float32]] = {
        "weights": np.asarray(head.weights, dtype=np.float32),
        "bias": np.asarray(head.bias, dtype=np.float32),
    }
    training = json.dumps(dict(head.training), sort_keys=True)
    write_tensors(path, arrays, {"format": file_format(features), "training": training})


def load_ridge(path: Path, features: str, size: int) -> RidgeHead:
    """Read a head that :func:`save_ridge` wrote for `size` features of that name.

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
    expected = file_format(features)
    if metadata.get("format") != expected:
        raise CheckpointError(
            f"{path}: format is {metadata.get('format')!r}: expected {expected!r}, "
            "as mer_adapters.fit_ridge writes it"
        )
    _check(arrays, size, path)
    return RidgeHead(arrays["weights"], arrays["bias"], _training(metadata, path))


def file_format(features: str) -> str:
    """Return what a file says of itself: a head on other features must not pass for this one."""
    return f"mer-plugins {features} head 1"


def _check(arrays: Mapping[str, FloatArray], size: int, path: Path) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    expected = {"weights": (size, 2), "bias": (2,)}
    if shapes != expected:
        raise CheckpointError(f"{path}: holds arrays of shapes {shapes}: expected {expected}")
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise CheckpointError(f"{path}: weights or bias hold NaN or infinity")


def _training(metadata: Mapping[str, str], path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(metadata["training"]))
    except (KeyError, TypeError, ValueError) as exc:
        raise CheckpointError(f"{path}: its record of the training is damaged ({exc!r})") from exc
