"""Scores of a trained model on recordings it was not trained on; every name says its aggregation.

``pooled`` is over all labelled half seconds of all songs, ``per-song`` the mean over songs of the
value in each, ``song-level`` over the songs' mean values, all as :mod:`mer_plugins.aggregation`
has them: songs with a single label take no part in ``per-song``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from mer_plugins.aggregation import Pair, defined_mean, pooled, score, song_level
from mer_plugins.agreement import area_under_curve
from mer_plugins.curves import DIMENSIONS
from mer_plugins.sequence.excerpts import LabelledTrack

Array = npt.NDArray[np.float64]


def song_scores(track: LabelledTrack, estimate: Array) -> dict[str, float | str]:
    """Score one song: means, CCC and RMSE of each dimension over its labelled half seconds.

    Parameters
    ----------
    track : LabelledTrack
        With at least one label.
    estimate : np.ndarray, shape=(t, 2)
        (valence, arousal).
    """
    pair = _pair(track, estimate)
    scores = score(*pair)
    row: dict[str, float | str] = {"song": track.name, "frames": float(len(pair[0]))}
    for d, dimension in enumerate(DIMENSIONS):
        row[f"{dimension} reference mean"] = float(pair[0][:, d].mean())
        row[f"{dimension} estimate mean"] = float(pair[1][:, d].mean())
        for metric in ("ccc", "rmse"):
            row[f"{dimension} {metric}"] = scores[f"{dimension} {metric}"]
    return row


def collection_scores(
    tracks: Sequence[LabelledTrack], estimates: Mapping[str, Array]
) -> dict[str, float]:
    """Score a model over songs with curves and over songs with quadrants; empty without either."""
    curves = [track for track in tracks if track.mask.any()]
    quadrants = [track for track in tracks if track.quadrant is not None]
    scores: dict[str, float] = {}
    if curves:
        scores |= _curve_scores(curves, estimates)
    if quadrants:
        means = np.stack([estimates[track.name].mean(axis=0) for track in quadrants])
        signs = np.array([track.quadrant for track in quadrants])
        for d, dimension in enumerate(DIMENSIONS):
            scores[f"quadrant {dimension} auc"] = area_under_curve(signs[:, d] > 0, means[:, d])
    return scores


def _curve_scores(
    tracks: Sequence[LabelledTrack], estimates: Mapping[str, Array]
) -> dict[str, float]:
    pairs = [_pair(track, estimates[track.name]) for track in tracks]
    rows = [score(*pair) for pair in pairs]
    found = pooled(pairs) | song_level(pairs)
    scores = {}
    for dimension in DIMENSIONS:
        for name in ("pooled {} ccc", "pooled {} rmse", "song-level {} ccc", "song-level {} r2"):
            scores[name.format(dimension)] = found[name.format(dimension)]
        for metric in ("ccc", "rmse"):
            column = np.array([row[f"{dimension} {metric}"] for row in rows])
            # One label is no curve; CCC is undefined there, and RMSE would be of a level.
            column[[len(reference) < 2 for reference, _ in pairs]] = np.nan
            scores[f"per-song {dimension} {metric}"] = defined_mean(column)
    return scores


def _pair(track: LabelledTrack, estimate: Array) -> Pair:
    return track.labels[track.mask].astype(np.float64), estimate[track.mask]
