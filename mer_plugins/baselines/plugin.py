"""Registration of DAMFF's opponents; imports neither torch nor a network."""

from __future__ import annotations

from mer_plugins import hookimpl
from mer_plugins.baselines.trivial import GLOBAL_MEAN, MEAN_TRAJECTORY
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec


def _info(name: str, summary: str, sample_rate: int, citation: str) -> ExtractorInfo:
    return ExtractorInfo(
        name=name,
        version="1.0",
        summary=summary,
        sample_rate=sample_rate,
        window_s=10.0,
        hop_s=0.5,
        min_duration_s=0.5,
        licence="MIT (code), weights trained on DEAM (research)",
        citation=citation,
        checkpoint=f"mer_plugins:baselines/checkpoints/{name}.safetensors",
    )


CRNN = _info(
    "crnn",
    "mel bands of half seconds, one convolution, two recurrent branches (SMC 2017)",
    44_100,
    "M. Malik, S. Adavanne, K. Drossos, T. Virtanen, D. Ticha, R. Jarina: Stacked Convolutional "
    "and Recurrent Neural Networks for Music Emotion Recognition. SMC 2017",
)
BCRSN = _info(
    "bcrsn",
    "bidirectional convolutional recurrent sparse network, values as bits (IEEE TMM 2019)",
    44_100,
    "Y. Dong, X. Yang, X. Zhao, J. Li: Bidirectional Convolutional Recurrent Sparse Network "
    "(BCRSN): An Efficient Model for Music Emotion Recognition. IEEE Trans. Multimedia, 2019",
)
DNN = _info(
    "dnn",
    "raw waveform, one convolution, two recurrent branches (Radioelektronika 2019)",
    22_050,
    "R. Orjesek, R. Jarina, M. Chmulik, M. Kuba: DNN Based Music Emotion Recognition from Raw "
    "Audio Signal. Radioelektronika 2019",
)
MCRNN = _info(
    "mcrnn",
    "raw waveform in three views, two recurrent layers (IEEE ISM 2020)",
    22_050,
    "N. He, S. Ferguson: Multi-view Neural Networks for Raw Audio-based Music Emotion "
    "Recognition. IEEE ISM 2020",
)


@hookimpl
def mer_extractors() -> list[ExtractorSpec]:
    """Register the four networks of DAMFF's paper, and the predictors that do not listen."""
    here = "mer_plugins.baselines"
    networks = {"CRNN": CRNN, "BCRSN": BCRSN, "DNN": DNN, "MCRNN": MCRNN}
    return [
        *(
            ExtractorSpec(info, f"{here}.extractors:{name}", f"{here}.recipes:{name}_TRAINING")
            for name, info in networks.items()
        ),
        ExtractorSpec(GLOBAL_MEAN, f"{here}.trivial:GlobalMean"),
        ExtractorSpec(MEAN_TRAJECTORY, f"{here}.trivial:MeanTrajectory"),
    ]
