"""Networks as ONNX graphs without weights, by which a checkpoint runs without torch.

A description, ``NAME.graphs.json``, tells which settings the graphs ``NAME.encode.onnx`` and
``NAME.decode.onnx`` hold for, and which weights they take. The weights stay in the checkpoint, so
one pair of graphs, of a few kB, serves every checkpoint with these settings. Graphs are looked for
beside a plugin's bundled checkpoint, then beside the checkpoint itself, where ``mer train`` and
``python -m mer_plugins.sequence.export_onnx`` write them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.checkpoint import Checkpoint, check_finite

FORMAT = "mer-plugins graphs 1"
SUFFIX = ".graphs.json"
# Of a graph without weights: a hundred times what there is, and no burden on memory.
_MOST_BYTES = 4 << 20

Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Description:
    """What graphs hold for.

    Parameters
    ----------
    plugin : str
        Name of the plugin.
    model : dict
        Settings of the network; those that only matter in training stand in `training_only`.
    per_dimension : bool
        Whether there is a network of its own for each dimension.
    segment_shape : tuple of int
        Rows and columns of a segment.
    weights : dict
        Shapes of all weights of the network, by name.
    encode, decode : tuple of str
        Weights of each graph. No graph encodes where the network runs as a whole in each window.
    training_only : tuple of str
        Settings of the network that change no graph.
    """

    plugin: str
    model: Mapping[str, Any]
    per_dimension: bool
    segment_shape: tuple[int, ...]
    weights: Mapping[str, tuple[int, ...]]
    decode: tuple[str, ...]
    encode: tuple[str, ...] | None
    training_only: tuple[str, ...] = ()

    def fits(self, checkpoint: Checkpoint, config_class: type | None = None) -> bool:
        """Return whether a checkpoint's settings are those of the graphs.

        With `config_class`, a setting that only one side has counts as its default for the other:
        it came to the network later.
        """
        return (
            self.plugin == checkpoint.plugin
            and self._completed(self.model, config_class)
            == self._completed(checkpoint.model, config_class)
            and self.per_dimension == checkpoint.per_dimension
            and self.segment_shape == checkpoint.features.segment_shape
        )

    def _completed(self, model: Mapping[str, Any], config_class: Any) -> Any:
        defaults = {f.name: f.default for f in fields(config_class)} if config_class else {}
        whole = {**defaults, **model}
        return _plain({k: v for k, v in whole.items() if k not in self.training_only})


@dataclass(frozen=True)
class Graphs:
    """ONNX graphs of a network; the encoder's is empty where the network runs whole."""

    description: Description
    encode: bytes
    decode: bytes

    def weights(self, checkpoint: Checkpoint, path: Path) -> Weights:
        """Return a checkpoint's weights, which must fit exactly and be finite, as float32."""
        held = {name: tensor.shape for name, tensor in checkpoint.weights.items()}
        wanted = self.description.weights
        odd = sorted(n for n in {**held, **wanted} if held.get(n) != wanted.get(n))
        if odd:
            found, expected = held.get(odd[0], "missing"), wanted.get(odd[0], "none")
            raise CheckpointError(
                f"{path}: weights do not fit the model ({odd[0]} is {found}, expected {expected}; "
                f"{len(odd)} such)"
            )
        check_finite(checkpoint.weights, path)
        used = (*(self.description.encode or ()), *self.description.decode)
        # In one piece, as onnxruntime takes them without a copy.
        return {n: np.asarray(checkpoint.weights[n], dtype=np.float32, order="C") for n in used}


def find_graphs(
    checkpoint: Checkpoint, folders: Iterable[Path], config_class: type | None = None
) -> Graphs | None:
    """Return the graphs for a checkpoint's settings from the first folder that has them.

    Parameters
    ----------
    checkpoint, folders : Checkpoint, iterable of pathlib.Path
        The checkpoint and where to look.
    config_class : type, optional
        The dataclass of the network's settings, each with a default, as :meth:`Description.fits`
        takes it.

    Raises
    ------
    CheckpointError
        If a description or its graphs are damaged.
    """
    for folder in dict.fromkeys(folders):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            description = _read_description(path)
            if description.fits(checkpoint, config_class):
                encoded_alone = description.encode is not None
                encode = _read(graph_path(path, "encode")) if encoded_alone else b""
                return Graphs(description, encode, _read(graph_path(path, "decode")))
    return None


def graph_path(description: Path, half: str) -> Path:
    """Return the path of the graph ``encode`` or ``decode`` of a description's path."""
    return description.with_name(f"{description.name.removesuffix(SUFFIX)}.{half}.onnx")


def to_json(description: Description) -> bytes:
    """Return the content of a description's file."""
    return (json.dumps({"format": FORMAT, **asdict(description)}) + "\n").encode()


def _read_description(path: Path) -> Description:
    try:
        found = json.loads(_read(path))
        if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
            raise ValueError(f"expected the format {FORMAT!r}")
        return _description(found)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as exc:
        raise CheckpointError(
            f"{path}: the description of ONNX graphs is damaged ({exc}): delete it, or make it "
            "again by `python -m mer_plugins.sequence.export_onnx`"
        ) from exc


def _description(found: Mapping[str, Any]) -> Description:
    weights = {name: tuple(map(int, shape)) for name, shape in found["weights"].items()}
    encode, decode = found["encode"], found["decode"]
    if unknown := {*(encode or ()), *decode} - set(weights):
        raise ValueError(f"no shape of {min(unknown)}")
    return Description(
        plugin=str(found["plugin"]),
        model=dict(found["model"]),
        per_dimension=bool(found["per_dimension"]),
        segment_shape=tuple(map(int, found["segment_shape"])),
        weights=weights,
        decode=tuple(decode),
        encode=None if encode is None else tuple(encode),
        training_only=tuple(map(str, found["training_only"])),
    )


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise CheckpointError(f"{path}: is larger than a graph without weights ever is")
        return path.read_bytes()
    except OSError as exc:
        raise CheckpointError(f"{path}: cannot be read ({exc.strerror})") from exc


def _plain(settings: Mapping[str, Any]) -> Any:
    """Return settings as JSON has them: lists for tuples."""
    return json.loads(json.dumps(settings))
