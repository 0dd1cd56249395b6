"""Scores of a trained model on recordings it was not trained on; every name says its aggregation.

``pooled`` is over all labelled half seconds of all songs, ``per-song`` the mean over songs of the
value in each, ``song-level`` over the songs' mean values. Moments have ddof 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from mer_plugins.agreement import ccc, is_constant, r2, rmse
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
    reference, found = track.labels[track.mask].astype(np.float64), estimate[track.mask]
    row: dict[str, float | str] = {"song": track.name, "frames": float(len(reference))}
    for d, dimension in enumerate(DIMENSIONS):
        row[f"{dimension} reference mean"] = float(reference[:, d].mean())
        row[f"{dimension} estimate mean"] = float(found[:, d].mean())
        row[f"{dimension} ccc"] = concordance(reference[:, d], found[:, d])
        row[f"{dimension} rmse"] = rmse(reference[:, d], found[:, d])
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
    rows = [song_scores(track, estimates[track.name]) for track in tracks]
    reference = np.concatenate([track.labels[track.mask] for track in tracks]).astype(np.float64)
    estimate = np.concatenate([estimates[track.name][track.mask] for track in tracks])
    scores = {}
    for d, dimension in enumerate(DIMENSIONS):
        means = [np.array([row[f"{dimension} {of} mean"] for row in rows], float) for of in _SIDES]
        scores[f"pooled {dimension} ccc"] = concordance(reference[:, d], estimate[:, d])
        scores[f"pooled {dimension} rmse"] = rmse(reference[:, d], estimate[:, d])
        scores[f"song-level {dimension} ccc"] = concordance(*means)
        scores[f"song-level {dimension} r2"] = determination(*means)
        for metric in ("ccc", "rmse"):
            column = [float(row[f"{dimension} {metric}"]) for row in rows]
            scores[f"per-song {dimension} {metric}"] = float(np.mean(column))
    return scores


_SIDES = ("reference", "estimate")


def concordance(reference: Array, estimate: Array) -> float:
    """Concordance; of a single value, 1 if it is equal and else 0, so that its song counts."""
    if len(reference) == 1:
        return float(reference[0] == estimate[0])
    return ccc(reference, estimate)


def determination(reference: Array, estimate: Array) -> float:
    """Coefficient of determination, 1 - residual / total; NaN for a constant reference."""
    return math.nan if is_constant(reference) else r2(reference, estimate)


def area_under_curve(positive: npt.NDArray[np.bool_], estimate: Array) -> float:
    """Area under the ROC curve, by ranks (Mann and Whitney); NaN if all are of one kind."""
    n, p = len(positive), int(positive.sum())
    if p in (0, n):
        return math.nan
    ranks = rankdata(estimate)
    return float((ranks[positive].sum() - p * (p + 1) / 2) / (p * (n - p)))
