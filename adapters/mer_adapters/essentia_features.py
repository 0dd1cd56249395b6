"""Frame-wise features by Essentia's own algorithms (no TensorFlow), from one spectrum a frame.

Conventions
-----------
Audio is mono at 44,100 Hz. Frames of 4,096 samples follow each other every 2,205 (50 ms), the first
one centred on sample 0, so that each half second holds the centres of ten. Nothing is scaled by a
property of the whole recording: a frame's features are the same however the recording goes on.

Source: Bogdanov et al., Essentia, ISMIR 2013. Dissonance is Plomp and Levelt's roughness of the
spectral peaks, HPCP Gomez' pitch class profile.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from mer_adapters.essentia_library import quiet, require_essentia
from mer_adapters.half_seconds import statistics
from mer_plugins.curves import FloatArray

FEATURES = "essentia"
SAMPLE_RATE = 44_100
FRAME = 4_096
FRAME_HOP = 2_205
PER_HALF_SECOND = 10
_NYQUIST = SAMPLE_RATE / 2
_FLOOR = 1e-6
NAMES = (
    *(f"mfcc {n}" for n in range(20)),
    *(f"contrast {n}" for n in range(6)),
    *(f"valley {n}" for n in range(6)),
    *(f"hpcp {n}" for n in range(12)),
    *("dissonance", "pitch salience", "complexity", "centroid", "roll-off", "flatness", "entropy"),
    *("spread", "high frequencies", "loudness", "zero crossings", "onset strength"),
)


def essentia_statistics(samples: FloatArray) -> FloatArray:
    """Return mean and deviation over each half second of the features :data:`NAMES`.

    Parameters
    ----------
    samples : np.ndarray, shape=(n,)
        Mono, 44,100 Hz, at least one sample.

    Returns
    -------
    np.ndarray, shape=(m, 2 * len(NAMES))

    Raises
    ------
    PluginError
        If Essentia cannot be imported.
    """
    standard = require_classical()
    with quiet():
        frames = np.array([*_FrameFeatures(standard).of(samples)])
    return statistics(frames, PER_HALF_SECOND)


def require_classical() -> ModuleType:
    """Import ``essentia.standard``, of either build; PluginError says how to get it."""
    return require_essentia("ridge-essentia", "Essentia", extra="essentia")


class _FrameFeatures:
    """Essentia's algorithms, made anew for each recording: the flux remembers the frame before."""

    def __init__(self, standard: ModuleType) -> None:
        self._window = standard.Windowing(type="hann", size=FRAME)
        self._spectrum = standard.Spectrum(size=FRAME)
        self._mfcc = standard.MFCC(
            inputSize=FRAME // 2 + 1, numberCoefficients=20, sampleRate=SAMPLE_RATE
        )
        self._contrast = standard.SpectralContrast(frameSize=FRAME, sampleRate=SAMPLE_RATE)
        self._peaks = standard.SpectralPeaks(
            sampleRate=SAMPLE_RATE,
            maxPeaks=60,
            magnitudeThreshold=1e-5,
            minFrequency=40,
            maxFrequency=5_000,
            orderBy="frequency",
        )
        self._hpcp = standard.HPCP(size=12, sampleRate=SAMPLE_RATE)
        self._dissonance = standard.Dissonance()
        self._moments = standard.CentralMoments(range=_NYQUIST)
        self._distribution = standard.DistributionShape()
        self._of_spectrum: tuple[Any, ...] = (
            standard.PitchSalience(sampleRate=SAMPLE_RATE),
            standard.SpectralComplexity(sampleRate=SAMPLE_RATE),
            standard.Centroid(range=_NYQUIST),
            standard.RollOff(sampleRate=SAMPLE_RATE),
            standard.FlatnessDB(),
            standard.Entropy(),
        )
        self._energy = standard.HFC(sampleRate=SAMPLE_RATE), standard.Loudness()
        self._zero_crossings = standard.ZeroCrossingRate()
        self._flux = standard.Flux(halfRectify=True)

    def of(self, samples: FloatArray) -> Iterator[FloatArray]:
        """Yield the features of each frame, shape=(k,), in the order of :data:`NAMES`."""
        padded = np.pad(np.asarray(samples, dtype=np.float32), FRAME // 2)
        for begin in range(0, len(samples), FRAME_HOP):
            frame = np.ascontiguousarray(padded[begin : begin + FRAME])
            spectrum = self._spectrum(self._window(frame))
            yield np.concatenate([*self._tonal(spectrum), self._others(frame, spectrum)])

    def _tonal(self, spectrum: FloatArray) -> tuple[FloatArray, ...]:
        contrast, valley = self._contrast(spectrum)
        frequencies, magnitudes = self._peaks(spectrum)
        dissonance = np.array([self._dissonance(frequencies, magnitudes)])
        hpcp = self._hpcp(frequencies, magnitudes)
        return self._mfcc(spectrum)[1], contrast, valley, hpcp, dissonance

    def _others(self, frame: FloatArray, spectrum: FloatArray) -> FloatArray:
        spread, _, _ = self._distribution(self._moments(spectrum))
        hfc, loudness = self._energy
        # Logarithms, because a few loud frames would else outweigh all the others.
        levels = np.log([hfc(spectrum) + _FLOOR, loudness(frame) + _FLOOR])
        shape = [algorithm(spectrum) for algorithm in self._of_spectrum]
        motion = self._zero_crossings(frame), self._flux(spectrum)
        return np.array([*shape, np.sqrt(spread), *levels, *motion])
