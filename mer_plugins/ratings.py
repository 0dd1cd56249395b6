"""Labels by people as JAMS annotations: curves as ``mood_thayer``, quadrants as ``tag_open``.

Conventions
-----------
A curve's value is [valence, arousal] in [-1, 1], its duration the hop. ``annotation_metadata``
says whose it is: ``annotator`` holds an ``id`` for the labels of one rater, and only a ``name``
for a mean. ``sandbox.kind`` is ``"dynamic"`` for a curve and ``"static"`` for one label of a whole
song. A mean's standard deviation over raters (ddof 0) stands in ``confidence``.

A quadrant is the value of one ``tag_open`` observation over the whole recording: ``"Q1"`` is
positive valence and positive arousal, ``"Q2"`` negative valence and positive arousal, ``"Q3"`` both
negative, ``"Q4"`` positive valence and negative arousal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mer_plugins.contracts import DatasetInfo
from mer_plugins.curves import UNIT_SCALE, EmotionCurve
from mer_plugins.mood import NAMESPACE, observations, rounded

# The signs of valence and arousal.
QUADRANTS: Mapping[str, tuple[float, float]] = {
    "Q1": (1.0, 1.0),
    "Q2": (-1.0, 1.0),
    "Q3": (-1.0, -1.0),
    "Q4": (1.0, -1.0),
}
QUADRANT_NAMESPACE = "tag_open"
_DECIMALS = 9


def rating(
    info: DatasetInfo,
    curve: EmotionCurve,
    annotator: Mapping[str, Any],
    *,
    kind: str = "dynamic",
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make a ``mood_thayer`` annotation of the labels of one rater, or of their mean.

    Parameters
    ----------
    info : DatasetInfo
        Whose labels they are.
    curve : EmotionCurve
        Valence and arousal in [-1, 1].
    annotator : mapping
        With an ``id`` for one rater, with a ``name`` alone for a mean.
    kind : str
        ``"dynamic"``, or ``"static"`` for one label of the whole song.
    details : mapping, optional
        Further keys of the sandbox.
    """
    rules = f"{UNIT_SCALE}; native scale {info.scale}; {info.rules}".rstrip("; ")
    sandbox = {"dataset": info.name, "kind": kind, "hop_s": rounded(curve.hop_s), **(details or {})}
    metadata = _metadata(info, annotator, rules)
    rows = observations(curve, _DECIMALS)
    return _annotation(NAMESPACE, rows, curve.duration_s, metadata, sandbox)


def quadrant_tag(
    info: DatasetInfo, quadrant: str, duration_s: float, confidence: float | None = None
) -> dict[str, Any]:
    """Make a ``tag_open`` annotation of one quadrant that holds for a whole recording.

    Raises
    ------
    ValueError
        If `quadrant` is none of :data:`QUADRANTS`.
    """
    if quadrant not in QUADRANTS:
        raise ValueError(f"the quadrant is {quadrant!r}: expected one of {', '.join(QUADRANTS)}")
    observation = {
        "time": 0.0,
        "duration": rounded(duration_s),
        "value": quadrant,
        "confidence": confidence,
    }
    sandbox = {"dataset": info.name, "kind": "static"}
    metadata = _metadata(info, {}, info.rules)
    return _annotation(QUADRANT_NAMESPACE, [observation], duration_s, metadata, sandbox)


def mean_curve(curves: Sequence[EmotionCurve]) -> EmotionCurve:
    """Average raters at each time that any of them labelled; std over raters with ddof 0.

    Raises
    ------
    ValueError
        If there is no curve, or they differ in `hop_s`.
    """
    if len({curve.hop_s for curve in curves}) != 1:
        raise ValueError(
            f"hops are {sorted({c.hop_s for c in curves})}: expected curves of one hop"
        )
    times = np.unique(np.concatenate([curve.times for curve in curves]))
    stacked = np.full((len(curves), len(times), 2), np.nan)
    for row, curve in zip(stacked, curves, strict=True):
        row[np.searchsorted(times, curve.times)] = curve.values
    # Rounding may carry a mean of equal extremes a hair beyond them.
    mean = np.clip(np.nanmean(stacked, axis=0), -1, 1)
    return EmotionCurve(times, mean, curves[0].hop_s, np.nanstd(stacked, axis=0))


def _annotation(
    namespace: str,
    rows: list[dict[str, Any]],
    duration_s: float,
    metadata: dict[str, Any],
    sandbox: dict[str, Any],
) -> dict[str, Any]:
    return {
        "namespace": namespace,
        "time": rows[0]["time"] if rows else 0.0,
        "duration": rounded(duration_s),
        "annotation_metadata": metadata,
        "data": rows,
        "sandbox": sandbox,
    }


def _metadata(info: DatasetInfo, annotator: Mapping[str, Any], rules: str) -> dict[str, Any]:
    return {
        "curator": {"name": info.curator, "email": ""},
        "annotator": dict(annotator),
        "version": info.version,
        "corpus": info.title,
        "annotation_tools": "",
        "annotation_rules": rules,
        "validation": "",
        "data_source": info.data_source,
    }
