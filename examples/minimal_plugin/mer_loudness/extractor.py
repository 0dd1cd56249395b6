"""A toy that shows the contract: level as arousal, valence left at zero."""

import numpy as np

from mer_loudness import INFO
from mer_plugins import EmotionCurve


class Loudness:
    info = INFO

    def __init__(self, *, quietest_db=-60.0):
        self.quietest_db = quietest_db

    def __call__(self, audio):
        hop = audio.sample_rate // 2
        starts = range(0, len(audio.samples), hop)
        rms = np.array([np.sqrt(np.mean(audio.samples[s : s + hop] ** 2.0)) for s in starts])
        level_db = 20 * np.log10(np.maximum(rms, 1e-9))
        arousal = np.clip(1 - 2 * level_db / self.quietest_db, -1, 1)
        values = np.stack([np.zeros_like(arousal), arousal], axis=1)
        return EmotionCurve(np.arange(len(values)) * 0.5, values, 0.5)
