"""DAMFF as an extractor: ``DAMFF(device="cpu")(audio)``. Importing this module imports torch."""

from __future__ import annotations

import os
from pathlib import Path

from torch import nn

from damff.model import DAMFFConfig, DAMFFNet
from damff.plugin import INFO
from mer_plugins.errors import CheckpointError
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
    """Make the network a checkpoint describes, without its weights.

    Raises
    ------
    CheckpointError
        If its settings are none of DAMFF's, its front end makes segments of another size than the
        network takes, or it does not give both valence and arousal.
    """
    config = make_config(DAMFFConfig, checkpoint.model, path)
    made = (checkpoint.features.n_mels, checkpoint.features.frames_per_segment)
    if made != (config.n_mels, config.n_frames):
        raise CheckpointError(
            f"{path}: the front end makes segments of {made[0]} bands x {made[1]} frames: "
            f"expected {config.n_mels} x {config.n_frames}, as the network takes them"
        )
    if config.outputs != 2:
        raise CheckpointError(
            f"{path}: the network has {config.outputs} output: "
            "expected 2, valence and arousal; one for a single dimension cannot run alone"
        )
    return DAMFFNet(config)
