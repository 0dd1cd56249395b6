"""Networks run by torch. Importing this module imports torch."""

from __future__ import annotations

from pathlib import Path

import torch

from mer_plugins.sequence.backends import Array
from mer_plugins.sequence.checkpoint import Checkpoint
from mer_plugins.sequence.networks import build_network, halves, on_arrays
from mer_plugins.sequence.recipe import Trainable


class TorchNetwork:
    """One network; a :class:`mer_plugins.sequence.backends.Network`.

    Parameters
    ----------
    checkpoint : Checkpoint
        Settings and weights.
    trainable : Trainable
        The network.
    path : pathlib.Path
        The checkpoint, for messages.
    device : str
        Where to run.

    Raises
    ------
    CheckpointError
        If settings or weights do not fit.
    """

    def __init__(
        self, checkpoint: Checkpoint, trainable: Trainable, path: Path, device: str
    ) -> None:
        model = build_network(checkpoint, trainable, path)
        self._model = model.to(  # type: ignore[call-overload]
            device=torch.device(device), memory_format=torch.channels_last
        ).eval()
        self._device = device

    def encode(self, segments: Array) -> Array:
        """Map normalised segments, (t, f, n), to (t, h), or to themselves."""
        return on_arrays(halves(self._model)[0], self._device)(segments)

    def decode(self, encoded: Array) -> Array:
        """Map encoded segments of windows, (b, t, h), to values, (b, t, 2)."""
        return on_arrays(halves(self._model)[1], self._device)(encoded)
