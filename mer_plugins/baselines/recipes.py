"""Recipes of the four networks.

``paper``: DAMFF's common protocol (section 4.3: Adam 3e-4, batch 32, 100 epochs, 30 s), with the
network's own loss. ``deam-clips``: ten-second clips, for as long as DAMFF's checkpoints are
trained. Each of both exists ``-damff-losses``: with the losses that DAMFF has there. The paper does
not say which losses its rerun of these networks used.

CRNN's and DNN's step on the clips, 1e-3, is Adam's default: with less, networks of 6,000 parameters
would hardly move in so few passes.
"""

from __future__ import annotations

from dataclasses import replace

from mer_plugins.baselines.bcrsn import BCRSN, BCRSNConfig
from mer_plugins.baselines.crnn import CRNN, CRNNConfig
from mer_plugins.baselines.dnn import DNN, DNNConfig
from mer_plugins.baselines.mcrnn import MCRNN, MCRNNConfig
from mer_plugins.sequence.front_end import FrontEndConfig
from mer_plugins.sequence.logmel import LogMelConfig
from mer_plugins.sequence.recipe import OWN, UNBOUNDED, Recipe, Trainable
from mer_plugins.sequence.waveform import WaveformConfig

# One frame a segment and as long as it; like every frame of the front end, centred on its start.
HALF_SECOND_BANDS = LogMelConfig(n_fft=22_050, hop_length=22_050, n_mels=64, frames_per_segment=1)

_OWN = ("mse", "mse")
_BITS = (OWN, OWN)
_DAMFF_PAPER = ("rmse", "ccc-sequence")
_DAMFF_CLIPS = ("ccc", "ccc")


def _paper(losses: tuple[str, str], features: FrontEndConfig) -> Recipe:
    return Recipe(losses=losses, snippets=True, clip_norm=UNBOUNDED, features=features)


def _clips(
    losses: tuple[str, str], features: FrontEndConfig, learning_rate: float = 3e-4
) -> Recipe:
    recipe = replace(_paper(losses, features), window_s=10.0, snippets=False, epochs=14)
    return replace(recipe, average_decay=0.985, clip_norm=5.0, learning_rate=learning_rate)


CRNN_RECIPES: dict[str, Recipe] = {
    "paper": _paper(_OWN, HALF_SECOND_BANDS),
    "paper-damff-losses": _paper(_DAMFF_PAPER, HALF_SECOND_BANDS),
    "deam-clips": _clips(_OWN, HALF_SECOND_BANDS, 1e-3),
    "deam-clips-damff-losses": _clips(_DAMFF_CLIPS, HALF_SECOND_BANDS, 1e-3),
}

# Its own loss is over bits and not one of the losses over values.
BCRSN_RECIPES: dict[str, Recipe] = {
    "paper": _paper(_BITS, LogMelConfig()),
    "paper-damff-losses": _paper(_DAMFF_PAPER, LogMelConfig()),
    "deam-clips": _clips(_BITS, LogMelConfig()),
    "deam-clips-damff-losses": _clips(_DAMFF_CLIPS, LogMelConfig()),
}

DNN_RECIPES: dict[str, Recipe] = {
    "paper": _paper(_OWN, WaveformConfig()),
    "paper-damff-losses": _paper(_DAMFF_PAPER, WaveformConfig()),
    "deam-clips": _clips(_OWN, WaveformConfig(), 1e-3),
    "deam-clips-damff-losses": _clips(_DAMFF_CLIPS, WaveformConfig(), 1e-3),
}

MCRNN_RECIPES: dict[str, Recipe] = {
    "paper": _paper(_OWN, WaveformConfig()),
    "paper-damff-losses": _paper(_DAMFF_PAPER, WaveformConfig()),
    "deam-clips": _clips(_OWN, WaveformConfig()),
    "deam-clips-damff-losses": _clips(_DAMFF_CLIPS, WaveformConfig()),
}

CRNN_TRAINING = Trainable(CRNN_RECIPES, CRNNConfig, CRNN, ("dropout",))
BCRSN_TRAINING = Trainable(BCRSN_RECIPES, BCRSNConfig, BCRSN, ("l1",))
DNN_TRAINING = Trainable(DNN_RECIPES, DNNConfig, DNN, ("dropout",))
MCRNN_TRAINING = Trainable(
    MCRNN_RECIPES, MCRNNConfig, MCRNN, ("dropout", "gain_db", "noise", "shift")
)
