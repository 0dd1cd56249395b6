"""Evaluate one ``mood_thayer`` annotation against another, in the manner of ``jams.eval``.

jams itself has no evaluation of mood. A stretch without a label is one without an observation.

Examples
--------
>>> import jams
>>> reference = jams.load("reference.jams").search(namespace="mood_thayer")[0]  # doctest: +SKIP
>>> estimate = jams.load("estimated.jams").search(namespace="mood_thayer")[0]  # doctest: +SKIP
>>> evaluate(reference, estimate)["valence ccc"]  # doctest: +SKIP
0.61
"""

from __future__ import annotations

from typing import Any

from mer_adapters.jams_bridge import from_jams
from mer_plugins import emotion
from mer_plugins.curves import UNIT_SCALE, Scale


def evaluate(
    reference_annotation: Any,
    estimated_annotation: Any,
    reference_scale: Scale = UNIT_SCALE,
    estimated_scale: Scale = UNIT_SCALE,
    **kwargs: Any,
) -> dict[str, float]:
    """Compute all metrics of one pair of annotations.

    Parameters
    ----------
    reference_annotation, estimated_annotation : jams.Annotation
        Of namespace ``mood_thayer``, which fixes the order, (valence, arousal), but no range.
    reference_scale, estimated_scale : Scale
        Order and range that each annotation's values are in.
    **kwargs
        As for :func:`mer_plugins.emotion.evaluate`. The hops are the observations' durations
        unless they are given here.

    Returns
    -------
    dict
        As :func:`mer_plugins.emotion.evaluate`.

    Raises
    ------
    JamsError
        If an annotation is of another namespace, malformed, or outside its scale.
    """
    reference = from_jams(reference_annotation, reference_scale)
    estimate = from_jams(estimated_annotation, estimated_scale)
    hops = {"reference_hop_s": reference.hop_s, "estimated_hop_s": estimate.hop_s}
    curves = (reference.times, reference.values, estimate.times, estimate.values)
    return emotion.evaluate(*curves, **(hops | kwargs))
