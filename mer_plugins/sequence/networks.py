"""Networks as checkpoints describe them: one trunk with two heads, or one network a dimension."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from einops import EinopsError
from torch import Tensor, nn

from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.checkpoint import Array, Checkpoint, check_finite, make_config
from mer_plugins.sequence.recipe import Trainable

OnTensors = Callable[[Tensor], Tensor]

# A checkpoint is someone else's file, and a made-up size must not take all memory.
_MOST_PARAMETERS = 100_000_000


class SegmentNetwork(Protocol):
    """A network whose encoder sees one segment at a time."""

    def encode(self, segments: Tensor) -> Tensor:
        """Map (t, f, n) to (t, h)."""
        ...

    def decode(self, encoded: Tensor) -> Tensor:
        """Map (b, t, h) to (b, t, 2)."""
        ...


def encodes_alone(network: nn.Module) -> bool:
    """Tell whether an encoder sees one segment at a time; it does unless the network says not."""
    return bool(getattr(network, "segments_independent", True))


def halves(network: nn.Module) -> tuple[OnTensors, OnTensors]:
    """Return what runs per segment, (t, ...) -> (t, h), and per window, (b, t, h) -> (b, t, d).

    Where an encoder sees across segments, it hears a segment otherwise in each window, so the whole
    network runs per window.
    """
    if encodes_alone(network):
        segment_network = cast(SegmentNetwork, network)
        return segment_network.encode, segment_network.decode
    return (lambda segments: segments), network


def of_lengths(network: nn.Module, segments: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Run excerpts of which some are shorter, each as if it were alone: no filling is heard.

    The filling would count in batch normalisation, and a backward recurrence would begin in it. A
    network whose encoder sees across segments hears it nevertheless, as it runs whole.

    Parameters
    ----------
    network : torch.nn.Module
        Varies excerpts in training, if it does, in ``augment``, (b, t, ...) -> (b, t, ...).
    segments : torch.Tensor, shape=(b, t, ...)
        The excerpts, filled up at their ends.
    present : torch.Tensor, shape=(b, t)
        1 for a segment, 0 for filling.

    Returns
    -------
    encoded, estimate : torch.Tensor, shape=(b, t, h) and shape=(b, t, d)
        0 where there is filling.
    """
    if not encodes_alone(network):
        return segments, network(segments)
    encode, decode = halves(network)
    augment = getattr(network, "augment", None)
    there = present.bool()
    found = encode((augment(segments) if augment else segments)[there])
    encoded = found.new_zeros(*there.shape, *found.shape[1:])
    encoded[there] = found
    lengths = there.sum(dim=1)
    parts = [(lengths == n, n) for n in sorted(set(lengths.tolist()))]
    decoded = [(rows, n, decode(encoded[rows, :n])) for rows, n in parts]
    estimate = decoded[0][2].new_zeros(*there.shape, decoded[0][2].shape[-1])
    for rows, n, values in decoded:
        estimate[rows, :n] = values
    return encoded, estimate


def on_arrays(function: OnTensors, device: torch.device | str = "cpu") -> Callable[[Array], Array]:
    """Return a function of tensors as one of float32 arrays, without gradients."""

    @torch.inference_mode()
    def run(values: Array) -> Array:
        found: Array = function(torch.from_numpy(values).to(device)).float().cpu().numpy()
        return found

    return run


class PerDimension(nn.Module):
    """Two networks with one output each, side by side as one network with two.

    Parameters
    ----------
    valence, arousal : torch.nn.Module
        Of the same shape; (b, t, f, n) -> (b, t, 1).
    """

    def __init__(self, valence: nn.Module, arousal: nn.Module) -> None:
        super().__init__()
        self.valence, self.arousal = valence, arousal

    def encode(self, segments: Tensor) -> Tensor:
        """Map (t, f, n) to (t, 2 h)."""
        parts = [cast(SegmentNetwork, net).encode(segments) for net in self.children()]
        return torch.cat(parts, dim=-1)

    def decode(self, encoded: Tensor) -> Tensor:
        """Map (b, t, 2 h) to (b, t, 2)."""
        halves = zip(self.children(), encoded.chunk(2, dim=-1), strict=True)
        return torch.cat([cast(SegmentNetwork, net).decode(part) for net, part in halves], dim=-1)


def build_network(checkpoint: Checkpoint, trainable: Trainable, path: Path) -> nn.Module:
    """Make the network of a checkpoint, with its weights.

    Raises
    ------
    CheckpointError
        If its settings are none of the network's, its front end makes segments of another size
        than the network takes, it does not give both valence and arousal, or the weights do not
        fit.
    """
    config: Any = make_config(trainable.config_class, checkpoint.model, path)
    for name, made in checkpoint.features.network_sizes.items():
        if (taken := getattr(config, name, made)) != made:
            raise CheckpointError(
                f"{path}: {name} of the front end's segments is {made}: expected {taken}, as the "
                "network takes them"
            )
    outputs, given = 1 if checkpoint.per_dimension else 2, getattr(config, "outputs", 2)
    if given != outputs:
        raise CheckpointError(
            f"{path}: its network has {given} output(s): expected {outputs}; a network "
            "for a single dimension cannot run alone"
        )
    _check_size(config, trainable, outputs, checkpoint, path)
    model = bare_network(config, trainable, outputs)
    load_weights(model, checkpoint.weights, path)
    return model


def bare_network(config: object, trainable: Trainable, outputs: int) -> nn.Module:
    """Make a network with weights at random, for each dimension one if it has one output."""
    if outputs == 2:
        return trainable.network(config)
    return PerDimension(trainable.network(config), trainable.network(config))


def _try_on(model: nn.Module, segment_shape: tuple[int, int]) -> None:
    encode, decode = halves(model)
    decode(encode(torch.empty(2, *segment_shape, device="meta"))[None])


def _check_size(
    config: object, trainable: Trainable, outputs: int, checkpoint: Checkpoint, path: Path
) -> None:
    try:
        # On the meta device a network has shapes and no memory.
        with torch.device("meta"):
            model = bare_network(config, trainable, outputs).eval()
        wanted = sum(p.numel() for p in model.parameters())
        _try_on(model, checkpoint.features.segment_shape)
    except (RuntimeError, OverflowError, EinopsError) as exc:
        raise CheckpointError(
            f"{path}: its settings describe no network that can be, or none that takes its front "
            "end's segments"
        ) from exc
    held = sum(t.size for t in checkpoint.weights.values())
    if wanted > min(_MOST_PARAMETERS, 2 * held + 1000):
        raise CheckpointError(
            f"{path}: its settings describe {wanted} parameters, its weights hold {held}: "
            "the file is damaged"
        )


def load_weights(model: nn.Module, weights: Mapping[str, Array], path: Path) -> None:
    """Fill a network with a checkpoint's weights, which must fit exactly and be finite."""
    # Copies: a file's arrays are not for torch to write to.
    state = {name: torch.from_numpy(np.array(tensor)) for name, tensor in weights.items()}
    try:
        model.load_state_dict(state, strict=True)
    except RuntimeError as exc:
        raise CheckpointError(
            f"{path}: weights do not fit the model ({' '.join(str(exc).split())[:300]})"
        ) from exc
    check_finite(weights, path)
