"""The paper's sliding window taken literally: the whole network afresh for every window.

    python naive_window.py WINDOW_S OUT RECORDING...

It runs the same decoder, log-mel and network as mer-extract; log-mel is computed once.
"""

import sys
from pathlib import Path

import numpy as np

from damff import DAMFF
from mer_plugins import load_audio
from mer_plugins.sequence.extractor import ENCODER_BATCH


def naive(extractor: DAMFF, samples: np.ndarray) -> np.ndarray:
    """Return valence and arousal, shape=(t, 2), with a hop of one segment."""
    member, segments = extractor.members[0], extractor.front_end(samples)
    window, values = min(extractor.window, len(segments)), []
    for end in range(window, len(segments) + 1):
        one = segments[end - window : end]
        parts = [one[i : i + ENCODER_BATCH] for i in range(0, window, ENCODER_BATCH)]
        found = member.decode(np.concatenate([member.encode(part) for part in parts])[None])[0]
        values.append(found if not values else found[-1:])
    return member.curve(np.concatenate(values))


if __name__ == "__main__":
    damff = DAMFF(device="cpu", window_s=float(sys.argv[1]), hop_s=0.5)
    for recording in map(Path, sys.argv[3:]):
        found = naive(damff, load_audio(recording, damff.sample_rate).samples)
        np.savetxt(Path(sys.argv[2], f"{recording.stem}.csv"), found, delimiter=",")
