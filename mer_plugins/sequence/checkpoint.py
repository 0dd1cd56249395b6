"""Checkpoints: weights in safetensors with everything that is needed to run them. Never pickle."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.calibration import Calibration
from mer_plugins.sequence.front_end import FrontEndConfig, from_settings, to_settings
from mer_plugins.sequence.smoothing import LONGEST
from mer_plugins.tensor_files import write_tensors

FORMAT = "mer-plugins checkpoint 1"
C = TypeVar("C")
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Checkpoint:
    """Weights of one network and how to run them.

    Parameters
    ----------
    plugin : str
        Name of the plugin whose network this is.
    model : dict
        Fields of the network's configuration.
    features : FrontEndConfig
        The front end the weights were trained with.
    mean, std : np.ndarray, shape=(f,)
        Of each mel band (of all samples) over the training data; the network sees
        (segments - mean) / std.
    window, hops : int, tuple of int
        Segments in a window, and in a hop for valence and arousal.
    weights : dict of np.ndarray
        The network's state.
    per_dimension : bool
        Whether there is a network of its own for each dimension: their weights then bear the
        prefixes ``valence.`` and ``arousal.``.
    std_scale : tuple of float
        For members of an ensemble: what the deviation between members is multiplied with, for
        valence and arousal, to be the deviation from a listener's rating.
    smoothing : int
        Width of the moving average over what the network gives, in segments; 1 is none
        (:mod:`mer_plugins.sequence.smoothing`).
    calibration : Calibration
        What the average is mapped by.
    sha256 : str
        Of the file; empty before it is written.
    """

    plugin: str
    model: Mapping[str, Any]
    features: FrontEndConfig
    mean: Array
    std: Array
    window: int
    hops: tuple[int, int]
    weights: Mapping[str, Array]
    per_dimension: bool = False
    std_scale: tuple[float, float] = (1.0, 1.0)
    smoothing: int = 1
    calibration: Calibration = field(default_factory=Calibration)
    sha256: str = ""


def save_checkpoint(members: Sequence[Checkpoint], path: Path) -> None:
    """Write one model, or the members of an ensemble, to `path` (``.safetensors``).

    Members share all settings; only weights, mean, std and calibration are their own. The file
    appears as a whole or not at all; the same content gives the same bytes.
    """
    first = members[0]
    settings = {
        "plugin": first.plugin,
        "model": dict(first.model),
        "features": to_settings(first.features),
        "window": first.window,
        "hops": list(first.hops),
        "per_dimension": first.per_dimension,
        "std_scale": list(first.std_scale),
        "smoothing": first.smoothing,
        "members": len(members),
    }
    tensors: dict[str, Array] = {}
    for i, member in enumerate(members):
        prefix = f"{i}." if len(members) > 1 else ""
        tensors |= {f"{prefix}model.{name}": tensor for name, tensor in member.weights.items()}
        tensors |= {f"{prefix}normaliser.mean": member.mean, f"{prefix}normaliser.std": member.std}
        tensors |= {f"{prefix}calibration": _calibration_tensor(member.calibration)}
    told = {"format": FORMAT, "settings": json.dumps(settings, sort_keys=True)}
    write_tensors(path, tensors, told)


def load_checkpoint(path: Path, plugin: str) -> list[Checkpoint]:
    """Read the members of a checkpoint of the named plugin; a single model is one member.

    Raises
    ------
    CheckpointError
        If the file is missing, is no safetensors file, was not written by :func:`save_checkpoint`,
        or belongs to another plugin.
    """
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, SafetensorError, AttributeError, TypeError) as exc:  # or a type numpy lacks
        raise CheckpointError(
            f"{path}: not a readable safetensors checkpoint ({' '.join(str(exc).split())})"
        ) from exc
    if metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: format is {metadata.get('format')!r}: expected {FORMAT!r}, "
            "as `mer train` writes it"
        )
    members = _assemble(path, metadata, tensors, digest)
    for member in members:
        _check(member, plugin, path)
    return members


def _assemble(
    path: Path, metadata: Mapping[str, str], tensors: Mapping[str, Array], digest: str
) -> list[Checkpoint]:
    try:
        settings = json.loads(metadata["settings"])
        if not isinstance(settings, dict):
            raise TypeError(f"a {type(settings).__name__}")
        count = int(settings.get("members", 1))
        if not 1 <= count <= len(tensors):
            raise ValueError(f"{count} members")
        prefixes = [f"{i}." for i in range(count)] if count > 1 else [""]
        return [_member(settings, _under(prefix, tensors), digest) for prefix in prefixes]
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as exc:
        raise CheckpointError(f"{path}: its settings are damaged ({exc!r})") from exc


def _under(prefix: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _member(settings: Mapping[str, Any], tensors: dict[str, Array], digest: str) -> Checkpoint:
    valence, arousal = settings.get("std_scale", (1, 1))
    calibration = tensors.pop("calibration", _calibration_tensor(Calibration())).tolist()
    slope, offset = ((float(v), float(a)) for v, a in calibration)
    return Checkpoint(
        plugin=settings["plugin"],
        model=dict(settings["model"]),
        features=from_settings(settings["features"]),
        mean=tensors.pop("normaliser.mean"),
        std=tensors.pop("normaliser.std"),
        window=int(settings["window"]),
        hops=(int(settings["hops"][0]), int(settings["hops"][1])),
        weights={name.removeprefix("model."): t for name, t in tensors.items()},
        per_dimension=bool(settings.get("per_dimension", False)),
        std_scale=(float(valence), float(arousal)),
        smoothing=int(settings.get("smoothing", 1)),
        calibration=Calibration(slope, offset),
        sha256=digest,
    )


def _calibration_tensor(calibration: Calibration) -> Array:
    return np.array([calibration.slope, calibration.offset], dtype=np.float64)


def _check(found: Checkpoint, plugin: str, path: Path) -> None:
    if found.plugin != plugin:
        raise CheckpointError(f"{path}: holds weights of {found.plugin!r}: expected {plugin!r}")
    if min(found.window, *found.hops) < 1 or max(found.hops) > found.window:
        raise CheckpointError(
            f"{path}: window of {found.window} and hops of {found.hops} segments: "
            "expected hops from 1 up to the window"
        )
    if not all(0 < scale < float("inf") for scale in found.std_scale):
        raise CheckpointError(f"{path}: std_scale is {found.std_scale}: expected positive numbers")
    if not 1 <= found.smoothing <= LONGEST:
        raise CheckpointError(
            f"{path}: smoothing is {found.smoothing} segments: expected from 1 to {LONGEST}"
        )
    slope, offset = found.calibration.slope, found.calibration.offset
    if not (all(0 < s < math.inf for s in slope) and all(map(math.isfinite, offset))):
        raise CheckpointError(
            f"{path}: calibration has slopes {slope} and offsets {offset}: expected positive slopes"
        )
    shape = (found.features.segment_shape[0],)
    if not (found.mean.shape == found.std.shape == shape):
        raise CheckpointError(
            f"{path}: mean and std have shapes {tuple(found.mean.shape)} and "
            f"{tuple(found.std.shape)}: expected {shape}, one value a row of the front end"
        )
    statistics = np.stack([found.mean, found.std])
    if not (np.isfinite(statistics).all() and (found.std > 0).all()):
        raise CheckpointError(f"{path}: mean or std holds NaN, infinity, or a std that is not > 0")


def make_config(config_class: type[C], settings: Mapping[str, Any], path: Path) -> C:
    """Make a network's configuration of a checkpoint's settings; lists become tuples."""
    known = {entry.name for entry in fields(config_class)}  # type: ignore[arg-type]
    if unknown := sorted(set(settings) - known):
        raise CheckpointError(f"{path}: unknown model settings {', '.join(unknown)}")
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    try:
        return config_class(**values)
    except (TypeError, ValueError) as exc:
        raise CheckpointError(f"{path}: its model settings do not fit ({exc})") from exc


def check_finite(weights: Mapping[str, Array], path: Path) -> None:
    """Raise CheckpointError if a weight is NaN or infinite."""
    for name, tensor in weights.items():
        if np.issubdtype(tensor.dtype, np.floating) and not np.isfinite(tensor).all():
            raise CheckpointError(f"{path}: tensor {name} holds NaN or infinity")
