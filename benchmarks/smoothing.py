"""How wide should the moving average over a network's output be? Scores of held-out songs by width.

``estimates.npz`` of a run with ``--folds all`` and without smoothing (``-r smoothing_s=0``) holds
each song as the network predicted it that had not heard it. Pooled figures are of all half seconds
of a collection; the others are means over songs, of those whose labels vary.

    python benchmarks/smoothing.py RUN CLIPS VGMIDI
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from mer_plugins.collection import find_tracks
from mer_plugins.curves import DIMENSIONS
from mer_plugins.emotion import ccc, pcc, rmse
from mer_plugins.evaluation.held_out import ESTIMATES, stored_predictions
from mer_plugins.evaluation.reference import name_within
from mer_plugins.jams_store import read
from mer_plugins.labels import human_curve, on_grid
from mer_plugins.sequence.smoothing import smoothed
from mer_plugins.song_names import find_names

SEGMENT_S = 0.5
WIDTHS_S = (0.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0)


def songs(
    known: Mapping[str, np.ndarray], collection: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield estimates and labels, (t, 2), and where there are labels, (t,), of each song."""
    tracks = list(find_tracks([collection]))
    names = find_names([(name_within(collection, t.audio), t.audio) for t in tracks], known)
    for track, name in zip(tracks, names, strict=True):
        labels, mask = on_grid(human_curve(read(track.jams)), len(known[name]), SEGMENT_S)
        yield known[name], labels, mask


def scores(pairs: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """Format the scores of one dimension: labels and estimates, (t,), of each song."""
    labels, estimates = (np.concatenate(part) for part in zip(*pairs, strict=True))
    varied = [pair for pair in pairs if min(np.ptp(pair[0]), np.ptp(pair[1])) > 1e-6]
    each = [np.mean([score(*pair) for pair in varied]) for score in (ccc, pcc, rmse)]
    return " ".join(f"{value:8.3f}" for value in (pcc(labels, estimates), *each))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("collections", nargs="+")
    options = parser.parse_args()
    known = stored_predictions(options.run / ESTIMATES)
    for collection in options.collections:
        found = list(songs(known, collection))
        for d, dimension in enumerate(DIMENSIONS):
            print(f"{collection}, {dimension}: {len(found)} songs")
            print("width_s pooled r  song ccc   song r song rmse")
            for width_s in WIDTHS_S:
                width = round(width_s / SEGMENT_S)
                pairs = [(y[m][:, d], smoothed(x, width)[m][:, d]) for x, y, m in found]
                print(f"{width_s:7.1f} {scores(pairs)}")


if __name__ == "__main__":
    main()
