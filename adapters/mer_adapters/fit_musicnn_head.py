"""Fit the ridge head of ``essentia-musicnn`` on a labelled collection, and score it honestly.

Each song counts once: the mean of its embeddings against the mean of its labels. A linear head
gives the mean of a song's patches what it gives on average to each, so nothing is lost at the level
of songs, and the few hundredths of the variance that lie within short clips are not fitted.

The strength of the ridge is chosen by cross-validation within the training songs, by group, so that
the scores of the songs left out are of songs and artists that chose nothing.

    python -m mer_adapters.fit_musicnn_head clips/ --folds-csv songs.csv --models DIR \
        --embeddings cache.npz -o head.safetensors
    mer-extract --plugin essentia-musicnn -p head=ridge -p checkpoint=head.safetensors music/

Needs scikit-learn; and Essentia with TensorFlow for the embeddings that the cache does not hold.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from mer_adapters.musicnn_backbone import SAMPLE_RATE, Backbone, load_backbone
from mer_adapters.musicnn_files import BACKBONE_FILES, BACKBONE_PAGE, find_model
from mer_adapters.musicnn_heads import RidgeHead, save_ridge
from mer_plugins.agreement import ccc, pcc, r2
from mer_plugins.audio import load_audio
from mer_plugins.collection import Track, find_tracks
from mer_plugins.curves import DIMENSIONS, EmotionCurve, FloatArray
from mer_plugins.errors import MerError
from mer_plugins.jams_store import read
from mer_plugins.labels import human_curve, song_ids

ALPHAS = tuple(float(alpha) for alpha in np.logspace(0, 5, 21))
IntArray = npt.NDArray[np.int64]


class FitError(MerError):
    """A collection cannot be fitted on."""


@dataclass(frozen=True, eq=False)
class EmbeddedSong:
    """A song with its embeddings, shape=(m, 200), its human labels, and its group."""

    name: str
    embeddings: FloatArray
    labels: EmotionCurve
    group: int


def fit_ridge(embeddings: FloatArray, targets: FloatArray, groups: IntArray) -> RidgeHead:
    """Fit a ridge on standardised embeddings, its strength chosen by grouped cross-validation.

    Parameters
    ----------
    embeddings : np.ndarray, shape=(n, 200)
        One a song.
    targets : np.ndarray, shape=(n, 2)
        (valence, arousal) in [-1, 1].
    groups : np.ndarray, shape=(n,)
        Songs of one group are never on both sides of the cross-validation; at least two groups.

    Returns
    -------
    RidgeHead
        With the scaling folded into its weights.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    folds = GroupKFold(min(5, len(np.unique(groups))))
    pipeline = make_pipeline(StandardScaler(), Ridge())
    search = GridSearchCV(pipeline, {"ridge__alpha": ALPHAS}, cv=folds)
    search.fit(embeddings, targets, groups=groups)
    scaler, ridge = search.best_estimator_
    weights = ridge.coef_.T / scaler.scale_[:, None]
    bias = ridge.intercept_ - scaler.mean_ @ weights
    return RidgeHead(weights, bias, {"alpha": search.best_params_["ridge__alpha"]})


def fit_songs(songs: Sequence[EmbeddedSong]) -> RidgeHead:
    """Fit a ridge on songs; FitError if they are of fewer than two groups."""
    groups = np.array([song.group for song in songs])
    if len(np.unique(groups)) < 2:
        raise FitError(f"{len(songs)} songs of one group or none: expected songs of at least two")
    return fit_ridge(*song_means(songs), groups)


def song_means(songs: Sequence[EmbeddedSong]) -> tuple[FloatArray, FloatArray]:
    """Return mean embeddings, shape=(n, 200), and mean labels, shape=(n, 2)."""
    return (
        np.stack([song.embeddings.mean(axis=0) for song in songs]),
        np.stack([song.labels.values.mean(axis=0) for song in songs]),
    )


def cross_validate(songs: Sequence[EmbeddedSong]) -> dict[str, float]:
    """Score each group by a head fitted on the others; all songs are then scored together."""
    groups = np.array([song.group for song in songs])
    estimate = np.zeros((len(songs), 2))
    for group in np.unique(groups):
        head = fit_songs([song for song in songs if song.group != group])
        inside = groups == group
        left_out = [song for song in songs if song.group == group]
        estimate[inside] = head(song_means(left_out)[0]).clip(-1, 1)
    return song_scores(songs, estimate)


def song_scores(songs: Sequence[EmbeddedSong], estimate: FloatArray) -> dict[str, float]:
    """Score one level a song, shape=(n, 2), against the labels.

    Returns
    -------
    dict
        For each dimension ``pooled ccc`` (over all labels, the level held through its song; Lin
        1989, population moments), and ``song-level r`` and ``song-level r2`` (over the songs' mean
        labels; r2 = 1 - residual / total sum of squares).
    """
    _, means = song_means(songs)
    counts = [len(song.labels) for song in songs]
    labels = np.concatenate([song.labels.values for song in songs])
    held = np.repeat(estimate, counts, axis=0)
    scores = {}
    for d, dimension in enumerate(DIMENSIONS):
        scores[f"{dimension} pooled ccc"] = ccc(labels[:, d], held[:, d])
        scores[f"{dimension} song-level r"] = pcc(means[:, d], estimate[:, d])
        scores[f"{dimension} song-level r2"] = r2(means[:, d], estimate[:, d])
    return scores


class EmbeddingCache:
    """Embeddings by song in an ``.npz`` file of plain float32 arrays, one a song."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._arrays: dict[str, FloatArray] = {}
        if path is not None and path.exists():
            with np.load(path, allow_pickle=False) as stored:
                self._arrays = {name: stored[name] for name in stored.files}

    def get(self, track: Track, backbone: Backbone) -> FloatArray:
        """Return a track's embeddings, shape=(m, 200), computing what is not there yet."""
        name = track.audio.stem
        if name not in self._arrays:
            samples = load_audio(track.audio, SAMPLE_RATE).samples
            self._arrays[name] = np.asarray(backbone(samples), dtype=np.float32)
        return self._arrays[name]

    def save(self) -> None:
        """Write the file, if there is one to write."""
        if self._path is not None:
            np.savez(self._path, allow_pickle=False, **self._arrays)


def embed_collection(
    inputs: Iterable[str], groups: Mapping[str, int], cache: EmbeddingCache, backbone: Backbone
) -> list[EmbeddedSong]:
    """Read the labelled recordings of a collection that `groups` knows.

    `groups` names a song by its file's stem or by one of the identifiers in its JAMS. Recordings
    without a human ``mood_thayer`` annotation are passed over.
    """
    songs = []
    for track in find_tracks(list(inputs)):
        found = _labels(track)
        if found is None:
            continue
        labels, names = found
        group = next((groups[name] for name in sorted(names) if name in groups), None)
        if group is not None and len(labels):
            embeddings = cache.get(track, backbone)
            songs.append(EmbeddedSong(track.audio.stem, embeddings, labels, group))
    return songs


def _labels(track: Track) -> tuple[EmotionCurve, frozenset[str]] | None:
    if not track.jams.exists():
        return None
    jams = read(track.jams)
    curve = human_curve(jams)
    return None if curve is None else (curve, song_ids(track, jams))


def _backbone(models: Path | None) -> Backbone:
    """Load MusiCNN when the first song needs it: a full cache needs no Essentia."""

    @lru_cache(maxsize=1)
    def load() -> Backbone:
        return load_backbone(find_model(BACKBONE_FILES, BACKBONE_PAGE, models))

    return lambda samples: load()(samples)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", nargs=-1, required=True)
@click.option("--folds-csv", required=True, type=click.Path(path_type=Path), metavar="FILE")
@click.option("--models", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--embeddings", type=click.Path(path_type=Path), metavar="FILE.npz")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="FILE")
def command(
    inputs: tuple[str, ...],
    folds_csv: Path,
    models: Path | None,
    embeddings: Path | None,
    output: Path,
) -> None:
    """Fit a ridge on MusiCNN's embedding, and print its scores over the folds left out."""
    from mer_plugins.sequence.folds import read_folds

    try:
        cache = EmbeddingCache(embeddings)
        songs = embed_collection(inputs, read_folds(folds_csv).songs, cache, _backbone(models))
        cache.save()
        scores = cross_validate(songs)
        head = fit_songs(songs)
    except MerError as exc:
        raise click.ClickException(str(exc)) from exc
    training = {**head.training, "songs": len(songs), "groups left out": scores}
    save_ridge(RidgeHead(head.weights, head.bias, training), output)
    click.echo(json.dumps(training, indent=2))


if __name__ == "__main__":
    command()
