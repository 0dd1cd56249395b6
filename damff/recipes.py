"""Recipes for DAMFF: the paper's, and those of the bundled checkpoints."""

from __future__ import annotations

from damff.model import DAMFFConfig, DAMFFNet
from mer_plugins.sequence.recipe import Recipe, Trainable

RECIPES: dict[str, Recipe] = {
    # Section 4.3: Adam 3e-4, batch 32, 100 epochs; CCC for arousal, RMSE for valence.
    "paper": Recipe(losses=("rmse", "ccc-sequence")),
    # Ten-second clips: the concordance over the batch, since 99 % of the clips' label variance
    # lies between songs; fourteen passes, the last weights averaged over about two of them.
    "deam-clips": Recipe(
        losses=("ccc", "ccc"), window_s=10.0, epochs=14, average_decay=0.985, clip_norm=5.0
    ),
}

TRAINING = Trainable(RECIPES, DAMFFConfig, DAMFFNet)
