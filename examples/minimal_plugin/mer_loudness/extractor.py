"""A toy that shows the contract: loud is not the same as aroused, and valence is never heard."""

import math

import numpy as np

from mer_loudness import INFO
from mer_plugins import Audio, EmotionCurve


class Loudness:
    """Maps the RMS level of each half second, `quietest_db`..0 dBFS, to arousal -1..1."""

    info = INFO

    def __init__(self, *, quietest_db: float = -60.0) -> None:
        self.quietest_db = quietest_db

    def __call__(self, audio: Audio) -> EmotionCurve:
        power = audio.mono().samples.astype(float) ** 2
        starts = np.arange(math.ceil(audio.duration_s / 0.5)) * audio.sample_rate // 2
        counts = np.maximum(np.diff(starts, append=len(power)), 1)
        level_db = 10 * np.log10(np.maximum(np.add.reduceat(power, starts) / counts, 1e-20))
        arousal = np.clip(1 - 2 * level_db / self.quietest_db, -1, 1)
        values = np.stack([np.zeros_like(arousal), arousal], axis=1)
        return EmotionCurve(np.arange(len(values)) * 0.5, values, 0.5)
