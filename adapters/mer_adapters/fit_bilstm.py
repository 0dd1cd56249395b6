"""Train the BiLSTM head of ``essentia-musicnn`` on a collection.

    python -m mer_adapters.fit_bilstm clips/ --folds-csv songs.csv --features musicnn.npz -o FILE
    mer-extract --plugin essentia-musicnn -p head=bilstm -p checkpoint=FILE music/

The loop is that of ``mer train`` (:mod:`mer_plugins.sequence.training`), over embeddings where that
has spectrograms. Each fold is scored by a head that was trained on the others; the head that is
written has learnt from all songs. FILE.npz is the file of features of
:mod:`mer_adapters.fit_ridge`, which see.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import click
import numpy as np
import torch

from mer_adapters.featured_songs import read_songs
from mer_adapters.fit_ridge import SOURCES
from mer_adapters.musicnn_backbone import patch_centres
from mer_adapters.musicnn_bilstm import WINDOW, BiLSTMHead, PatchBiLSTM, save_bilstm
from mer_adapters.ridge_fitting import FeaturedSong, FitError, song_scores
from mer_plugins.curves import FloatArray
from mer_plugins.errors import MerError
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.folds import read_folds
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.training import Trainer

RECIPE = Recipe(
    losses=("ccc", "ccc"),
    window_s=WINDOW / 2,
    hops_s=(0.5, 0.5),
    excerpt_s=4.0,
    epochs=12,
    batch_size=64,
    learning_rate=3e-3,
    schedule="cosine",
    weight_decay=0.05,
    average_decay=0.985,
)
"""In patches, of which two are about a second."""


def labelled_track(song: FeaturedSong) -> LabelledTrack:
    """Give each patch the label at its middle; without one there it has none."""
    centres = patch_centres(len(song.features))
    index = np.searchsorted(song.labels.times, centres, side="right") - 1
    mask = index >= 0
    index = np.maximum(index, 0)
    mask &= centres < song.labels.times[index] + song.labels.hop_s
    labels = song.labels.values[index]
    mask &= np.isfinite(labels).all(axis=1)
    segments = np.asarray(song.features, dtype=np.float32)[:, :, None]
    return LabelledTrack(song.name, segments, labels.astype(np.float32), mask)


def train(songs: Sequence[FeaturedSong], recipe: Recipe = RECIPE) -> BiLSTMHead:
    """Train a head on songs; FitError if none of them has a label at a patch."""
    tracks = [track for track in map(labelled_track, songs) if track.mask.any()]
    if not tracks:
        raise FitError(f"{len(songs)} songs, none with a label at the middle of a patch")
    torch.manual_seed(recipe.seed)
    trainer = Trainer(PatchBiLSTM(), recipe, tracks)
    for _ in range(recipe.epochs):
        trainer.epoch()
    return BiLSTMHead(cast(PatchBiLSTM, trainer.average).eval(), trainer.normaliser, {})


def levels(head: BiLSTMHead, songs: Iterable[FeaturedSong]) -> FloatArray:
    """Return the mean of a head's values over each song, in [-1, 1], shape=(n, 2)."""
    return np.stack([head(song.features).clip(-1, 1).mean(axis=0) for song in songs])


def cross_validate(songs: Sequence[FeaturedSong], recipe: Recipe = RECIPE) -> dict[str, float]:
    """Score each group by a head trained on the others; all songs are then scored together."""
    groups = np.array([song.group for song in songs])
    estimate = np.zeros((len(songs), 2))
    for group in np.unique(groups):
        head = train([song for song in songs if song.group != group], recipe)
        estimate[groups == group] = levels(head, [s for s in songs if s.group == group])
    return song_scores(songs, estimate)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", nargs=-1, required=True)
@click.option("--folds-csv", required=True, type=click.Path(path_type=Path), metavar="FILE")
@click.option("--models", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--features", type=click.Path(path_type=Path), metavar="FILE.npz")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE")
def command(
    inputs: tuple[str, ...],
    folds_csv: Path,
    models: Path | None,
    features: Path | None,
    output: Path,
) -> None:
    """Train a BiLSTM on recordings with labels in JAMS, and tell how well it does.

    FILE of --folds-csv has the columns song_id and fold; songs of one artist belong in one fold.
    What is computed goes to FILE.npz, if the run is stopped as well, and is found there the next
    time. DIR holds MusiCNN.

    \b
    Example:
      python -m mer_adapters.fit_bilstm clips/ --folds-csv songs.csv -o head.safetensors
    """  # noqa: D301
    source = SOURCES["essentia-musicnn"]
    extract = source.load(models)
    try:
        groups = read_folds(folds_csv).songs
        songs = read_songs(inputs, groups, features, source.sample_rate, extract)
        head = train(songs)
        training = {"songs": len(songs), "groups left out": cross_validate(songs)}
        save_bilstm(BiLSTMHead(head.network, head.normalise, training), output)
    except (MerError, OSError) as exc:
        raise click.ClickException(str(exc)) from exc
    click.echo(json.dumps(training, indent=2))


if __name__ == "__main__":
    command()
