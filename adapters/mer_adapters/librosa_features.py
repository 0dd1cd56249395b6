"""Frame-wise features by librosa, from one short-time spectrum that all of them share.

Conventions
-----------
Audio is mono at 22,050 Hz. Frames of 2,048 samples follow each other every 525, the first one
centred on sample 0, so that each half second holds the centres of 21. Nothing is scaled by a
property of the whole recording: a frame's features are the same however the recording goes on.

Source: McFee et al., librosa, SciPy 2015; the features are those of ``librosa.feature``.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from mer_adapters.half_seconds import statistics
from mer_plugins.curves import FloatArray
from mer_plugins.errors import PluginError

FEATURES = "librosa"
SAMPLE_RATE = 22_050
FRAME = 2_048
FRAME_HOP = 525
PER_HALF_SECOND = 21
_BLOCK_FRAMES = 60 * 2 * PER_HALF_SECOND
NAMES = (
    *(f"mfcc {n}" for n in range(20)),
    *(f"contrast {n}" for n in range(7)),
    *(f"chroma {n}" for n in range(12)),
    *(f"tonnetz {n}" for n in range(6)),
    *("centroid", "bandwidth", "roll-off", "flatness", "loudness", "zero crossings"),
    "onset strength",
)


def librosa_statistics(samples: FloatArray) -> FloatArray:
    """Return mean and deviation over each half second of the features :data:`NAMES`.

    Parameters
    ----------
    samples : np.ndarray, shape=(n,)
        Mono, 22,050 Hz, at least one sample.

    Returns
    -------
    np.ndarray, shape=(m, 2 * len(NAMES))

    Raises
    ------
    PluginError
        If librosa cannot be imported.
    """
    return statistics(np.concatenate(list(_frames(samples))), PER_HALF_SECOND)


def require_librosa() -> ModuleType:
    """Import librosa; PluginError says how to get it."""
    try:
        import librosa
    except ImportError as exc:
        raise PluginError(
            f"ridge-librosa needs librosa, which cannot be imported ({' '.join(str(exc).split())})"
            ": pip install 'mer-plugins[librosa]'"
        ) from exc
    found: ModuleType = librosa
    return found


def _frames(samples: FloatArray) -> Iterator[FloatArray]:
    """Yield features, shape=(n, k), of a minute at a time: a long recording's spectrum is large."""
    librosa = require_librosa()
    count = -(-len(samples) // FRAME_HOP)
    padded = np.pad(np.asarray(samples, dtype=np.float32), FRAME // 2)
    before = None
    for begin in range(0, count, _BLOCK_FRAMES):
        end = min(begin + _BLOCK_FRAMES, count)
        block = padded[begin * FRAME_HOP : (end - 1) * FRAME_HOP + FRAME]
        magnitude = np.abs(librosa.stft(block, n_fft=FRAME, hop_length=FRAME_HOP, center=False))
        mel_db = _mel_db(librosa, magnitude)
        onsets = _onset_strength(librosa, mel_db, before)
        before = mel_db[:, -1:]
        parts = [*_timbre(librosa, magnitude, mel_db), *_harmony(librosa, magnitude)]
        yield np.concatenate([*parts, *_shape(librosa, magnitude, block), onsets]).T


def _mel_db(librosa: ModuleType, magnitude: FloatArray) -> FloatArray:
    mel = librosa.feature.melspectrogram(S=magnitude**2, sr=SAMPLE_RATE)
    decibel: FloatArray = librosa.power_to_db(mel, top_db=None)
    return decibel


def _timbre(
    librosa: ModuleType, magnitude: FloatArray, mel_db: FloatArray
) -> tuple[FloatArray, FloatArray]:
    return (
        librosa.feature.mfcc(S=mel_db, n_mfcc=20),
        librosa.feature.spectral_contrast(S=magnitude, sr=SAMPLE_RATE),
    )


def _harmony(librosa: ModuleType, magnitude: FloatArray) -> tuple[FloatArray, FloatArray]:
    # The tuning is taken as A = 440 Hz: estimating it costs more than all the rest.
    chroma = librosa.feature.chroma_stft(S=magnitude**2, sr=SAMPLE_RATE, n_fft=FRAME, tuning=0.0)
    return chroma, librosa.feature.tonnetz(chroma=chroma, sr=SAMPLE_RATE)


def _shape(librosa: ModuleType, magnitude: FloatArray, block: FloatArray) -> tuple[FloatArray, ...]:
    feature = librosa.feature
    centroid = feature.spectral_centroid(S=magnitude, sr=SAMPLE_RATE)
    return (
        centroid,
        feature.spectral_bandwidth(S=magnitude, sr=SAMPLE_RATE, centroid=centroid),
        feature.spectral_rolloff(S=magnitude, sr=SAMPLE_RATE),
        np.log(feature.spectral_flatness(S=magnitude)),
        librosa.amplitude_to_db(feature.rms(S=magnitude, frame_length=FRAME), top_db=None),
        feature.zero_crossing_rate(block, frame_length=FRAME, hop_length=FRAME_HOP, center=False),
    )


def _onset_strength(
    librosa: ModuleType, mel_db: FloatArray, before: FloatArray | None
) -> FloatArray:
    """Return the mean rise of the mel bands since the frame before, shape=(1, n), in dB."""
    first = mel_db[:, :1] if before is None else before
    joined = np.concatenate([first, mel_db], axis=1)
    strength: FloatArray = librosa.onset.onset_strength(S=joined, sr=SAMPLE_RATE, center=False)
    return strength[None, 1:]
