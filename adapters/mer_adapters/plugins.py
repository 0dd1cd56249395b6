"""Registration of the bridges that are plugins; imports neither a bridged library nor torch."""

from __future__ import annotations

from mer_plugins import hookimpl
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec
from mer_plugins.curves import Scale

ESSENTIA_MUSICNN = ExtractorInfo(
    name="essentia-musicnn",
    version="1.0",
    summary="Essentia's MusiCNN with its emoMusic or DEAM head, or a ridge or BiLSTM of ours",
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

RIDGE_LIBROSA = ExtractorInfo(
    name="ridge-librosa",
    version="1.0",
    summary="ridge regression on statistics of librosa's features, a baseline",
    sample_rate=22_050,
    window_s=10.5,
    hop_s=0.5,
    min_duration_s=0.5,
    licence="ISC (librosa), MIT (this bridge), weights fitted on DEAM (research)",
    citation=(
        "B. McFee, C. Raffel, D. Liang, D. Ellis, M. McVicar, E. Battenberg, O. Nieto: librosa: "
        "Audio and Music Signal Analysis in Python. SciPy 2015"
    ),
    checkpoint="mer_adapters:heads/ridge-librosa.safetensors",
)

RIDGE_ESSENTIA = ExtractorInfo(
    name="ridge-essentia",
    version="1.0",
    summary="ridge regression on statistics of Essentia's features, a baseline",
    sample_rate=44_100,
    window_s=10.5,
    hop_s=0.5,
    min_duration_s=0.5,
    licence="AGPL-3.0-only (Essentia), MIT (this bridge), weights fitted on DEAM (research)",
    citation=(
        "D. Bogdanov, N. Wack, E. Gomez, S. Gulati, P. Herrera, O. Mayor, et al.: Essentia: An "
        "Audio Analysis Library for Music Information Retrieval. ISMIR 2013"
    ),
    checkpoint="mer_adapters:heads/ridge-essentia.safetensors",
)


@hookimpl
def mer_extractors() -> list[ExtractorSpec]:
    """Register the bridges."""
    return [
        ExtractorSpec(
            ESSENTIA_MUSICNN,
            "mer_adapters.essentia_musicnn:EssentiaMusiCNN",
            teacher="mer_adapters.musicnn_teacher:MusiCNNTeacher",
        ),
        ExtractorSpec(RIDGE_LIBROSA, "mer_adapters.ridge_extractors:RidgeLibrosa"),
        ExtractorSpec(RIDGE_ESSENTIA, "mer_adapters.ridge_extractors:RidgeEssentia"),
    ]
