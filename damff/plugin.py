"""DAMFF's registration; imports neither torch nor the network."""

from __future__ import annotations

from dataclasses import replace

from mer_plugins import hookimpl
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec

INFO = ExtractorInfo(
    name="damff",
    version="1.1",
    summary="Dual attention-based multi-scale feature fusion (ISMIR 2023)",
    sample_rate=44_100,
    window_s=10.0,
    hop_s=0.5,
    min_duration_s=0.5,
    licence="MIT (code), weights trained on DEAM, 4Q, VGMIDI (research)",
    citation=(
        "L. Zhang, X. Yang, Y. Zhang, J. Luo: Dual Attention-based Multi-scale Feature Fusion "
        "Approach for Dynamic Music Emotion Recognition. ISMIR 2023"
    ),
    checkpoint="damff:checkpoints/damff.safetensors",
)

ENSEMBLE_INFO = replace(
    INFO,
    name="damff-ensemble",
    summary="Several DAMFF networks: their mean, and their deviation as uncertainty",
    checkpoint="damff:checkpoints/damff-ensemble.safetensors",
)


@hookimpl
def mer_extractors() -> list[ExtractorSpec]:
    """Register DAMFF, and its ensemble, whose members ``mer train --plugin damff`` trains."""
    return [
        ExtractorSpec(INFO, "damff.extractor:DAMFF", "damff.recipes:TRAINING"),
        ExtractorSpec(ENSEMBLE_INFO, "damff.extractor:DAMFFEnsemble"),
    ]
