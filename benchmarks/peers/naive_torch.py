"""The paper's sliding window as a script of a paper has it: librosa and PyTorch, window by window.

    python naive_torch.py WINDOW_S OUT RECORDING...

Log-mel and network are computed afresh for every window, one forward pass a window.
"""

import sys
from pathlib import Path

import librosa
import numpy as np
import torch

from damff import DAMFF
from damff.recipes import TRAINING
from mer_plugins.sequence.checkpoint import load_checkpoint
from mer_plugins.sequence.networks import build_network

HOP_S = 0.5


def log_mel(samples: np.ndarray, c) -> np.ndarray:
    """Return segments, shape=(t, n_mels, frames)."""
    sizes = {"n_fft": c.n_fft, "hop_length": c.hop_length, "n_mels": c.n_mels}
    power = librosa.feature.melspectrogram(y=samples, sr=c.sample_rate, **sizes)
    count = len(samples) // (c.hop_length * c.frames_per_segment)
    frames = np.log(power + c.floor)[:, : count * c.frames_per_segment]
    return frames.reshape(c.n_mels, count, -1).transpose(1, 0, 2)


@torch.inference_mode()
def naive(samples: np.ndarray, window_s: float, damff: DAMFF, network) -> np.ndarray:
    """Return valence and arousal, shape=(t, 2)."""
    c, member, values = damff.front_end.config, damff.members[0], []
    window, hop = round(window_s * c.sample_rate), round(HOP_S * c.sample_rate)
    for start in range(0, max(len(samples) - window, 0) + 1, hop):
        segments = (log_mel(samples[start : start + window], c) - member.mean) / member.std
        found = network(torch.from_numpy(segments.astype(np.float32))[None])[0].numpy()
        values.append(found if not values else found[-1:])
    return member.curve(np.concatenate(values))


if __name__ == "__main__":
    damff = DAMFF(device="cpu")
    checkpoint = Path(damff.info.checkpoint)
    (stored,) = load_checkpoint(checkpoint, damff.info.name)
    network = build_network(stored, TRAINING, checkpoint).eval()
    for recording in map(Path, sys.argv[3:]):
        samples, _ = librosa.load(recording, sr=damff.sample_rate, mono=True)
        values = naive(samples, float(sys.argv[1]), damff, network)
        np.savetxt(Path(sys.argv[2], f"{recording.stem}.csv"), values, delimiter=",")
