"""Registration of the bridges that are plugins; imports neither a bridged library nor torch."""

from __future__ import annotations

from mer_plugins import hookimpl
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec
from mer_plugins.curves import Scale

ESSENTIA_MUSICNN = ExtractorInfo(
    name="essentia-musicnn",
    version="1.0",
    summary="Essentia's MusiCNN embedding with its emoMusic or DEAM head, or a ridge of our own",
    # The published emoMusic head; how order and range were found stands in musicnn_heads.py.
    scale=Scale(1, 9),
    sample_rate=16_000,
    window_s=2.992,
    hop_s=0.5,
    min_duration_s=0.5,
    licence="AGPL-3.0-only (Essentia), CC-BY-NC-SA-4.0 (its weights), MIT (this bridge)",
    citation=(
        "P. Alonso-Jimenez, D. Bogdanov, J. Pons, X. Serra: TensorFlow Audio Models in Essentia. "
        "ICASSP 2020"
    ),
)


@hookimpl
def mer_extractors() -> list[ExtractorSpec]:
    """Register the bridges."""
    return [ExtractorSpec(ESSENTIA_MUSICNN, "mer_adapters.essentia_musicnn:EssentiaMusiCNN")]
