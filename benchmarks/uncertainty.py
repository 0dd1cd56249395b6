"""Does one standard deviation of an ensemble hold 68 % of the labels? Sets the scale that makes it.

The error of a song is that of the member that was not trained on it (``estimates.npz`` of a run
with ``--folds all``); the deviation is that of all members, four of five of which were. Deviations
on music that no member has heard are larger, so there one sigma holds more than here. The scale is
set on some clips and checked on others, as many if there are.

    python benchmarks/uncertainty.py RUN CLIPS --scaled damff-ensemble.safetensors
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.stats

from damff.extractor import DAMFFEnsemble
from mer_plugins import load_audio
from mer_plugins.collection import find_tracks
from mer_plugins.curves import DIMENSIONS
from mer_plugins.evaluation.held_out import ESTIMATES, stored_predictions
from mer_plugins.evaluation.reference import name_within
from mer_plugins.jams_store import read
from mer_plugins.labels import human_curve, on_grid
from mer_plugins.sequence.checkpoint import load_checkpoint, save_checkpoint
from mer_plugins.song_names import find_names

SIGMA = 0.6827
LEVELS = (0.5, 1, 2)


def errors_and_deviations(run: Path, clips: str, count: int) -> list[np.ndarray]:
    """Return (|label - estimate|, deviation) of each clip's labelled half seconds, (2, n, 2)."""
    ensemble = DAMFFEnsemble(checkpoint=run / "ensemble.safetensors", device="cpu")
    known, found = stored_predictions(run / ESTIMATES), []
    tracks = list(find_tracks([clips]))
    names = find_names([(name_within(clips, t.audio), t.audio) for t in tracks], known)
    for index in np.random.default_rng(0).permutation(len(tracks))[:count]:
        track = tracks[index]
        curve = ensemble(load_audio(track.audio))
        labels, mask = on_grid(human_curve(read(track.jams)), len(curve.times), curve.hop_s)
        error = np.abs(labels - known[names[index]])
        found.append(np.stack([error, curve.std / ensemble.std_scale])[:, mask])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("clips")
    parser.add_argument("--count", type=int, default=250, help="clips to set it, drawn with seed 0")
    parser.add_argument("--scaled", type=Path, help="write the ensemble with the scale found")
    options = parser.parse_args()
    found = errors_and_deviations(options.run, options.clips, 2 * options.count)
    error, deviation = np.concatenate(found[: options.count], axis=1)
    scale = np.quantile(error / deviation, SIGMA, axis=0)
    checked = found[options.count :]
    if not checked:
        parser.error(f"{len(found)} clips: expected more than --count {options.count}")
    for d, dimension in enumerate(DIMENSIONS):
        within = np.mean(error[:, d] < deviation[:, d])
        print(f"{dimension}: {within:.3f} within one deviation; times {scale[d]:.2f}: {SIGMA}")
        other_error, other = np.concatenate(checked, axis=1)[:, :, d]
        shares = [np.mean(other_error < k * scale[d] * other) for k in LEVELS]
        told = ", ".join(f"{x:.3f} in {k:g}" for x, k in zip(shares, LEVELS, strict=True))
        ranks = scipy.stats.spearmanr(*np.array([clip[:, :, d].mean(axis=1) for clip in checked]).T)
        print(f"  {len(checked)} other clips: {told}; rank correlation of a clip's mean error and ")
        print(f"  mean deviation {ranks.statistic:.2f}")
    if options.scaled:
        members = load_checkpoint(options.run / "ensemble.safetensors", "damff")
        pair = (round(float(scale[0]), 2), round(float(scale[1]), 2))
        save_checkpoint([replace(m, std_scale=pair) for m in members], options.scaled)


if __name__ == "__main__":
    main()
