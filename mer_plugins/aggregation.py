"""Scores of matched values, and of a collection of songs in three ways that are never mixed.

Every key of an aggregate begins with the quantity that it is: ``per-song``, ``pooled`` or
``song-level``; :mod:`mer_plugins.emotion` tells them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mer_plugins.agreement import (
    bias,
    ccc,
    ccc_centred,
    error_parts,
    is_constant,
    mae,
    pcc,
    r2,
    rmse,
    scale,
)
from mer_plugins.curves import DIMENSIONS, FloatArray

_SINGLE = {
    "ccc": ccc,
    "pcc": pcc,
    "rmse": rmse,
    "mae": mae,
    "r2": r2,
    "bias": bias,
    "scale": scale,
    "ccc centred": ccc_centred,
}
_PARTS = ("mse level", "mse spread", "mse shape")
METRICS = (*_SINGLE, *_PARTS)
LAG_METRICS = ("lag_s", "pcc at lag", "ccc at lag")
FLAGS = ("pcc undefined", "constant reference", "constant estimate")

Pair = tuple[FloatArray, FloatArray]


def score(reference: FloatArray, estimate: FloatArray) -> dict[str, float]:
    """Compute every metric, but for lag, of matched values, shape=(n, 2).

    Returns
    -------
    dict
        ``"valence ccc"`` and so on for each dimension: :data:`METRICS`, then :data:`FLAGS` as 0
        or 1.
    """
    scores: dict[str, float] = {}
    for d, dimension in enumerate(DIMENSIONS):
        r, e = reference[:, d], estimate[:, d]
        found = {name: metric(r, e) for name, metric in _SINGLE.items()}
        found |= dict(zip(_PARTS, error_parts(r, e), strict=True))
        constant = (is_constant(r), is_constant(e))
        found |= dict(zip(FLAGS, map(float, (any(constant), *constant)), strict=True))
        scores |= named(dimension, found)
    return scores


def per_song(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average the scores of songs, each song counting the same.

    Parameters
    ----------
    scores : sequence of dict
        What :func:`evaluate` returned for each song.

    Returns
    -------
    dict
        ``"per-song songs"`` and ``"per-song songs scored"``: only those with two matched intervals
        or more count in what follows. For each metric its mean, ``"per-song valence ccc"``, and
        its standard deviation over songs, ``"per-song valence ccc sd"`` (``ddof=0``); for each of
        :data:`FLAGS` the number of songs, ``"per-song valence pcc undefined"``. Songs with a
        constant reference have no scale, songs with a constant curve no PCC and no lag, and are
        left out of these means. nan without songs.
    """
    scored = [song for song in scores if song["matched frames"] >= 2]
    found = {"songs": float(len(scores)), "songs scored": float(len(scored))}
    averaged = [f"{d} {name}" for d in DIMENSIONS for name in (*METRICS, *LAG_METRICS)]
    for name in ("coverage", *averaged):
        column = np.array([song[name] for song in scored], dtype=float)
        found[name] = defined_mean(column)
        found[f"{name} sd"] = defined_mean((column - found[name]) ** 2) ** 0.5
    counted = [f"{d} {flag}" for d in DIMENSIONS for flag in FLAGS]
    found |= {name: float(sum(song[name] for song in scored)) for name in counted}
    return named("per-song", found)


def defined_mean(column: FloatArray) -> float:
    """Average the songs for which a score is defined, shape=(songs,); nan if it is for none.

    This is what ``per-song`` means wherever this project prints it.
    """
    defined = column[~np.isnan(column)]
    return float(defined.mean()) if len(defined) else float("nan")


def pooled(pairs: Sequence[Pair]) -> dict[str, float]:
    """Score the intervals of all songs as if they were one song.

    Parameters
    ----------
    pairs : sequence of (np.ndarray, np.ndarray)
        Matched (reference, estimate) of each song, shape=(k, 2), as :func:`match` returns them.

    Returns
    -------
    dict
        ``"pooled frames"``, then the keys of :func:`score`, as ``"pooled valence ccc"``.
    """
    nothing = np.empty((0, 2))
    reference = np.concatenate([nothing, *(reference for reference, _ in pairs)])
    estimate = np.concatenate([nothing, *(estimate for _, estimate in pairs)])
    return named("pooled", {"frames": float(len(reference))} | score(reference, estimate))


def song_level(pairs: Sequence[Pair]) -> dict[str, float]:
    """Score the songs' mean values: one reference and one estimate a song.

    Parameters
    ----------
    pairs : sequence of (np.ndarray, np.ndarray)
        As for :func:`pooled`; songs without a matched interval are left out.

    Returns
    -------
    dict
        ``"song-level songs"``, then the keys of :func:`score`, as ``"song-level valence ccc"``.
    """
    means = [(r.mean(axis=0), e.mean(axis=0)) for r, e in pairs if len(r)]
    reference, estimate = np.array(means, dtype=float).reshape(-1, 2, 2).swapaxes(0, 1)
    return named("song-level", {"songs": float(len(means))} | score(reference, estimate))


def named(prefix: str, scores: Mapping[str, float]) -> dict[str, float]:
    """Put a prefix and a space before every key."""
    return {f"{prefix} {name}": value for name, value in scores.items()}
