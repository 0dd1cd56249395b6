"""Sound for the checks of :mod:`mer_plugins.testing`, made from fixed seeds; mono, in [-1, 1]."""

from __future__ import annotations

import numpy as np

from mer_plugins.curves import FloatArray


def music(length_s: float, sample_rate: int, seed: int) -> FloatArray:
    """Make chords of decaying tones in a little noise, shape=(n,)."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(length_s * sample_rate)) / sample_rate
    sound = 0.005 * rng.standard_normal(len(times))
    for begin in np.arange(0, length_s, 0.4):
        since = np.maximum(times - begin, 0)
        for pitch in rng.choice([220, 262, 294, 330, 392, 440, 523], 3):
            sound += 0.1 * (since > 0) * np.exp(-4 * since) * np.sin(2 * np.pi * pitch * since)
    return sound.clip(-1, 1)


def calm_music(length_s: float, sample_rate: int) -> FloatArray:
    """Make a low fifth that swells slowly, softly, shape=(n,)."""
    times = np.arange(round(length_s * sample_rate)) / sample_rate
    swell = 0.03 * (1 + 0.3 * np.sin(2 * np.pi * 0.2 * times))
    pitches = np.array([[110], [165], [220]])
    fifth: FloatArray = swell * np.sin(2 * np.pi * pitches * times).sum(axis=0)
    return fifth


def excited_music(length_s: float, sample_rate: int) -> FloatArray:
    """Make loud strokes of noise, six a second, over a fast broken chord, shape=(n,)."""
    rng = np.random.default_rng(4)
    times = np.arange(round(length_s * sample_rate)) / sample_rate
    strokes = np.exp(-12 * (times % (1 / 6))) * rng.standard_normal(len(times))
    pitches = np.array([440, 554, 659, 880])[(times * 12).astype(int) % 4]
    chord = np.sign(np.sin(2 * np.pi * pitches * times))
    sound: FloatArray = (0.3 * strokes + 0.3 * chord).clip(-1, 1)
    return sound
