"""Fit a ridge for ``ridge-librosa``, ``ridge-essentia`` or ``essentia-musicnn`` on a collection.

    python -m mer_adapters.fit_ridge --plugin ridge-librosa clips/ --folds-csv songs.csv \
        --features librosa.npz -o head.safetensors
    mer-extract --plugin ridge-librosa -p checkpoint=head.safetensors music/

How it is fitted and scored tells :mod:`mer_adapters.ridge_fitting`. Needs scikit-learn; and the
plugin's own library for the features that the file of features does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import click

from mer_adapters import essentia_features, librosa_features, musicnn_backbone, musicnn_heads
from mer_adapters.featured_songs import Extract, read_songs
from mer_adapters.musicnn_files import BACKBONE_FILES, BACKBONE_PAGE, find_model
from mer_adapters.ridge import RidgeHead, save_ridge
from mer_adapters.ridge_fitting import FeaturedSong, cross_validate, fit_songs, levels, song_scores
from mer_plugins.errors import MerError
from mer_plugins.extras import is_installed


@dataclass(frozen=True)
class Source:
    """Where features come from: their name, the rate they need, and how to make the extraction.

    `load` takes the folder of model files, or None.
    """

    features: str
    sample_rate: int
    load: Callable[[Path | None], Extract]


def _musicnn(models: Path | None) -> Extract:
    """Load MusiCNN when the first song needs it: a full file of features needs no Essentia."""

    @lru_cache(maxsize=1)
    def load() -> Extract:
        path = find_model(BACKBONE_FILES, BACKBONE_PAGE, models)
        return musicnn_backbone.load_backbone(path)

    return lambda samples: load()(samples)


SOURCES: Mapping[str, Source] = {
    "essentia-musicnn": Source(musicnn_heads.FEATURES, musicnn_backbone.SAMPLE_RATE, _musicnn),
    "ridge-essentia": Source(
        essentia_features.FEATURES,
        essentia_features.SAMPLE_RATE,
        lambda models: essentia_features.essentia_statistics,
    ),
    "ridge-librosa": Source(
        librosa_features.FEATURES,
        librosa_features.SAMPLE_RATE,
        lambda models: librosa_features.librosa_statistics,
    ),
}


def fit(songs: list[FeaturedSong], leave_out: int | None = None) -> RidgeHead:
    """Fit a head, and record the scores of each group by a head that knew the others.

    With `leave_out`, the head itself knows nothing of that group, and its scores there are recorded
    as well.

    Raises
    ------
    FitError
        If the songs to fit on are of fewer than two groups.
    """
    head = fit_songs([song for song in songs if song.group != leave_out])
    unseen = [song for song in songs if song.group == leave_out]
    training: dict[str, Any] = {
        **head.training,
        "songs": len(songs) - len(unseen),
        "groups left out": cross_validate(songs),
    }
    if unseen:
        scores = song_scores(unseen, levels(head, unseen))
        training["unseen"] = {"fold": leave_out, "songs": len(unseen), **scores}
    return RidgeHead(head.weights, head.bias, training)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", nargs=-1, required=True)
@click.option("-P", "--plugin", required=True, type=click.Choice(list(SOURCES)))
@click.option("--folds-csv", required=True, type=click.Path(path_type=Path), metavar="FILE")
@click.option("--models", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--features", type=click.Path(path_type=Path), metavar="FILE.npz")
@click.option("--leave-out", type=int, metavar="FOLD")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE")
def command(
    inputs: tuple[str, ...],
    plugin: str,
    folds_csv: Path,
    models: Path | None,
    features: Path | None,
    leave_out: int | None,
    output: Path,
) -> None:
    r"""Fit a ridge on recordings with labels in JAMS, and tell how well it does.

    FILE of --folds-csv has the columns song_id and fold; songs of one artist belong in one fold.
    What is computed goes to FILE.npz, if the run is stopped as well, and is found there the next
    time. FOLD is not fitted on. DIR holds MusiCNN, for essentia-musicnn.

    \b
    Example:
      python -m mer_adapters.fit_ridge --plugin ridge-librosa clips/ --folds-csv songs.csv \
          --features librosa.npz --leave-out 0 -o head.safetensors
    """
    from mer_plugins.sequence.folds import read_folds

    # Told now, not after an hour of features.
    if not is_installed("sklearn"):
        raise click.ClickException("fitting needs scikit-learn: pip install scikit-learn")
    source = SOURCES[plugin]
    extract = source.load(models)
    try:
        groups = read_folds(folds_csv).songs
        songs = read_songs(inputs, groups, features, source.sample_rate, extract)
        head = fit(songs, leave_out)
        save_ridge(head, output, source.features)
    except (MerError, OSError) as exc:
        raise click.ClickException(str(exc)) from exc
    click.echo(json.dumps(dict(head.training), indent=2))


if __name__ == "__main__":
    command()
