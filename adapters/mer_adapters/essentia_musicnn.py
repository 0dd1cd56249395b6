"""Essentia's MusiCNN with a valence-arousal head, as an extractor.

One embedding about each half second (patches of 2.99 s that overlap), one value from each, and
between the middles of the patches the line from one to the next: so the values of the 2 Hz grid
belong to the middles of its intervals. Before the first middle and after the last the curve stays
level, because no patch looks there alone; the first and the last 1.5 s of a recording thus move
less than the rest, and one of 3.5 s or less is one level.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mer_adapters.musicnn_backbone import (
    SAMPLE_RATE,
    Backbone,
    load_backbone,
    load_published_head,
    patch_centres,
)
from mer_adapters.musicnn_files import BACKBONE_FILES, BACKBONE_PAGE, find_model
from mer_adapters.musicnn_heads import BUNDLED, EMBEDDING_SIZE, FEATURES, PUBLISHED
from mer_adapters.plugins import ESSENTIA_MUSICNN
from mer_adapters.ridge import load_ridge
from mer_plugins.audio import Audio
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.curves import UNIT_SCALE, EmotionCurve, FloatArray, Scale
from mer_plugins.errors import PluginError
from mer_plugins.host import file_sha256, resource_path

HOP_S = 0.5
Head = Callable[[FloatArray], FloatArray]


class EssentiaMusiCNN:
    """Valence and arousal each half second, by Essentia's MusiCNN and a head on its embedding.

    Parameters
    ----------
    head : str
        ``emomusic`` or ``deam``, as published with Essentia; or, on the same embedding and fitted
        by this project on DEAM, ``ridge`` (a linear function) or ``bilstm`` (over ten seconds,
        with torch).
    models : str or os.PathLike, optional
        Folder of ``msd-musicnn-1.pb`` and the published heads; by default that of the environment
        variable MER_ESSENTIA_MODELS, or ``essentia`` in the user's data folder for mer_plugins.
    checkpoint : str or os.PathLike, optional
        Another file than the bundled one for ``ridge`` or ``bilstm``, as
        :mod:`mer_adapters.fit_ridge` and :mod:`mer_adapters.fit_bilstm` write it.

    Raises
    ------
    PluginError
        If there is no such head, a model file is missing, or Essentia with TensorFlow is.
    CheckpointError
        If a model file is damaged.

    Examples
    --------
    >>> from mer_plugins import load_audio
    >>> curve = EssentiaMusiCNN(head="deam")(load_audio("song.mp3"))  # doctest: +SKIP
    """

    def __init__(
        self,
        *,
        head: str = "emomusic",
        models: str | os.PathLike[str] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        self._again = partial(type(self), head=head, models=models, checkpoint=checkpoint)
        path = find_head(head, models, checkpoint)
        backbone = find_model(BACKBONE_FILES, BACKBONE_PAGE, models)
        self.scale = PUBLISHED[head].scale if head in PUBLISHED else UNIT_SCALE
        self.head = load_head(head, path)
        self.backbone = load_backbone(backbone)
        self.info: ExtractorInfo = replace(
            ESSENTIA_MUSICNN,
            scale=self.scale,
            checkpoint=str(path),
            checkpoint_sha256=file_sha256(path),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Essentia's algorithms do not pickle; a copy loads its own.
        return self._again, ()

    def __call__(self, audio: Audio) -> EmotionCurve:
        """Extract the curve of a whole recording, at any rate and number of channels."""
        mono = audio.mono().resampled(SAMPLE_RATE)
        return rate_patches(mono.samples, self.backbone, self.head, self.scale)


def find_head(
    head: str,
    models: str | os.PathLike[str] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
) -> Path:
    """Find the file of a head.

    Raises
    ------
    PluginError
        If there is no such head, its file is missing, or a checkpoint is given for a published one.
    """
    if head in BUNDLED:
        return Path(checkpoint) if checkpoint else resource_path(BUNDLED[head])
    if head not in PUBLISHED:
        raise PluginError(f"head is {head!r}: expected {', '.join((*PUBLISHED, *BUNDLED))}")
    if checkpoint:
        own = " and ".join(f"head={name}" for name in BUNDLED)
        raise PluginError(
            f"checkpoint is {os.fspath(checkpoint)!r}, which only {own} take: head is {head!r}"
        )
    return find_model(PUBLISHED[head].files, PUBLISHED[head].page, models)


def load_head(head: str, path: Path) -> Head:
    """Load a head from the file that :func:`find_head` found.

    Raises
    ------
    PluginError
        If it is a published one, and Essentia is not installed, or without TensorFlow.
    CheckpointError
        If the file is damaged.
    """
    if head in PUBLISHED:
        return load_published_head(path)
    if head == "bilstm":
        from mer_adapters.musicnn_bilstm import load_bilstm

        return load_bilstm(path)
    return load_ridge(path, FEATURES, EMBEDDING_SIZE)


def rate_patches(samples: FloatArray, backbone: Backbone, head: Head, scale: Scale) -> EmotionCurve:
    """Turn samples into a curve at 2 Hz, one interval begun being one interval.

    Parameters
    ----------
    samples : np.ndarray, shape=(n,)
        Mono, 16 kHz.
    backbone : callable
        Maps samples to embeddings, shape=(m, 200), m > 0, one each 31 frames.
    head : callable
        Maps embeddings to native values, shape=(m, 2).
    scale : Scale
        Order and range of the native values. They are converted, and clipped to [-1, 1].
    """
    rated = scale.to_unit(head(backbone(samples))).clip(-1, 1)
    times = HOP_S * np.arange(math.ceil(len(samples) / SAMPLE_RATE / HOP_S))
    centres = patch_centres(len(rated))
    values = [np.interp(times + HOP_S / 2, centres, rated[:, d]) for d in range(2)]
    return EmotionCurve(times, np.stack(values, axis=1), HOP_S)
