"""MusiCNN as a teacher of ``mer train``: its embedding is a target beside the labels.

    mer train --plugin damff --recipe distilled --teacher essentia-musicnn -t models=DIR ...

Weights that were learnt with it inherit the licence of MusiCNN's, CC BY-NC-SA 4.0.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from mer_adapters.musicnn_backbone import SAMPLE_RATE
from mer_adapters.musicnn_files import BACKBONE_FILES, BACKBONE_PAGE, find_model
from mer_adapters.musicnn_torch import MusiCNN, patches
from mer_plugins.host import file_sha256
from mer_plugins.sequence.processor import has_bfloat16
from mer_plugins.sequence.waveform import WaveformConfig


class MusiCNNTeacher:
    """Embeddings of three seconds each.

    Parameters
    ----------
    models : str or os.PathLike, optional
        Folder of ``msd-musicnn-1.pb``, as for the plugin ``essentia-musicnn``.

    Raises
    ------
    PluginError
        If the file is not there.
    CheckpointError
        If it is another network.
    """

    features = WaveformConfig(SAMPLE_RATE)
    # Six half seconds hold one patch of 2.99 s and one frame more.
    span = 6

    def __init__(self, models: str | os.PathLike[str] | None = None) -> None:
        path = find_model(BACKBONE_FILES, BACKBONE_PAGE, models)
        self.identity = f"essentia-musicnn {file_sha256(path)}"
        fast = has_bfloat16(torch.device("cpu"))
        self._network = MusiCNN(path, torch.bfloat16 if fast else torch.float32)

    @property
    def size(self) -> int:
        """Numbers in an embedding."""
        return self._network.size

    @torch.no_grad()
    def __call__(self, samples: Tensor) -> Tensor:
        """Map three seconds at 16 kHz, (b, 48000), to embeddings, (b, 200)."""
        spectrum = self._network.spectrum(samples.float())
        embedding: Tensor = self._network(patches(spectrum, 1)[:, 0])
        return embedding
