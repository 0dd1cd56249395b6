"""One training run from data to a folder that tells everything: weights, settings, scores."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mer_plugins import __version__
from mer_plugins.curves import DIMENSIONS
from mer_plugins.sequence.checkpoint import Checkpoint, save_checkpoint
from mer_plugins.sequence.recipe import Recipe, Trainable
from mer_plugins.sequence.training import LabelledTrack, Trainer

Array = npt.NDArray[np.float64]


def fit(
    plugin: str,
    trainable: Trainable,
    config: Any,
    recipe: Recipe,
    training: Sequence[LabelledTrack],
    held_out: Sequence[LabelledTrack],
    tell: Callable[[dict[str, float]], None],
    output: Path,
) -> dict[str, Any]:
    """Train, write ``model.safetensors``, ``epochs.csv`` and ``run.json`` after each pass.

    Returns
    -------
    dict
        What ``run.json`` holds: settings, versions, and the held-out scores of the last pass.
    """
    output.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(recipe.seed)
    trainer = Trainer(trainable.network(config), recipe, training)
    epochs: list[dict[str, float]] = []
    run: dict[str, Any] = {}
    for epoch in range(1, recipe.epochs + 1):
        loss = trainer.epoch()
        epochs.append({"epoch": epoch, "loss": loss, **pooled_scores(trainer, held_out)})
        tell(epochs[-1])
        save_checkpoint(_checkpoint(plugin, config, recipe, trainer), output / "model.safetensors")
        _write_epochs(epochs, output / "epochs.csv")
        run = _run(plugin, config, recipe, len(training), len(held_out), epochs[-1])
        (output / "run.json").write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    return run


def pooled_scores(trainer: Trainer, tracks: Sequence[LabelledTrack]) -> dict[str, float]:
    """Score tracks that were not trained on: pooled CCC over all labelled half seconds."""
    if not tracks:
        return {}
    estimate = np.concatenate([trainer.predict(track)[track.mask] for track in tracks])
    reference = np.concatenate([track.labels[track.mask] for track in tracks]).astype(float)
    return {
        f"pooled {dimension} ccc": _ccc(reference[:, d], estimate[:, d])
        for d, dimension in enumerate(DIMENSIONS)
    }


def _ccc(reference: Array, estimate: Array) -> float:
    """Concordance, Lin 1989, population moments; 0 for a constant estimate."""
    covariance = np.mean((reference - reference.mean()) * (estimate - estimate.mean()))
    spread = reference.var() + estimate.var() + (reference.mean() - estimate.mean()) ** 2
    return float(2 * covariance / spread) if spread else 1.0


def _checkpoint(plugin: str, config: Any, recipe: Recipe, trainer: Trainer) -> Checkpoint:
    return Checkpoint(
        plugin=plugin,
        model=asdict(config),
        features=recipe.features,
        mean=trainer.normaliser.mean,
        std=trainer.normaliser.std,
        window=recipe.window,
        hops=recipe.hops,
        weights=trainer.average.state_dict(),
    )


def _write_epochs(epochs: Sequence[dict[str, float]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, list(epochs[0]), lineterminator="\n")
        rows.writeheader()
        rows.writerows(epochs)


def _run(
    plugin: str, config: Any, recipe: Recipe, trained: int, left_out: int, last: dict[str, float]
) -> dict[str, Any]:
    return {
        "plugin": plugin,
        "model": asdict(config),
        "recipe": asdict(recipe),
        "recordings": {"trained": trained, "left_out": left_out},
        "scores": last,
        "versions": {
            "mer-plugins": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
    }
