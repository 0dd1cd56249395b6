"""The four networks of DAMFF's paper as extractors; imports torch only where it is needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from mer_plugins.baselines import plugin
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.host import resource_path
from mer_plugins.sequence.extractor import NeuralExtractor


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
    smoothing_s : float, optional
        Another smoothing of the curves than the checkpoint's, in seconds; 0 is none.
    """

    registered: ClassVar[ExtractorInfo]

    def __init__(
        self,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        device: str = "auto",
        window_s: float | None = None,
        hop_s: float | None = None,
        smoothing_s: float | None = None,
    ) -> None:
        path = Path(checkpoint) if checkpoint else resource_path(self.registered.checkpoint)
        network = f"mer_plugins.baselines.recipes:{type(self).__name__}_TRAINING"
        super().__init__(
            self.registered,
            network,
            path,
            device=device,
            window_s=window_s,
            hop_s=hop_s,
            smoothing_s=smoothing_s,
        )


class CRNN(Baseline):
    """Reference [16], :mod:`mer_plugins.baselines.crnn`; windows are recomputed."""

    registered = plugin.CRNN


class BCRSN(Baseline):
    """Reference [9], :mod:`mer_plugins.baselines.bcrsn`."""

    registered = plugin.BCRSN


class DNN(Baseline):
    """Reference [17], :mod:`mer_plugins.baselines.dnn`."""

    registered = plugin.DNN


class MCRNN(Baseline):
    """Reference [18], :mod:`mer_plugins.baselines.mcrnn`."""

    registered = plugin.MCRNN
