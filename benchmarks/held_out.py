"""What damff-ensemble's members say of the songs they were not trained on, as a run of mer train.

    python benchmarks/held_out.py --folds-csv songs.csv -o damff-held-out clips/ 4q/ vgmidi/
    mer evaluate --reference vgmidi/ --estimates damff-held-out -o out

Member i was trained without fold i, and songs have the folds that mer train gave them: by the
table, or by a hash of artist or series.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from damff import DAMFF
from damff.plugin import ENSEMBLE_INFO, INFO
from mer_plugins import load_audio
from mer_plugins.cli.bar import Passing
from mer_plugins.collection import Track, find_tracks
from mer_plugins.evaluation.held_out import CONFIG, ESTIMATES
from mer_plugins.evaluation.list_trained_on import ListedSong
from mer_plugins.host import resource_path
from mer_plugins.jams_store import read
from mer_plugins.labels import group_within, song_ids
from mer_plugins.sequence.checkpoint import load_checkpoint, save_checkpoint
from mer_plugins.sequence.folds import FoldTable, assign_folds, read_folds
from mer_plugins.sequence.run_folder import write_estimates
from mer_plugins.song_names import song_names
from mer_plugins.trained_on import identity

SEED = 0


def members() -> list[DAMFF]:
    """Return an extractor for each member of the ensemble."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        stored = load_checkpoint(resource_path(ENSEMBLE_INFO.checkpoint), INFO.name)
        for fold, member in enumerate(stored):
            path = Path(folder, f"{fold}.safetensors")
            save_checkpoint([member], path)
            made.append(DAMFF(checkpoint=path, device="cpu"))
    return made


def folds_of(tracks: list[Track], names: list[str], table: FoldTable, count: int) -> list[int]:
    """Return each track's fold, as training gave it."""
    songs = []
    for track, name in zip(tracks, names, strict=True):
        jams = read(track.jams)
        ids = song_ids(track, jams)
        songs.append(ListedSong(name, group_within(jams), ids, identity(jams)))
    return assign_folds(songs, table, count, SEED)


def predicted(tracks: list[Track], folds: list[int]) -> Iterator[np.ndarray]:
    """Yield each song's curve, by the member that was trained without its fold."""
    extractors = members()
    with Passing("tracks") as progress:
        for track, fold in progress.over(list(zip(tracks, folds, strict=True))):
            yield extractors[fold](load_audio(track.audio)).values


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("collections", nargs="+")
    parser.add_argument("--folds-csv", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    table = read_folds(options.folds_csv)
    tracks = [t for t in find_tracks(options.collections) if t.jams.exists()]
    names = song_names(tracks, options.collections)
    folds = folds_of(tracks, names, table, table.count)
    found = dict(zip(names, predicted(tracks, folds), strict=True))
    options.output.mkdir(parents=True, exist_ok=True)
    write_estimates(options.output / ESTIMATES, found)
    stored = load_checkpoint(resource_path(INFO.checkpoint), INFO.name)[0]
    settings = {"plugin": INFO.name, "recipe": {"features": asdict(stored.features)}}
    (options.output / CONFIG).write_text(json.dumps({"settings": settings}, indent=2))


if __name__ == "__main__":
    main()
