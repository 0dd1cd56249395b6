"""Numbers of a frozen TensorFlow graph, read without TensorFlow.

A frozen graph (``.pb``) is a protocol buffer of nodes; its weights are nodes of the kind ``Const``.
Only the fields that hold these are declared here, with their numbers from TensorFlow's
``graph.proto``, ``node_def.proto``, ``attr_value.proto`` and ``tensor.proto``; the others are
passed over. Nothing of the file is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mer_plugins.errors import CheckpointError

_MESSAGE = 11
# Message -> its fields: (name, number, type, repeated); a type is a scalar's number or a message.
_FIELDS: dict[str, list[tuple[str, int, int | str, bool]]] = {
    "Dim": [("size", 1, 3, False)],
    "Shape": [("dim", 2, "Dim", True)],
    "Tensor": [
        ("dtype", 1, 5, False),
        ("shape", 2, "Shape", False),
        ("content", 4, 12, False),
        ("floats", 5, 2, True),
    ],
    "Value": [("tensor", 8, "Tensor", False)],
    "Attribute": [("key", 1, 9, False), ("value", 2, "Value", False)],
    "Node": [("name", 1, 9, False), ("op", 2, 9, False), ("attributes", 5, "Attribute", True)],
    "Graph": [("nodes", 1, "Node", True)],
}
_FLOAT = 1


def read_constants(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Return the float constants of a frozen graph by the names of their nodes.

    Raises
    ------
    CheckpointError
        If the file cannot be read or is no such graph, or a constant's size is not its shape's.
    """
    from google.protobuf.message import DecodeError

    try:
        graph = _graph_class().FromString(path.read_bytes())
    except (OSError, DecodeError) as exc:
        raise CheckpointError(f"{path}: not a readable frozen TensorFlow graph ({exc})") from exc
    constants = {}
    for node in graph.nodes:
        for attribute in node.attributes if node.op == "Const" else ():
            if attribute.key == "value" and attribute.value.tensor.dtype == _FLOAT:
                constants[node.name] = _array(attribute.value.tensor, f"{path}: {node.name}")
    if not constants:
        raise CheckpointError(f"{path}: holds no weights: expected a frozen TensorFlow graph")
    return constants


def _array(tensor: Any, name: str) -> npt.NDArray[np.float32]:
    shape = tuple(dim.size for dim in tensor.shape.dim)
    if tensor.content:
        values = np.frombuffer(tensor.content, dtype="<f4").astype(np.float32)
    else:
        values = np.array(tensor.floats, dtype=np.float32)
    size = int(np.prod(shape))
    # One number may stand for a whole tensor of it.
    if len(values) not in (size, 1):
        raise CheckpointError(f"{name} has {len(values)} numbers: expected {size}")
    return np.broadcast_to(values, size).reshape(shape)


def _graph_class() -> Any:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="frozen_graph.proto", package="frozen")
    file.syntax = "proto3"
    for message, fields in _FIELDS.items():
        described = file.message_type.add(name=message)
        for name, number, kind, repeated in fields:
            field = described.field.add(name=name, number=number, label=3 if repeated else 1)
            field.type = _MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                field.type_name = f".frozen.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("frozen.Graph"))
