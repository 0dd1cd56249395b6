"""A curve in a few numbers for each segment of its recording: a part of its form, a bar, a beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mer_plugins.curves import EmotionCurve
from mer_plugins.errors import JamsError
from mer_plugins.mood_reader import checked_numbers, observation_rows
from mer_plugins.summary import CurveSummary, summarise

# Less of an interval than this belongs to a neighbour, but for rounding.
_LEAST_SHARE = 1e-6


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording.

    Parameters
    ----------
    start_s, end_s : float
        In seconds; the end lies behind the start.
    label : str
        The observation's value; empty if it has none.
    """

    start_s: float
    end_s: float
    label: str


def segments(jams: Mapping[str, Any], namespace: str, end_s: float) -> list[Segment]:
    """Read the segments of the first annotation of a namespace, in order of time.

    Observations that last, such as ``segment_open``, are segments as they stand; those without
    length among them are left out. Instants, such as ``beat``, last until the next one.

    Parameters
    ----------
    jams : mapping
        As :func:`mer_plugins.jams_store.read` gives it.
    namespace : str
        For example ``"segment_open"``, ``"chord"`` or ``"beat"``.
    end_s : float
        Where the last instant's segment ends, in seconds; instants from there on are left out.

    Raises
    ------
    JamsError
        If there is no such annotation, or its times or durations are no numbers from 0 on.
    """
    rows = observation_rows(_annotation(jams, namespace).get("data"))
    times = checked_numbers("time", [row[0] for row in rows])
    durations = checked_numbers("duration", [row[1] for row in rows])
    if not all((np.isfinite(n) & (n >= 0)).all() for n in (times, durations)):
        raise JamsError(f"{namespace} has times or durations below 0 or not finite")
    order = np.argsort(times, kind="stable")
    starts, ends = times[order], (times + durations)[order]
    if not durations.any():
        ends = np.append(starts[1:], end_s)[: len(starts)]
    return [
        Segment(float(start), float(end), _label(rows[i][2]))
        for start, end, i in zip(starts, ends, order, strict=True)
        if end > start
    ]


def summarise_segments(
    curve: EmotionCurve, parts: Sequence[Segment]
) -> list[tuple[Segment, CurveSummary | None]]:
    """Summarise a curve within each segment; None where no interval of it reaches into one.

    Each interval counts by as many seconds as lie within the segment. The trend of a segment that
    a single interval covers is 0.
    """
    return [(part, _summary(curve, part)) for part in parts]


def _summary(curve: EmotionCurve, part: Segment) -> CurveSummary | None:
    starts = np.maximum(curve.times, part.start_s)
    ends = np.minimum(curve.times + curve.hop_s, part.end_s)
    inside = ends - starts > _LEAST_SHARE * min(curve.hop_s, part.end_s - part.start_s)
    if not inside.any():
        return None
    within = EmotionCurve(curve.times[inside], curve.values[inside], curve.hop_s)
    summary = summarise(within, (ends - starts)[inside])
    covered = float(ends[inside].max() - starts[inside].min())
    return replace(summary, duration_s=covered)


def _annotation(jams: Mapping[str, Any], namespace: str) -> Mapping[str, Any]:
    annotations = [a for a in jams.get("annotations") or [] if isinstance(a, dict)]
    for annotation in annotations:
        if annotation.get("namespace") == namespace:
            return annotation
    there = sorted({str(a.get("namespace")) for a in annotations})
    raise JamsError(f"has no {namespace!r} annotation: there are {', '.join(there) or 'none'}")


def _label(value: object) -> str:
    return "" if value is None else str(value)
