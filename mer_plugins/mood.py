"""Emotion curves as JAMS annotations of our own, in the standard namespace ``mood_thayer``.

Conventions
-----------
An observation's value is [valence, arousal], in [-1, 1], and its duration the hop. Provenance
stands in flat ``sandbox`` keys, deviations in ``confidence``.

Source: the JAMS schema 0.3.5 and its namespace ``mood/thayer.json``.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mer_plugins.curves import DIMENSIONS, UNIT_SCALE, EmotionCurve, FloatArray

NAMESPACE = "mood_thayer"
STD_KEYS = tuple(f"{dimension}_std" for dimension in DIMENSIONS)
_PEOPLE = ("human", "crowd", "manual", "expert", "listener")
_PROVENANCE = {"plugin", "checkpoint", "checkpoint_sha256", "fingerprint", "model"}
_PROGRAMS = ("mer-plugins", "mer_plugins", "essentia", "vamp", "librosa", "madmom", "opensmile")
_TIME_DECIMALS, VALUE_DECIMALS = 9, 6


@dataclass(frozen=True)
class Provenance:
    """Where an annotation comes from: everything needed to tell whether it is still up to date.

    Parameters
    ----------
    plugin, plugin_version : str
        The extractor.
    fingerprint : str
        As :func:`mer_plugins.fingerprints.fingerprint` gives it.
    checkpoint_sha256 : str
        Of the weights; empty for a method without.
    scale : str
        The extractor's native order and range, before conversion to (valence, arousal) in [-1, 1].
    hop_s : float
        Distance of two values, in seconds.
    decoder : str
        What decoded the recording; decoders differ in where an mp3 begins.
    host_version : str
        Version of this package.
    """

    plugin: str
    plugin_version: str
    fingerprint: str
    checkpoint_sha256: str
    scale: str
    hop_s: float
    decoder: str
    host_version: str


def to_annotation(curve: EmotionCurve, provenance: Provenance) -> dict[str, Any]:
    """Make a ``mood_thayer`` annotation of plain JSON types.

    Times are rounded to 9 decimals, values and standard deviations to 6. An empty curve gives an
    annotation without observations, of duration 0.
    """
    return {
        "namespace": NAMESPACE,
        "time": rounded(curve.times[0]) if len(curve) else 0.0,
        "duration": rounded(curve.duration_s),
        "annotation_metadata": _metadata(provenance),
        "data": observations(curve, VALUE_DECIMALS),
        "sandbox": _sandbox(provenance),
    }


def observations(curve: EmotionCurve, value_decimals: int) -> list[dict[str, Any]]:
    """Return one observation an interval, times to 9 decimals, deviations as confidence."""
    hop_s = rounded(curve.hop_s)
    rows = zip(
        rounded(curve.times),
        rounded(curve.values, value_decimals),
        _confidences(curve, value_decimals),
        strict=True,
    )
    return [
        {"time": time, "duration": hop_s, "value": value, "confidence": confidence}
        for time, value, confidence in rows
    ]


def plugin_of(annotation: object) -> str | None:
    """Return the plugin by which this project wrote `annotation`; None if it is someone else's."""
    if not isinstance(annotation, dict) or annotation.get("namespace") != NAMESPACE:
        return None
    if part(annotation, "annotation_metadata").get("data_source") != "program":
        return None
    plugin = part(annotation, "sandbox").get("plugin")
    return plugin if isinstance(plugin, str) else None


def is_by_program(annotation: dict[str, Any]) -> bool:
    """Tell whether an annotation, of any namespace and by anyone's tool, is by a program.

    ``data_source`` decides where it says "program", or names people ("crowdsource", "expert
    human"). Where it says neither, keys of provenance in ``sandbox`` tell, or ``annotation_tools``
    that name a program such as Essentia or a Vamp plugin; an editor that people draw curves in,
    such as Sonic Visualiser, tells nothing.
    """
    metadata, sandbox = part(annotation, "annotation_metadata"), part(annotation, "sandbox")
    source = str(metadata.get("data_source") or "").strip().casefold()
    if source == "program" or any(word in source for word in _PEOPLE):
        return source == "program"
    tools = str(metadata.get("annotation_tools") or "").casefold()
    return bool(_PROVENANCE & sandbox.keys()) or any(name in tools for name in _PROGRAMS)


def is_own(annotation: object, plugin: str) -> bool:
    """Tell whether `annotation` is what this project wrote for exactly that plugin."""
    return plugin_of(annotation) == plugin


def part(annotation: dict[str, Any], key: str) -> dict[str, Any]:
    """Return an object within an annotation; an empty one if there is none."""
    found = annotation.get(key)
    return found if isinstance(found, dict) else {}


def rounded(numbers: Any, decimals: int = _TIME_DECIMALS) -> Any:
    """Return numbers as plain JSON types, rounded; 9 decimals are a nanosecond."""
    return rounded_array(numbers, decimals).tolist()


def rounded_array(numbers: Any, decimals: int) -> FloatArray:
    """Return numbers as float64, rounded, and never to -0.0."""
    # Adding zero turns -0.0, which small negative numbers round to, into 0.0.
    return np.round(np.asarray(numbers, dtype=float), decimals) + 0.0


def _confidences(curve: EmotionCurve, decimals: int) -> list[dict[str, float] | None]:
    if curve.std is None:
        return [None] * len(curve)
    return [dict(zip(STD_KEYS, pair, strict=True)) for pair in rounded(curve.std, decimals)]


def _metadata(provenance: Provenance) -> dict[str, Any]:
    tool = f"{provenance.plugin} {provenance.plugin_version}"
    return {
        "curator": {"name": "", "email": ""},
        "annotator": {},
        "version": str(provenance.plugin_version),
        "corpus": "",
        "annotation_tools": f"mer-plugins {provenance.host_version} / {tool}",
        "annotation_rules": f"{UNIT_SCALE}; native scale of the plugin {provenance.scale}",
        "validation": "",
        "data_source": "program",
    }


def _sandbox(provenance: Provenance) -> dict[str, Any]:
    fields = asdict(provenance)
    del fields["host_version"]
    return {**fields, "hop_s": float(provenance.hop_s)}
