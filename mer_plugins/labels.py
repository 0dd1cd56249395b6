"""What people said of a recording, as its JAMS holds it: which annotation counts, on which grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from mer_plugins.collection import Track
from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.jams_store import from_annotation
from mer_plugins.mood import NAMESPACE, is_by_program, part
from mer_plugins.ratings import QUADRANT_NAMESPACE, QUADRANTS
from mer_plugins.time_grid import Intervals, intervals
from mer_plugins.time_grid import on_grid as on_intervals

_LONGER = 1 + 1e-6


def human_curve(jams: Mapping[str, Any]) -> EmotionCurve | None:
    """Return the first ``mood_thayer`` annotation that is not by a program; None without one.

    Raises
    ------
    JamsError
        If that annotation cannot be read as a curve.
    """
    first = next(_by_people(jams, NAMESPACE), None)
    return None if first is None else from_annotation(first)


def rater_curves(jams: Mapping[str, Any]) -> dict[str, list[EmotionCurve]]:
    """Return the curves of single raters, whose annotator has an ``id``, by their group.

    Raises
    ------
    JamsError
        If a rater's annotation cannot be read as a curve.
    """
    groups: dict[str, list[EmotionCurve]] = defaultdict(list)
    for annotation in _by_people(jams, NAMESPACE):
        annotator = part(part(annotation, "annotation_metadata"), "annotator")
        is_curve = part(annotation, "sandbox").get("kind", "dynamic") == "dynamic"
        if is_curve and "id" in annotator:
            groups[str(annotator.get("group") or "")].append(from_annotation(annotation))
    return dict(groups)


def human_quadrant(jams: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the signs of valence and arousal of the first quadrant by people; None without one."""
    return next((signs for _, signs in _quadrants(jams)), None)


def corpus_within(jams: Mapping[str, Any]) -> str:
    """Return the corpus of the first curve by people, or else of their first quadrant."""
    quadrants = (annotation for annotation, _ in _quadrants(jams))
    first = next(chain(_by_people(jams, NAMESPACE), quadrants), {})
    return str(part(first, "annotation_metadata").get("corpus") or "")


def _quadrants(jams: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], tuple[float, float]]]:
    for annotation in _by_people(jams, QUADRANT_NAMESPACE):
        data = annotation.get("data")
        for observation in data if isinstance(data, list) else []:
            value = observation.get("value") if isinstance(observation, dict) else None
            if isinstance(value, str) and value in QUADRANTS:
                yield annotation, QUADRANTS[value]


def _by_people(jams: Mapping[str, Any], namespace: str) -> Iterator[dict[str, Any]]:
    for annotation in jams.get("annotations") or []:
        is_wanted = isinstance(annotation, dict) and annotation.get("namespace") == namespace
        if is_wanted and not is_by_program(annotation):
            yield annotation


def song_ids(track: Track, jams: Mapping[str, Any]) -> frozenset[str]:
    """Collect what a table may call this song: file stem, identifiers, ``song_id``."""
    return ids_within(track.audio.stem, jams)


def ids_within(stem: str, jams: Mapping[str, Any]) -> frozenset[str]:
    """Collect what a table may call the song of a JAMS whose recording has that stem."""
    identifiers = part(part(dict(jams), "file_metadata"), "identifiers")
    song_id = part(dict(jams), "sandbox").get("song_id")
    return frozenset({stem, *map(str, identifiers.values()), str(song_id)})


def group_within(jams: Mapping[str, Any]) -> str:
    """Return what must stay together: a series where pieces form one, or else the artist."""
    sandbox = part(dict(jams), "sandbox")
    artist = part(dict(jams), "file_metadata").get("artist")
    return str(sandbox.get("group") or sandbox.get("series") or artist or "")


def on_grid(
    curve: EmotionCurve, count: int, segment_s: float
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Average a curve over each segment; segments without a label are masked, not invented.

    A label counts in the segment that has its centre or, where it lasts longer than a segment, in
    each of which it covers half or more.

    Returns
    -------
    labels : np.ndarray, shape=(count, 2)
        0 where there is no label.
    mask : np.ndarray, shape=(count,)
        True where there is a label.
    """
    if curve.hop_s > segment_s * _LONGER:
        starts = np.arange(count) * segment_s
        cells = Intervals(starts, starts + segment_s, np.zeros((count, 2)), segment_s)
        covered, means = on_intervals(cells, intervals(curve.times, curve.values, curve.hop_s))
        labels = np.zeros((count, 2))
        labels[covered] = means
        return labels, covered
    indices = grid_indices(curve, segment_s)
    inside = indices < count
    totals, hits = np.zeros((count, 2)), np.zeros(count)
    np.add.at(totals, indices[inside], curve.values[inside])
    np.add.at(hits, indices[inside], 1)
    return totals / np.maximum(hits, 1)[:, None], hits > 0


def grid_indices(curve: EmotionCurve, segment_s: float) -> npt.NDArray[np.int64]:
    """Return the segment in which each label's interval has its centre, shape=(n,), increasing."""
    middles = curve.times + curve.hop_s / 2
    indices: npt.NDArray[np.int64] = np.floor(middles / segment_s + 1e-9).astype(np.int64)
    return indices
