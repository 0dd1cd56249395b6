"""Does one standard deviation of an ensemble hold 68 % of the labels? Sets the scale that makes it.

The error of a song is that of the member that was not trained on it (``estimates.npz`` of a run
with ``--folds all``); the deviation is that of all members, four of five of which were. Deviations
on music that no member has heard are larger, so there one sigma holds more than here.

    python benchmarks/uncertainty.py RUN CLIPS --scaled damff-ensemble.safetensors
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from damff.extractor import DAMFFEnsemble
from mer_plugins import load_audio
from mer_plugins.collection import find_tracks
from mer_plugins.curves import DIMENSIONS
from mer_plugins.evaluation.reference import name_within
from mer_plugins.jams_store import read
from mer_plugins.labels import human_curve, on_grid
from mer_plugins.sequence.checkpoint import load_checkpoint, save_checkpoint
from mer_plugins.song_names import find_names

SIGMA = 0.6827


def estimates(run: Path) -> dict[str, np.ndarray]:
    archive = np.load(run / "estimates.npz", allow_pickle=False)
    parts = np.split(archive["values"], np.cumsum(archive["lengths"])[:-1])
    return dict(zip(archive["names"].tolist(), parts, strict=True))


def ratios(run: Path, clips: str, count: int) -> np.ndarray:
    """Return |label - estimate| / deviation of every labelled half second, shape=(n, 2)."""
    ensemble = DAMFFEnsemble(checkpoint=run / "ensemble.safetensors", device="cpu")
    known, found = estimates(run), []
    tracks = list(find_tracks([clips]))
    names = find_names([(name_within(clips, t.audio), t.audio) for t in tracks], known)
    for index in np.random.default_rng(0).permutation(len(tracks))[:count]:
        track = tracks[index]
        curve = ensemble(load_audio(track.audio))
        labels, mask = on_grid(human_curve(read(track.jams)), len(curve.times), curve.hop_s)
        error = np.abs(labels - known[names[index]])
        found.append((error / (curve.std / ensemble.std_scale))[mask])
    return np.concatenate(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("clips")
    parser.add_argument("--count", type=int, default=250, help="clips, drawn with seed 0")
    parser.add_argument("--scaled", type=Path, help="write the ensemble with the scale found")
    options = parser.parse_args()
    found = ratios(options.run, options.clips, options.count)
    scale = np.quantile(found, SIGMA, axis=0)
    for d, dimension in enumerate(DIMENSIONS):
        print(f"{dimension}: {np.mean(found[:, d] < 1):.3f} within one deviation; ", end="")
        print(f"times {scale[d]:.2f}: {SIGMA}")
    if options.scaled:
        members = load_checkpoint(options.run / "ensemble.safetensors", "damff")
        pair = (round(float(scale[0]), 2), round(float(scale[1]), 2))
        save_checkpoint([replace(m, std_scale=pair) for m in members], options.scaled)


if __name__ == "__main__":
    main()
