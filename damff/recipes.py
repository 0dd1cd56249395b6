"""Recipes for DAMFF: the paper's, and those of the bundled checkpoints."""

from __future__ import annotations

from dataclasses import replace

from damff.config import DAMFFConfig
from damff.model import DAMFFNet
from mer_plugins.sequence.augment import Augmentation
from mer_plugins.sequence.distillation import Distillation
from mer_plugins.sequence.logmel import LogMelConfig
from mer_plugins.sequence.recipe import UNBOUNDED, Recipe, Trainable

RECIPES: dict[str, Recipe] = {
    # Sections 3.3, 4.3 and 4.4.1, word for word: a network for each dimension, CCC for arousal and
    # RMSE for valence, Adam 3e-4, batch 32, 100 epochs, early stopping (patience is not given),
    # songs cut into snippets of 30 s, hops of 2.5 s for arousal and 0.5 s for valence. No bound of
    # the gradient is mentioned, so there is none.
    "paper": Recipe(
        losses=("rmse", "ccc-sequence"),
        per_dimension=True,
        snippets=True,
        clip_norm=UNBOUNDED,
        validation=0.1,
        patience=10,
    ),
    # Ten-second clips: the concordance over the batch, since 99 % of the clips' label variance
    # lies between songs.
    "deam-clips": Recipe(
        losses=("ccc", "ccc"), window_s=10.0, epochs=14, average_decay=0.985, clip_norm=5.0
    ),
    # What carries over to other music: copies of any sound quality, and quadrants beside curves.
    "robust": Recipe(
        losses=("ccc", "ccc"),
        window_s=10.0,
        excerpt_s=5.0,
        # Between the widths that suit DEAM's and VGMIDI's held-out songs best (docs/damff.md).
        smoothing_s=5.0,
        epochs=12,
        learning_rate=1.5e-3,
        schedule="cosine",
        weight_decay=0.02,
        average_decay=0.985,
        quadrant_weight=4.0,
        augmentation=Augmentation(
            gain_db=8.0,
            eq_db=2.0,
            low_pass=0.3,
            low_pass_hz=5_000.0,
            noise=0.15,
            noise_snr_db=(20.0, 50.0),
            shift_frames=24,
            reencoded=0.3,
        ),
        copy_bit_rates=(48_000,),
        # Below this floor lie what lossy coding leaves out and the noise of quiet recordings.
        features=LogMelConfig(floor=1e-4),
    ),
}
# The same, with a teacher that has heard far more music than was ever rated over time.
RECIPES["distilled"] = replace(
    RECIPES["robust"],
    learning_rate=2e-3,
    # Half of the excerpts are mixtures, which have no quadrant.
    quadrant_weight=6.0,
    distillation=Distillation(embedding_weight=1.0, value_weight=1.0, mixed=0.5),
)

TRAINING = Trainable(RECIPES, DAMFFConfig, DAMFFNet, training_only=("dropout",))
