"""How often the warnings of ``mer evaluate`` are right and wrong, on estimates made from labels.

    python benchmarks/check_rates.py ../shared/data/deam/clips ../shared/data/vgmidi-collection

An estimate is the labels with noise: a level a song and a walk within it, of such size that the
correlation with the labels is about the one asked for, between songs and within them. It is given
as it is, with its columns swapped, in [0, 1], and moved in time; samples of songs are drawn anew
each time. Printed is the share of samples in which each warning comes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from mer_plugins.curves import FloatArray, Scale
from mer_plugins.evaluation.checks import lag_warning, order_warning, scale_warning
from mer_plugins.evaluation.reference import GRID_S, Song, read_reference
from mer_plugins.time_grid import Intervals

SIZES, TRIALS = (5, 10, 50, 200), 200
QUALITIES = {"good": (0.8, 0.5), "fair": (0.6, 0.3), "weak": (0.3, 0.1)}


@dataclass(frozen=True)
class Labels:
    """All songs' levels and the spread of both dimensions between and within songs."""

    songs: list[Song]
    between: FloatArray
    within: FloatArray


def estimate(song: Song, labels: Labels, quality: tuple[float, float], seed: int) -> FloatArray:
    """Return labels with noise that leaves about these correlations, shape=(n, 2), in [-1, 1]."""
    rng = np.random.default_rng(seed)
    noise = [np.sqrt(1 / r**2 - 1) for r in quality]
    values = song.labels.values
    walk = rng.standard_normal(values.shape).cumsum(axis=0)
    walk = (walk - walk.mean(axis=0)) / walk.std(axis=0)
    level = noise[0] * labels.between * rng.standard_normal(2)
    return np.clip(0.5 * (values + level + noise[1] * labels.within * walk), -1, 1)


def moved(song: Song, values: FloatArray, seconds: float = 0.0) -> tuple[Intervals, Intervals]:
    """Pair the labels with the estimate, that much late."""
    cells = Intervals(song.labels.starts, song.labels.ends, values, GRID_S)
    return song.labels, cells.moved(seconds)


def rates(labels: Labels, quality: tuple[float, float], size: int) -> dict[str, float]:
    """Return the share of samples of songs in which each warning comes."""
    hits: dict[str, list[bool]] = {}

    def note(name: str, text: str) -> None:
        hits.setdefault(name, []).append(bool(text))

    for trial in range(TRIALS):
        rng = np.random.default_rng([trial, size])
        chosen = [labels.songs[i] for i in rng.choice(len(labels.songs), size, replace=False)]
        seeds = rng.integers(0, 2**31, size)
        made = [estimate(s, labels, quality, k) for s, k in zip(chosen, seeds, strict=True)]
        reference, values = np.concatenate([s.labels.values for s in chosen]), np.concatenate(made)
        note("swapped, wrongly", order_warning(reference, values, size))
        note("swapped, rightly", order_warning(reference, values[:, ::-1], size))
        note("scale, wrongly", scale_warning(reference, values))
        note("scale [0, 1], rightly", scale_warning(reference, Scale(0, 1).from_unit(values)))
        if trial < TRIALS // 4:
            for name, late in (("lag, wrongly", 0.0), ("lag 2 s, rightly", 2.0)):
                pairs = [moved(s, v, late) for s, v in zip(chosen, made, strict=True)]
                note(name, lag_warning(pairs))
    return {name: float(np.mean(found)) for name, found in hits.items()}


def main(collections: list[str]) -> None:
    """Print a row a collection, quality and number of songs."""
    for collection in collections:
        songs = [s for s in read_reference(collection, print) if len(s.labels) >= 10]
        means = np.array([s.labels.values.mean(axis=0) for s in songs])
        within = np.mean([s.labels.values.std(axis=0) for s in songs], axis=0)
        labels = Labels(songs, means.std(axis=0), within)
        for name, quality in QUALITIES.items():
            for size in SIZES:
                if size <= len(songs):
                    found = rates(labels, quality, size)
                    cells = ", ".join(f"{key} {value:.3f}" for key, value in found.items())
                    print(f"{collection} {name} {size} songs: {cells}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
