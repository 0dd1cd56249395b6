"""Ridge regressions on classical features, as extractors: what a network has to be better than.

Each half second is rated by a linear function of the features' means and deviations, and the curve
is smoothed over 3.5 and 10.5 s about each half second: one half second alone tells little.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from mer_adapters import essentia_features, librosa_features
from mer_adapters.half_seconds import HOP_S, smoothed
from mer_adapters.plugins import RIDGE_ESSENTIA, RIDGE_LIBROSA
from mer_adapters.ridge import load_ridge
from mer_plugins.audio import Audio, too_short
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.errors import AudioError
from mer_plugins.host import file_sha256, resource_path

HALF_WIDTHS = (3, 10)


class RidgeExtractor(ABC):
    """Valence and arousal each half second, by a ridge on the statistics of a feature set.

    Parameters
    ----------
    checkpoint : str or os.PathLike, optional
        Another ridge than the bundled one, as :mod:`mer_adapters.fit_ridge` writes it.

    Raises
    ------
    PluginError
        If there is no such file, or the library is not installed.
    CheckpointError
        If the file is damaged, or is a ridge on other features.
    """

    registered: ClassVar[ExtractorInfo]
    features: ClassVar[str]
    size: ClassVar[int]
    sample_rate: ClassVar[int]

    @staticmethod
    @abstractmethod
    def require() -> object:
        """Import the library; PluginError says how to get it."""

    @staticmethod
    @abstractmethod
    def statistics(samples: FloatArray) -> FloatArray:
        """Map mono samples at `sample_rate`, shape=(n,), to features, shape=(m, size)."""

    def __init__(self, *, checkpoint: str | os.PathLike[str] | None = None) -> None:
        self.require()
        path = Path(checkpoint) if checkpoint else resource_path(self.registered.checkpoint)
        digest = file_sha256(path)
        self.head = load_ridge(path, self.features, self.size)
        self.info = replace(self.registered, checkpoint=str(path), checkpoint_sha256=digest)

    def __call__(self, audio: Audio) -> EmotionCurve:
        """Extract the curve of a whole recording, at any rate and number of channels.

        Raises
        ------
        AudioError
            If the recording is shorter than half a second, or holds NaN or infinity.
        """
        samples = audio.mono().resampled(self.sample_rate).samples
        if len(samples) < HOP_S * self.sample_rate:
            raise too_short(len(samples), self.sample_rate, HOP_S)
        if not np.isfinite(samples).all():
            raise AudioError("the recording holds NaN or infinity: expected finite samples")
        rated = self.head(self.statistics(samples))
        values = smoothed(rated.clip(-1, 1), HALF_WIDTHS)
        return EmotionCurve(HOP_S * np.arange(len(values)), values, HOP_S)


class RidgeLibrosa(RidgeExtractor):
    """A ridge on librosa's features. Parameters and errors are those of :class:`RidgeExtractor`.

    Examples
    --------
    >>> from mer_plugins import load_audio
    >>> curve = RidgeLibrosa()(load_audio("song.mp3"))  # doctest: +SKIP
    """

    registered = RIDGE_LIBROSA
    features = librosa_features.FEATURES
    size = 2 * len(librosa_features.NAMES)
    sample_rate = librosa_features.SAMPLE_RATE
    statistics = staticmethod(librosa_features.librosa_statistics)
    require = staticmethod(librosa_features.require_librosa)


class RidgeEssentia(RidgeExtractor):
    """A ridge on Essentia's features. Parameters and errors are those of :class:`RidgeExtractor`.

    Examples
    --------
    >>> from mer_plugins import load_audio
    >>> curve = RidgeEssentia()(load_audio("song.mp3"))  # doctest: +SKIP
    """

    registered = RIDGE_ESSENTIA
    features = essentia_features.FEATURES
    size = 2 * len(essentia_features.NAMES)
    sample_rate = essentia_features.SAMPLE_RATE
    statistics = staticmethod(essentia_features.essentia_statistics)
    require = staticmethod(essentia_features.require_classical)
