"""The four networks of DAMFF's paper as extractors. Importing this module imports torch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from mer_plugins.baselines import plugin, recipes
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.host import resource_path
from mer_plugins.sequence.extractor import NeuralExtractor
from mer_plugins.sequence.recipe import Trainable


class Baseline(NeuralExtractor):
    """Valence and arousal each half second, by the bundled or another checkpoint.

    Parameters
    ----------
    checkpoint : str or os.PathLike, optional
        Weights written by ``mer train`` for this plugin; by default the bundled ones.
    device : str
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    window_s, hop_s : float, optional
        Another window or hop of the sliding window than the checkpoint's, in seconds, multiples of
        half a second.
    """

    registered: ClassVar[ExtractorInfo]
    trainable: ClassVar[Trainable]

    def __init__(
        self,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        device: str = "auto",
        window_s: float | None = None,
        hop_s: float | None = None,
    ) -> None:
        path = Path(checkpoint) if checkpoint else resource_path(self.registered.checkpoint)
        super().__init__(
            self.registered, self.trainable, path, device=device, window_s=window_s, hop_s=hop_s
        )


class CRNN(Baseline):
    """Reference [16], :mod:`mer_plugins.baselines.crnn`; windows are recomputed."""

    registered, trainable = plugin.CRNN, recipes.CRNN_TRAINING


class BCRSN(Baseline):
    """Reference [9], :mod:`mer_plugins.baselines.bcrsn`."""

    registered, trainable = plugin.BCRSN, recipes.BCRSN_TRAINING


class DNN(Baseline):
    """Reference [17], :mod:`mer_plugins.baselines.dnn`."""

    registered, trainable = plugin.DNN, recipes.DNN_TRAINING


class MCRNN(Baseline):
    """Reference [18], :mod:`mer_plugins.baselines.mcrnn`."""

    registered, trainable = plugin.MCRNN, recipes.MCRNN_TRAINING
