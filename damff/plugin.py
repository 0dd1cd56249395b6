"""DAMFF's registration; imports neither torch nor the network."""

from __future__ import annotations

from dataclasses import replace

from mer_plugins import hookimpl
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec, StudySpec

INFO = ExtractorInfo(
    name="damff",
    version="1.4",
    summary="Dual attention-based multi-scale feature fusion (ISMIR 2023)",
    sample_rate=44_100,
    window_s=10.0,
    hop_s=0.5,
    min_duration_s=0.5,
    licence="MIT (code), CC-BY-NC-SA-4.0 (weights: DEAM, 4Q, VGMIDI; teacher MusiCNN)",
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


@hookimpl
def mer_studies() -> list[StudySpec]:
    """Register the comparisons of the paper."""
    return [
        StudySpec("table1", "damff.studies:TABLE1", "DAMFF, table 1: five CNN architectures"),
        StudySpec("table2", "damff.studies:TABLE2", "DAMFF, table 2: DAMFF and four baselines"),
        StudySpec("table3", "damff.studies:TABLE3", "DAMFF, table 3: four ablations"),
        StudySpec("figure3", "damff.studies:FIGURE3", "DAMFF, figure 3: hops of the window"),
    ]
