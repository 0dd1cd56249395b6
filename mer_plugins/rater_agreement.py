r"""How far the raters of a song agree: Cronbach's alpha and the mean CCC of their pairs.

Conventions
-----------
Items are raters, cases the intervals of one song that all of them have labelled, as DEAM [1]_ and
MER1101 define it:

.. math:: \alpha = \frac{k}{k-1} \left(1 - \frac{\sum_i s_i^2}{s_{\mathrm{sum}}^2}\right)

Alpha has no lower bound, and one song whose raters contradict each other can outweigh a hundred
others. Some publish the mean of alphas as they are (DEAM 2015's valence: 0.29 +- 0.94), others set
negative ones to 0 first (the same songs: 0.51 +- 0.35); both are given, as ``alpha`` and
``alpha_clipped``, and never compared with each other.

Only curves count, and only those whose annotator has an ``id``: means and labels of whole songs do
not. Raters of several groups, such as students and experts, are compared within their group.

References
----------
.. [1] A. Aljanaki, Y.-H. Yang and M. Soleymani, "Developing a benchmark for emotional analysis of
   music", PLOS ONE 12(3), 2017.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from mer_plugins.agreement import ccc, is_constant
from mer_plugins.curves import DIMENSIONS, EmotionCurve, FloatArray
from mer_plugins.labels import rater_curves

_NAN = float("nan")
MEASURES = ("alpha", "alpha_clipped", "pairwise_ccc")


@dataclass(frozen=True)
class SongAgreement:
    """Agreement on one song, within one group of raters.

    Parameters
    ----------
    group : str
        Of the raters; empty where they form none.
    raters, intervals : int
        How many there are, and how many intervals all of them have labelled.
    valence, arousal : dict of str to float
        ``alpha``, ``alpha_clipped`` (at 0) and ``pairwise_ccc``; nan where undefined.
    """

    group: str
    raters: int
    intervals: int
    valence: dict[str, float]
    arousal: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types; nan becomes None."""
        return {key: _plain(value) for key, value in asdict(self).items()}


def cronbach_alpha(ratings: npt.ArrayLike) -> float:
    """Cronbach's alpha of k raters over n cases.

    Parameters
    ----------
    ratings : array_like, shape=(k, n)
        One row a rater.

    Returns
    -------
    float
        At most 1, with no lower bound; nan if k < 2, n < 2, or the raters' sum is constant.

    Raises
    ------
    ValueError
        If `ratings` has another number of axes, or holds NaN or infinity.

    Examples
    --------
    >>> cronbach_alpha([[0, 1, 2], [1, 2, 3]])
    1.0
    >>> round(cronbach_alpha([[0, 1, 2], [0, 1, 1]]), 6)
    0.888889
    """
    table = np.asarray(ratings, dtype=np.float64)
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ValueError(f"ratings have shape {table.shape}: expected finite (raters, cases)")
    k, n = table.shape
    total = table.sum(axis=0)
    if k < 2 or n < 2 or is_constant(total):
        return _NAN
    return float(k / (k - 1) * (1 - table.var(axis=1).sum() / total.var()))


def pairwise_ccc(ratings: npt.ArrayLike) -> float:
    """Mean over all pairs of raters of :func:`mer_plugins.agreement.ccc`.

    Parameters
    ----------
    ratings : array_like, shape=(k, n)
        One row a rater.

    Returns
    -------
    float
        In [-1, 1]; nan if k < 2 or n < 2. Constant raters count as :func:`ccc` says.
    """
    table = np.asarray(ratings, dtype=np.float64)
    pairs = [ccc(a, b) for a, b in combinations(table, 2)]
    return float(np.mean(pairs)) if pairs else _NAN


def song_agreement(jams: Mapping[str, Any]) -> list[SongAgreement]:
    """Measure how far the raters of a song agree, group by group; empty without two raters.

    Raises
    ------
    JamsError
        If a rater's annotation cannot be read.
    """
    groups = rater_curves(jams)
    return [_agreement(group, curves) for group, curves in groups.items() if len(curves) > 1]


def summarise(songs: Iterable[SongAgreement]) -> dict[str, Any]:
    """Average over songs, each of which counts alike, group by group.

    Returns
    -------
    dict
        By group: ``songs``, ``raters`` (the fewest and the most of a song), and for both
        dimensions and each measure ``mean``, ``std`` (ddof 0) and ``undefined``, the number of
        songs left out because the measure is undefined for them. Plain JSON types.
    """
    groups: dict[str, list[SongAgreement]] = defaultdict(list)
    for song in songs:
        groups[song.group].append(song)
    return {group: _summary(found) for group, found in sorted(groups.items())}


def _agreement(group: str, curves: Sequence[EmotionCurve]) -> SongAgreement:
    # Nine decimals of a second, as they are written, so that equal times are found equal.
    rounded = [np.round(curve.times, 9) for curve in curves]
    times = reduce(np.intersect1d, rounded)
    table = np.stack(
        [c.values[np.isin(t, times)] for c, t in zip(curves, rounded, strict=True)], axis=1
    )
    valence, arousal = (_measures(table[:, :, i].T) for i in range(len(DIMENSIONS)))
    return SongAgreement(group, len(curves), len(times), valence, arousal)


def _measures(ratings: FloatArray) -> dict[str, float]:
    alpha = cronbach_alpha(ratings)
    values = alpha, max(alpha, 0.0) if np.isfinite(alpha) else alpha, pairwise_ccc(ratings)
    return dict(zip(MEASURES, values, strict=True))


def _summary(songs: Sequence[SongAgreement]) -> dict[str, Any]:
    counts = [song.raters for song in songs]
    return {
        "songs": len(songs),
        "raters": [min(counts), max(counts)],
        **{
            dimension: {m: _spread([getattr(s, dimension)[m] for s in songs]) for m in MEASURES}
            for dimension in DIMENSIONS
        },
    }


def _spread(values: Sequence[float]) -> dict[str, Any]:
    found = np.array([value for value in values if np.isfinite(value)])
    mean, std = (float(found.mean()), float(found.std())) if len(found) else (None, None)
    return {"mean": mean, "std": std, "undefined": len(values) - len(found)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    return None if isinstance(value, float) and np.isnan(value) else value
