"""DAMFF as an extractor: ``DAMFF(device="cpu")(audio)``. Importing this module imports torch."""

from __future__ import annotations

import os
from pathlib import Path

from torch import nn

from damff.model import DAMFFConfig, DAMFFNet
from damff.plugin import INFO
from mer_plugins.host import resource_path
from mer_plugins.sequence.checkpoint import Checkpoint, make_config
from mer_plugins.sequence.extractor import NeuralExtractor


class DAMFF(NeuralExtractor):
    """Valence and arousal each half second, by the bundled or another checkpoint.

    Parameters
    ----------
    checkpoint : str or os.PathLike, optional
        Weights written by ``mer train --plugin damff``; by default the bundled ones.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    window_s, hop_s : float, optional
        Another window or hop of the sliding window than the checkpoint's, in seconds, multiples of
        half a second.

    Examples
    --------
    >>> from mer_plugins import load_audio
    >>> curve = DAMFF(device="cpu")(load_audio("song.mp3"))  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        device: str = "auto",
        window_s: float | None = None,
        hop_s: float | None = None,
    ) -> None:
        path = Path(checkpoint) if checkpoint else resource_path(INFO.checkpoint)
        super().__init__(INFO, build_network, path, device=device, window_s=window_s, hop_s=hop_s)


def build_network(checkpoint: Checkpoint, path: Path) -> nn.Module:
    """Make the network a checkpoint describes, without its weights."""
    return DAMFFNet(make_config(DAMFFConfig, checkpoint.model, path))
