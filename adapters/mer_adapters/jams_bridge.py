"""Emotion curves to and from ``jams.Annotation``, for code that works with the jams library.

The host itself reads and writes JAMS without that library, which refuses files that hold one
namespace it does not know.
"""

from __future__ import annotations

import json
from typing import Any

from mer_plugins.curves import UNIT_SCALE, EmotionCurve, Scale
from mer_plugins.extras import require
from mer_plugins.mood import NAMESPACE
from mer_plugins.mood_reader import from_annotation


def to_jams(curve: EmotionCurve, scale: Scale = UNIT_SCALE) -> Any:
    """Make a ``mood_thayer`` annotation of a curve.

    Parameters
    ----------
    curve : EmotionCurve
        Valence and arousal in [-1, 1].
    scale : Scale
        Order and range to write; the standard's own order is (valence, arousal).

    Returns
    -------
    jams.Annotation
        One observation an interval, with plain floats; its rules state the scale.

    Raises
    ------
    PackageError
        If jams, which the extra ``analysis`` brings, is not installed.
    """
    require("writing jams.Annotation", "jams", extra="analysis")
    import jams

    annotation = jams.Annotation(NAMESPACE, duration=curve.duration_s)
    annotation.annotation_metadata.annotation_rules = str(scale)
    for time, value in zip(curve.times, scale.from_unit(curve.values), strict=True):
        annotation.append(
            time=float(time), duration=float(curve.hop_s), value=value.tolist(), confidence=None
        )
    return annotation


def from_jams(annotation: Any, scale: Scale = UNIT_SCALE) -> EmotionCurve:
    """Read the curve of a ``mood_thayer`` annotation whose values are in `scale`.

    Raises
    ------
    JamsError
        If it is of another namespace or cannot be read as a curve in that scale.
    """
    rows = [
        {"time": o.time, "duration": o.duration, "value": o.value, "confidence": o.confidence}
        for o in annotation.data
    ]
    told = {
        "namespace": annotation.namespace,
        "data": rows,
        # Whether it is by a program, of which no value may be missing.
        "annotation_metadata": json.loads(annotation.annotation_metadata.dumps()),
        "sandbox": json.loads(annotation.sandbox.dumps()),
    }
    return from_annotation(told, scale)
