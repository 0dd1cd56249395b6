"""How far predictions move when the same music comes in another quality of sound.

Prints, for each checkpoint and each change of the sound, the mean absolute change of arousal and
valence over all half seconds of the recordings, against the recordings as they are.

    python benchmarks/robustness.py COLLECTION --checkpoint A.safetensors --checkpoint B.safetensors
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.signal

from damff import DAMFF
from mer_plugins import Audio, load_audio
from mer_plugins.collection import find_tracks
from mer_plugins.sequence.lossy import reencoded

RATE = 44_100
SECONDS = 60


def low_passed(samples: np.ndarray, hz: int) -> np.ndarray:
    sos = scipy.signal.butter(8, hz, fs=RATE, output="sos")
    return scipy.signal.sosfiltfilt(sos, samples).astype(np.float32)


def at_half_rate(samples: np.ndarray) -> np.ndarray:
    return Audio(samples, RATE).resampled(RATE // 2).resampled(RATE).samples


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "64 kbit/s mp3": lambda x: reencoded(x, RATE, 64_000),
    "low-pass 8 kHz": lambda x: low_passed(x, 8_000),
    "low-pass 12 kHz": lambda x: low_passed(x, 12_000),
    "low-pass 16 kHz": lambda x: low_passed(x, 16_000),
    "-12 dB": lambda x: x * np.float32(10 ** (-12 / 20)),
    "22.05 kHz": at_half_rate,
}


def recordings(collection: str, limit: int) -> list[np.ndarray]:
    tracks = list(find_tracks([collection]))[:limit]
    whole = (load_audio(track.audio, RATE).mono().samples for track in tracks)
    return [samples[: SECONDS * RATE] for samples in whole]


def movement(extractor: DAMFF, sounds: list[np.ndarray], plain: list[np.ndarray], change) -> list:
    moved = []
    for samples, before in zip(sounds, plain, strict=True):
        after = extractor(Audio(change(samples)[: len(samples)], RATE)).values
        shared = min(len(after), len(before))
        moved.append(np.abs(after[:shared] - before[:shared]))
    return np.concatenate(moved).mean(axis=0).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collection")
    parser.add_argument("--checkpoint", action="append", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=40, help="recordings at most")
    options = parser.parse_args()
    sounds = recordings(options.collection, options.limit)
    print(f"{len(sounds)} recordings, at most {SECONDS} s of each; arousal / valence")
    for path in options.checkpoint:
        extractor = DAMFF(checkpoint=path, device="cpu")
        plain = [extractor(Audio(samples, RATE)).values for samples in sounds]
        for name, change in CHANGES.items():
            valence, arousal = movement(extractor, sounds, plain, change)
            print(f"{path.name:32s} {name:16s} {arousal:.3f} / {valence:.3f}", flush=True)


if __name__ == "__main__":
    main()
