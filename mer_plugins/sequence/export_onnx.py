"""Write the ONNX graphs by which a checkpoint runs without torch; needs torch and onnx.

``mer train`` does it for every model. For another checkpoint, or one that a plugin brings::

    python -m mer_plugins.sequence.export_onnx damff model.safetensors
"""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path
from typing import cast

import click
import numpy as np
import onnx
import torch
from torch import Tensor, nn

from mer_plugins.atomic import replacing
from mer_plugins.errors import PluginError
from mer_plugins.host import load_factory, plugin_host, resource_path
from mer_plugins.sequence import graphs
from mer_plugins.sequence.checkpoint import Checkpoint, load_checkpoint
from mer_plugins.sequence.graphs import Description, Graphs
from mer_plugins.sequence.networks import (
    OnTensors,
    build_network,
    encodes_alone,
    halves,
    on_arrays,
)
from mer_plugins.sequence.onnx_backend import INPUT, PREFIX, OnnxNetwork
from mer_plugins.sequence.recipe import Trainable

_OPSET = 17


class _Half(nn.Module):
    """One half of a network, whose weights are called as in a checkpoint's file."""

    def __init__(self, network: nn.Module, run: OnTensors) -> None:
        super().__init__()
        self.model, self._run = network, run
        # The exporter leaves a network in the mode that it finds.
        self.eval()

    def forward(self, values: Tensor) -> Tensor:
        return self._run(values)


def write_graphs(checkpoint: Checkpoint, trainable: Trainable, path: Path) -> Path:
    """Write a checkpoint's graphs beside it and return their description's path.

    Parameters
    ----------
    checkpoint, path : Checkpoint, pathlib.Path
        The checkpoint and where it is.
    trainable : Trainable
        Its network.

    Raises
    ------
    CheckpointError
        If the checkpoint does not fit the network.
    PluginError
        If the network does something that ONNX cannot say, so that the graphs do not give what it
        gives.
    """
    network = build_network(checkpoint, trainable, path).eval()
    made = _export(network, checkpoint, trainable.training_only)
    _compare(OnnxNetwork(made, made.weights(checkpoint, path), path), network, checkpoint)
    content = graphs.to_json(made.description)
    digest = hashlib.sha256(content).hexdigest()[:8]
    target = path.with_name(f"{checkpoint.plugin}-{digest}{graphs.SUFFIX}")
    for half, graph in (("encode", made.encode), ("decode", made.decode)):
        if graph:
            _write(graphs.graph_path(target, half), graph)
    # Last, so that nobody finds a description without its graphs.
    _write(target, content)
    return target


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as file:
        file.write(content)


def _export(network: nn.Module, checkpoint: Checkpoint, training_only: tuple[str, ...]) -> Graphs:
    encode, decode = halves(network)
    example = torch.zeros(2, *checkpoint.features.segment_shape)
    with torch.no_grad():
        encoded = encode(example)
    alone = encodes_alone(network)
    encoder = _graph(_Half(network, encode), example, ["t"]) if alone else None
    head = _graph(_Half(network, decode), torch.stack([encoded] * 2), ["b", "t"])
    description = _describe(checkpoint, training_only, encoder, head)
    return Graphs(description, _bytes(encoder) if encoder else b"", _bytes(head))


def _bytes(model: onnx.ModelProto) -> bytes:
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _compare(found: OnnxNetwork, network: nn.Module, checkpoint: Checkpoint) -> None:
    """Run both over noise: what a network does by its input's values is lost in a graph."""
    shape = checkpoint.features.segment_shape
    segments = np.random.default_rng(0).normal(size=(7, *shape)).astype(np.float32)
    encode, decode = map(on_arrays, halves(network))
    encoded = encode(segments)
    windows = np.stack([encoded[:5], encoded[1:6], encoded[2:]])
    for a, b in (
        (found.encode(segments), encoded),
        (found.decode(windows), decode(windows)),
        (found.decode(encoded[None]), decode(encoded[None])),
    ):
        if not np.allclose(a, b, rtol=1e-4, atol=1e-5 * max(1.0, float(np.abs(b).max()))):
            raise PluginError(
                f"the network as ONNX differs by {np.abs(a - b).max():.2g} from itself"
            )


def _describe(
    checkpoint: Checkpoint,
    training_only: tuple[str, ...],
    encoder: onnx.ModelProto | None,
    head: onnx.ModelProto,
) -> Description:
    return Description(
        plugin=checkpoint.plugin,
        model={k: v for k, v in checkpoint.model.items() if k not in training_only},
        per_dimension=checkpoint.per_dimension,
        segment_shape=checkpoint.features.segment_shape,
        weights={name: tensor.shape for name, tensor in checkpoint.weights.items()},
        decode=_weights_of(head),
        encode=_weights_of(encoder) if encoder else None,
        training_only=training_only,
    )


def _weights_of(model: onnx.ModelProto) -> tuple[str, ...]:
    return tuple(tensor.name.removeprefix(PREFIX) for tensor in model.graph.initializer)


def _graph(half: nn.Module, example: Tensor, free: list[str]) -> onnx.ModelProto:
    """Export a network's half without its weights; the first axes, `free`, take any size."""
    axes = dict(enumerate(free))
    content = io.BytesIO()
    try:
        with warnings.catch_warnings():
            # Of this exporter's age, and that constants of the settings are taken as such.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                half,
                (example,),
                cast(str, content),
                input_names=[INPUT],
                output_names=["y"],
                dynamic_axes={INPUT: axes, "y": axes},
                # Constants are folded when a graph meets its weights.
                do_constant_folding=False,
                opset_version=_OPSET,
                # It keeps the names of weights and recurrent layers whole.
                dynamo=False,
            )
    except (RuntimeError, TypeError, ValueError) as exc:
        reason = " ".join(str(exc).split())[:300]
        raise PluginError(f"the network cannot be written as ONNX: {reason}") from exc
    return _without_weights(onnx.load_from_string(content.getvalue()))


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    for tensor in model.graph.initializer:
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="the checkpoint")
    return model


@click.command()
@click.argument("plugin")
@click.argument("checkpoint", required=False, type=click.Path(path_type=Path))
def main(plugin: str, checkpoint: Path | None) -> None:
    """Write the graphs of a plugin's bundled checkpoint, or of CHECKPOINT, beside it."""
    spec = plugin_host().extractors.get(plugin)
    trainable = load_factory(spec.training, f"the network of plugin {plugin!r}")
    path = checkpoint or resource_path(spec.info.checkpoint)
    click.echo(write_graphs(load_checkpoint(path, plugin)[0], trainable, path))


if __name__ == "__main__":
    main()
