"""The passes of one network over its data, between any two of which a run may be interrupted."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mer_plugins.curves import DIMENSIONS
from mer_plugins.sequence import run_folder
from mer_plugins.sequence.checkpoint import Array, Checkpoint
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.networks import load_weights
from mer_plugins.sequence.normaliser import Normaliser
from mer_plugins.sequence.plan import Listener, Plan
from mer_plugins.sequence.training import Trainer


class Passes:
    """The training of one network.

    Parameters
    ----------
    plan : Plan
        What is trained.
    dimensions : tuple of int
        What the network gives: both dimensions, or one.
    folder : pathlib.Path
        Gets ``epochs.csv``, ``curves.png`` and what a killed run goes on from.
    listener : Listener
        Hears of steps and passes.
    """

    def __init__(
        self, plan: Plan, dimensions: tuple[int, ...], folder: Path, listener: Listener
    ) -> None:
        self._plan, self._dimensions, self._folder = plan, dimensions, folder
        self._listener = listener
        self._rows: list[dict[str, float]] = []
        self._best_loss, self._best_epoch = math.inf, 0
        self._best: dict[str, Tensor] = {}

    def run(
        self,
        tracks: Sequence[LabelledTrack],
        validation: Sequence[LabelledTrack],
        normaliser: Normaliser,
        begun: Checkpoint | None,
    ) -> Trainer:
        """Train, or go on; the trainer then holds the weights that are kept."""
        plan, recipe = self._plan, self._plan.recipe
        self._folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(recipe.seed + self._dimensions[0])
        model = plan.trainable.network(plan.config)
        if begun and plan.start:
            load_weights(model, self._own(begun.weights), plan.start)
        trainer = Trainer(
            model, recipe, tracks, self._dimensions, plan.device, normaliser, plan.teacher
        )
        self._restore(trainer)
        steps = trainer.steps_per_epoch
        name = " and ".join(DIMENSIONS[d] for d in self._dimensions)
        self._listener.begin(name, recipe.epochs * steps, len(self._rows) * steps)
        while not self._is_over():
            self._epoch(trainer, validation)
        if self._best:
            trainer.average.load_state_dict(self._best)
        return trainer

    def _own(self, weights: Mapping[str, Array]) -> dict[str, Array]:
        """Return those of this part's dimension, where each has its own network."""
        shared = len(self._dimensions) == len(DIMENSIONS)
        prefix = "" if shared else f"{DIMENSIONS[self._dimensions[0]]}."
        return {k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)}

    def _is_over(self) -> bool:
        recipe, done = self._plan.recipe, len(self._rows)
        waited = done - self._best_epoch
        return done >= recipe.epochs or bool(recipe.patience and waited >= recipe.patience)

    def _epoch(self, trainer: Trainer, validation: Sequence[LabelledTrack]) -> None:
        started = time.monotonic()
        loss = trainer.epoch(self._listener.step)
        row = {"epoch": float(len(self._rows) + 1), "training loss": loss}
        if validation:
            row["validation loss"] = trainer.validation_loss(validation)
        row["seconds"] = round(time.monotonic() - started, 1)
        self._rows.append(row)
        self._keep_best(trainer, row.get("validation loss", math.nan))
        run_folder.write_rows(self._folder / "epochs.csv", self._rows)
        run_folder.plot_epochs(self._folder / "curves.png", self._rows)
        run_folder.save_state(self._folder, self._state(trainer))
        self._listener.epoch(row)

    def _keep_best(self, trainer: Trainer, loss: float) -> None:
        if self._plan.recipe.patience and loss < self._best_loss:
            self._best_loss, self._best_epoch = loss, len(self._rows)
            state = trainer.average.state_dict()
            self._best = {name: tensor.detach().clone() for name, tensor in state.items()}

    def _state(self, trainer: Trainer) -> dict[str, Any]:
        return {
            "trainer": trainer.state(),
            "rows": self._rows,
            "best_loss": self._best_loss,
            "best_epoch": self._best_epoch,
            "best": self._best,
        }

    def _restore(self, trainer: Trainer) -> None:
        if (state := run_folder.load_state(self._folder)) is None:
            return
        trainer.restore(state["trainer"])
        self._rows, self._best = state["rows"], state["best"]
        self._best_loss, self._best_epoch = state["best_loss"], state["best_epoch"]
