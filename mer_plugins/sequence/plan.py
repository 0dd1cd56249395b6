"""What is to be trained, and who hears how far it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from mer_plugins.host import file_sha256
from mer_plugins.sequence import run_folder
from mer_plugins.sequence.distillation import Teacher
from mer_plugins.sequence.folds import FoldTable
from mer_plugins.sequence.recipe import Recipe, Trainable


@dataclass(frozen=True)
class Plan:
    """What is to be trained.

    Parameters
    ----------
    plugin : str
        Name of the plugin.
    trainable, config, recipe : Trainable, frozen dataclass, Recipe
        The network, its settings, and the training.
    data : dict
        Where the recordings came from, for the record.
    table : FoldTable
        Artists, so that those of the validation share are not trained on.
    device : torch.device
        Where to train.
    start : pathlib.Path, optional
        A checkpoint to begin from, network and normaliser, instead of chance; for folds, the
        folder of such a run, of which each fold goes on from its own, so that nothing leaks.
    teacher : Teacher, optional
        For recipes that learn from one.
    """

    plugin: str
    trainable: Trainable
    config: Any
    recipe: Recipe
    data: dict[str, Any] = field(default_factory=dict)
    table: FoldTable = field(default_factory=FoldTable)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    start: Path | None = None
    teacher: Teacher | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """All that the result depends on, for the record."""
        return {
            "plugin": self.plugin,
            "model": asdict(self.config),
            "recipe": asdict(self.recipe),
            "data": self.data,
            **({"start": _identity(self.start)} if self.start else {}),
            **({"teacher": self.teacher.identity} if self.teacher else {}),
        }


def _identity(start: Path) -> str:
    """Hash a checkpoint, or what a run was told: its folds may still be in training."""
    return file_sha256(start / run_folder.CONFIG if start.is_dir() else start)


class Listener:
    """Hears how far a run is; the base hears and says nothing."""

    def begin(self, part: str, steps: int, done: int) -> None:
        """Hear that a network of `steps` steps in all begins, `done` of them made before."""

    def step(self, loss: float) -> None:
        """Hear of one more step."""

    def epoch(self, row: run_folder.Row) -> None:
        """Hear of one more pass."""

    def note(self, text: str) -> None:
        """Hear what people should know about the result."""
