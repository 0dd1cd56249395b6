"""Fit a ridge on the songs of a collection, and score it honestly.

Each song counts once: the mean of its features against the mean of its labels. A linear head gives
the mean of a song's features what it gives on average to each, so nothing is lost at the level of
songs, and the few hundredths of the variance that lie within short clips are not fitted.

The strength of the ridge is chosen by cross-validation within the training songs, by group, so that
the scores of the songs left out are of songs and artists that chose nothing.

Needs scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer_adapters.ridge import RidgeHead
from mer_plugins.agreement import ccc, pcc, r2
from mer_plugins.curves import DIMENSIONS, EmotionCurve, FloatArray
from mer_plugins.errors import MerError

ALPHAS = tuple(float(alpha) for alpha in np.logspace(0, 5, 21))
IntArray = npt.NDArray[np.int64]


class FitError(MerError):
    """A collection cannot be fitted on."""


@dataclass(frozen=True, eq=False)
class FeaturedSong:
    """A song with its features, shape=(m, k), its human labels, and its group."""

    name: str
    features: FloatArray
    labels: EmotionCurve
    group: int


def fit_ridge(features: FloatArray, targets: FloatArray, groups: IntArray) -> RidgeHead:
    """Fit a ridge on standardised features, its strength chosen by grouped cross-validation.

    Parameters
    ----------
    features : np.ndarray, shape=(n, k)
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
    search.fit(features, targets, groups=groups)
    scaler, ridge = search.best_estimator_
    weights = ridge.coef_.T / scaler.scale_[:, None]
    bias = ridge.intercept_ - scaler.mean_ @ weights
    return RidgeHead(weights, bias, {"alpha": search.best_params_["ridge__alpha"]})


def fit_songs(songs: Sequence[FeaturedSong]) -> RidgeHead:
    """Fit a ridge on songs; FitError if they are of fewer than two groups."""
    groups = np.array([song.group for song in songs])
    if len(np.unique(groups)) < 2:
        raise FitError(f"{len(songs)} songs of one group or none: expected songs of at least two")
    return fit_ridge(*song_means(songs), groups)


def song_means(songs: Sequence[FeaturedSong]) -> tuple[FloatArray, FloatArray]:
    """Return mean features, shape=(n, k), and mean labels, shape=(n, 2)."""
    return (
        np.stack([song.features.mean(axis=0) for song in songs]),
        np.stack([song.labels.values.mean(axis=0) for song in songs]),
    )


def cross_validate(songs: Sequence[FeaturedSong]) -> dict[str, float]:
    """Score each group by a head fitted on the others; all songs are then scored together."""
    groups = np.array([song.group for song in songs])
    estimate = np.zeros((len(songs), 2))
    for group in np.unique(groups):
        head = fit_songs([song for song in songs if song.group != group])
        left_out = [song for song in songs if song.group == group]
        estimate[groups == group] = levels(head, left_out)
    return song_scores(songs, estimate)


def levels(head: RidgeHead, songs: Sequence[FeaturedSong]) -> FloatArray:
    """Return the level a head gives to each song, (valence, arousal) in [-1, 1], shape=(n, 2)."""
    return head(song_means(songs)[0]).clip(-1, 1)


def song_scores(songs: Sequence[FeaturedSong], estimate: FloatArray) -> dict[str, float]:
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
