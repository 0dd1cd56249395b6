"""DAMFF as an extractor: ``DAMFF(device="cpu")(audio)``; imports torch only where it is needed."""

from __future__ import annotations

import os
from pathlib import Path

from damff.config import DAMFFConfig
from damff.plugin import ENSEMBLE_INFO, INFO
from mer_plugins.host import resource_path
from mer_plugins.sequence.extractor import NeuralExtractor

_NETWORK = "damff.recipes:TRAINING"


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
    smoothing_s : float, optional
        Another smoothing of the curves than the checkpoint's, in seconds; 0 is none.

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
        smoothing_s: float | None = None,
    ) -> None:
        path = Path(checkpoint) if checkpoint else resource_path(INFO.checkpoint)
        super().__init__(
            INFO,
            _NETWORK,
            path,
            device=device,
            window_s=window_s,
            hop_s=hop_s,
            smoothing_s=smoothing_s,
            config_class=DAMFFConfig,
        )


class DAMFFEnsemble(NeuralExtractor):
    """Mean and deviation of several DAMFF networks, each trained without one fold of the data.

    Parameters are those of :class:`DAMFF`; `checkpoint` is an ``ensemble.safetensors`` as ``mer
    train --plugin damff --folds all`` writes it, by default the bundled one.
    """

    def __init__(
        self,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        device: str = "auto",
        window_s: float | None = None,
        hop_s: float | None = None,
        smoothing_s: float | None = None,
    ) -> None:
        path = Path(checkpoint) if checkpoint else resource_path(ENSEMBLE_INFO.checkpoint)
        super().__init__(
            ENSEMBLE_INFO,
            _NETWORK,
            path,
            network=INFO.name,
            ensemble=True,
            device=device,
            window_s=window_s,
            hop_s=hop_s,
            smoothing_s=smoothing_s,
            config_class=DAMFFConfig,
        )
