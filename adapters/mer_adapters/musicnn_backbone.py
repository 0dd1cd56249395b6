"""MusiCNN and the published heads, run by Essentia's TensorFlow algorithms.

Conventions
-----------
Audio is mono at 16 kHz. Frames of 512 samples follow each other every 256, the first one centred
on sample 0; a patch is 187 frames (2.99 s) and gives one embedding of 200 numbers. Patches begin
every 31 frames (0.496 s) here, where Essentia's default is 93, so that there is one about each half
second. m numbers patches.

Source: Pons and Serra, musicnn, arXiv:1909.06654; TensorflowPredictMusiCNN and TensorflowPredict2D
of Essentia 2.1b6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from mer_adapters.essentia_library import quiet, require_essentia
from mer_plugins.curves import FloatArray
from mer_plugins.errors import CheckpointError, PluginError

SAMPLE_RATE = 16_000
FRAME_HOP = 256
PATCH_FRAMES = 187
PATCH_HOP = 31
EMBEDDING_NODE = "model/dense/BiasAdd"
HEAD_INPUT, HEAD_OUTPUT = "flatten_in_input", "dense_out"

Backbone = Callable[[FloatArray], FloatArray]


def patch_centres(count: int) -> FloatArray:
    """Return the middle of each patch, in seconds, shape=(count,).

    >>> patch_centres(2)
    array([1.488, 1.984])
    """
    first = (PATCH_FRAMES - 1) / 2
    return (first + PATCH_HOP * np.arange(count)) * FRAME_HOP / SAMPLE_RATE


def load_backbone(path: Path) -> Backbone:
    """Load MusiCNN: a function from samples, shape=(n,), to embeddings, shape=(m, 200), m > 0.

    Of a recording that is longer than a patch, an incomplete patch at the end is left out, as
    Essentia does by default. A shorter one is one patch, filled up with its own frames.

    Raises
    ------
    PluginError
        If Essentia is not installed, or without TensorFlow.
    CheckpointError
        If the file is no graph with the embedding's node.
    """
    standard = essentia_standard()
    with quiet(), _readable(path):
        predict = standard.TensorflowPredictMusiCNN(
            graphFilename=str(path),
            output=EMBEDDING_NODE,
            patchHopSize=PATCH_HOP,
            lastPatchMode="repeat",
        )

    def embed(samples: FloatArray) -> FloatArray:
        with quiet():
            patches: FloatArray = predict(np.ascontiguousarray(samples, dtype=np.float32))
        # Overlapping patches always leave frames over, of which "repeat" makes one patch more.
        return patches[: max(1, len(patches) - 1)]

    return embed


def load_published_head(path: Path) -> Callable[[FloatArray], FloatArray]:
    """Load a head: a function from embeddings, shape=(m, 200), to its output, shape=(m, 2).

    Raises
    ------
    PluginError
        If Essentia is not installed, or without TensorFlow.
    CheckpointError
        If the file is no graph with the head's nodes.
    """
    standard = essentia_standard()
    with quiet(), _readable(path):
        predict = standard.TensorflowPredict2D(
            graphFilename=str(path), input=HEAD_INPUT, output=HEAD_OUTPUT
        )

    def rate(embeddings: FloatArray) -> FloatArray:
        with quiet():
            native: FloatArray = predict(np.ascontiguousarray(embeddings, dtype=np.float32))
        return native

    return rate


def essentia_standard() -> ModuleType:
    """Import ``essentia.standard`` with TensorFlow, or say how to get it.

    Raises
    ------
    PluginError
        If Essentia cannot be imported, or is the build without TensorFlow.
    """
    standard = require_essentia(
        "essentia-musicnn", "Essentia with TensorFlow", extra="essentia-models"
    )
    if not hasattr(standard, "TensorflowPredictMusiCNN"):
        raise PluginError(
            "essentia-musicnn needs Essentia with TensorFlow, and the one installed is without: "
            "pip uninstall essentia, then pip install 'mer-plugins[essentia-models]'"
        )
    return standard


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except RuntimeError as exc:
        reason = " ".join(str(exc).split())[:300]
        raise CheckpointError(
            f"{path}: is not the published model file, or is damaged: download it again ({reason})"
        ) from exc
