"""From labelled recordings to a trained model in a folder that tells everything."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mer_plugins.curves import DIMENSIONS
from mer_plugins.errors import CheckpointError, PluginError
from mer_plugins.host import file_sha256
from mer_plugins.sequence import run_folder
from mer_plugins.sequence.calibration import calibrate_folds
from mer_plugins.sequence.checkpoint import (
    Array,
    Checkpoint,
    load_checkpoint,
    make_config,
    save_checkpoint,
)
from mer_plugins.sequence.distillation import Teacher
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.export_onnx import write_graphs
from mer_plugins.sequence.folds import FoldTable, split_validation
from mer_plugins.sequence.networks import load_weights
from mer_plugins.sequence.normaliser import Normaliser
from mer_plugins.sequence.recipe import Recipe, Trainable
from mer_plugins.sequence.run_folder import RunError
from mer_plugins.sequence.scores import collection_scores, song_scores
from mer_plugins.sequence.training import Trainer

MODEL, ENSEMBLE = "model.safetensors", "ensemble.safetensors"

Estimates = dict[str, npt.NDArray[np.float64]]


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


@dataclass(frozen=True)
class Fitted:
    """A trained model and how it does on recordings it was not trained on."""

    checkpoint: Checkpoint
    estimates: Estimates
    scores: dict[str, float]


def fit(
    plan: Plan,
    training: Sequence[LabelledTrack],
    held_out: Sequence[LabelledTrack],
    folder: Path,
    *,
    resume: bool = False,
    listener: Listener | None = None,
) -> Fitted:
    """Train a model and score it.

    Parameters
    ----------
    plan : Plan
        What to train.
    training, held_out : sequences of LabelledTrack
        Recordings to train on, a share of which may tell when to stop; and those for the test,
        which choose nothing.
    folder : pathlib.Path
        Gets ``config.json``, ``model.safetensors``, ``trained_on.json``, ``run.json``,
        ``per_song.csv``, ``estimates.npz``, the ONNX graphs that run the model without torch
        (:mod:`mer_plugins.sequence.graphs`), and ``epochs.csv``, ``curves.png`` (for each dimension
        in a folder of its own where each has its network).
    resume : bool
        Go on with the run that `folder` holds; the result is that of an undisturbed run.
    listener : Listener, optional
        Hears of steps and passes.

    Raises
    ------
    RunError
        If `folder` holds another run, or one and `resume` is False.
    """
    names = [track.name for track in training]
    settings = {**settings_of(plan), "recordings": names, "held_out": [t.name for t in held_out]}
    run_folder.begin(folder, settings, resume=resume)
    recipe = plan.recipe
    trained, validation = split_validation(training, plan.table, recipe.validation, recipe.seed)
    begun = _begun_from(plan, {track.name for track in held_out})
    normaliser = Normaliser.of(begun.mean, begun.std) if begun else Normaliser.fit(trained)
    parts = [(0,), (1,)] if recipe.per_dimension else [(0, 1)]
    listener = listener or Listener()
    trainers = [
        _Part(plan, part, _part_folder(folder, part), listener).run(
            trained, validation, normaliser, begun
        )
        for part in parts
    ]
    checkpoint = _checkpoint(plan, trainers)
    save_checkpoint([checkpoint], folder / MODEL)
    name = Path(MODEL).stem
    starts = {name: plan.start} if plan.start else {}
    run_folder.write_heard(folder, {name: [track.identity for track in training]}, starts)
    _write_graphs(plan, checkpoint, folder / MODEL, listener)
    estimates = {
        track.name: np.concatenate([trainer.predict(track) for trainer in trainers], axis=1)
        for track in held_out
    }
    scores = collection_scores(held_out, estimates)
    write_results(folder, plan, len(training), held_out, estimates, scores)
    return Fitted(checkpoint, estimates, scores)


def _write_graphs(plan: Plan, checkpoint: Checkpoint, path: Path, listener: Listener) -> None:
    """Write what runs a model without torch; one that cannot be written is told, and no loss."""
    try:
        write_graphs(checkpoint, plan.trainable, path)
    except PluginError as exc:
        listener.note(f"{path}: runs with torch only: {exc}")


def _begun_from(plan: Plan, held_out: set[str]) -> Checkpoint | None:
    if plan.start is None:
        return None
    if leaked := held_out & run_folder.recordings(plan.start.parent):
        raise RunError(
            f"{plan.start}: was trained on {len(leaked)} of the recordings now left out, such as "
            f"{min(leaked)}: expected a start from the same folds"
        )
    begun = load_checkpoint(plan.start, plan.plugin)[0]
    wanted = (plan.config, plan.recipe.features, plan.recipe.per_dimension)
    config = make_config(type(plan.config), begun.model, plan.start)
    if (config, begun.features, begun.per_dimension) != wanted:
        raise CheckpointError(
            f"{plan.start}: network, front end or form is another than that to be trained: "
            f"expected {wanted}"
        )
    return begun


def _part_folder(folder: Path, part: tuple[int, ...]) -> Path:
    return folder if len(part) == len(DIMENSIONS) else folder / DIMENSIONS[part[0]]


def write_results(
    folder: Path,
    plan: Plan,
    trained: int,
    held_out: Sequence[LabelledTrack],
    estimates: Estimates,
    scores: dict[str, float],
) -> None:
    """Write the scores of held-out recordings, whole and song by song, and what was predicted."""
    songs = [song_scores(t, estimates[t.name]) for t in held_out if t.mask.any()]
    run_folder.write_rows(folder / "per_song.csv", songs)
    run_folder.write_estimates(folder / "estimates.npz", estimates)
    run_folder.write_json(
        folder / run_folder.RESULT,
        {
            **settings_of(plan),
            "recordings": {"trained": trained, "held_out": len(held_out)},
            # JSON knows no NaN.
            "scores": {k: None if math.isnan(v) else v for k, v in scores.items()},
            "versions": run_folder.versions(),
            "commit": run_folder.git_commit(),
        },
    )


def settings_of(plan: Plan) -> dict[str, Any]:
    """Return what ``config.json`` of a run tells of its plan."""
    return {
        "plugin": plan.plugin,
        "model": asdict(plan.config),
        "recipe": asdict(plan.recipe),
        "data": plan.data,
        **({"start": _identity(plan.start)} if plan.start else {}),
        **({"teacher": plan.teacher.identity} if plan.teacher else {}),
    }


def _identity(start: Path) -> str:
    """Hash a checkpoint, or what a run was told: its folds may still be in training."""
    return file_sha256(start / run_folder.CONFIG if start.is_dir() else start)


class _Part:
    """The training of one network, which can be interrupted between any two passes."""

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


def _checkpoint(plan: Plan, trainers: Sequence[Trainer]) -> Checkpoint:
    prefixes = [f"{d}." for d in DIMENSIONS] if len(trainers) > 1 else [""]
    weights = {
        f"{prefix}{name}": tensor.cpu().numpy()
        for prefix, trainer in zip(prefixes, trainers, strict=True)
        for name, tensor in trainer.average.state_dict().items()
    }
    return Checkpoint(
        plugin=plan.plugin,
        model=asdict(plan.config),
        features=plan.recipe.features,
        mean=trainers[0].normaliser.mean.cpu().numpy(),
        std=trainers[0].normaliser.std.cpu().numpy(),
        window=plan.recipe.window,
        hops=plan.recipe.hops,
        weights=weights,
        per_dimension=plan.recipe.per_dimension,
    )


def fit_folds(
    plan: Plan,
    tracks: Sequence[LabelledTrack],
    folds: Sequence[int],
    folder: Path,
    *,
    resume: bool = False,
    listener: Callable[[int], Listener] = lambda fold: Listener(),
    only: Collection[int] | None = None,
) -> dict[str, float]:
    """Train one model without each fold, and score every recording by the one that never saw it.

    `folder` gets ``fold-0``, ``fold-1``, … as :func:`fit` writes them; then, with the level and
    spread that the other folds' predictions call for (:mod:`mer_plugins.sequence.calibration`),
    ``fold-0.safetensors``, ``fold-1.safetensors``, …, all of them as ``ensemble.safetensors``, the
    songs that each was trained on as ``trained_on.json``, and the scores over all folds together.

    Parameters
    ----------
    folds : sequence of int
        The fold of each track.
    listener : callable
        Makes the listener of a fold.
    only : collection of int, optional
        Train these folds and leave the rest, and what is made of all of them, to other runs on the
        same folder: processes or machines then share the work.

    Returns
    -------
    dict
        Scores over all recordings; with `only`, over those of these folds, and before their maps.
    """
    run_folder.begin(folder, {**settings_of(plan), "folds": list(folds)}, resume=resume)
    checkpoints: dict[int, Checkpoint] = {}
    raw = Estimates()
    if only is not None and (unknown := sorted(set(only) - set(folds))):
        raise RunError(f"no recording is in fold {unknown[0]}: there are {sorted(set(folds))}")
    for fold in sorted(set(folds) if only is None else set(only)):
        pairs = list(zip(tracks, folds, strict=True))
        training = [track for track, of in pairs if of != fold]
        held_out = [track for track, of in pairs if of == fold]
        # Members that began alike would agree more than their data makes them.
        start = plan.start / f"fold-{fold}" / MODEL if plan.start else None
        recipe = replace(plan.recipe, seed=plan.recipe.seed + fold)
        own = replace(plan, recipe=recipe, start=start)
        target = folder / f"fold-{fold}"
        fitted = fit(own, training, held_out, target, resume=resume, listener=listener(fold))
        checkpoints[fold] = fitted.checkpoint
        raw |= fitted.estimates
    if only is not None:
        return collection_scores([track for track in tracks if track.name in raw], raw)
    maps = calibrate_folds(tracks, folds, raw)
    estimates = {t.name: maps[f](raw[t.name]) for t, f in zip(tracks, folds, strict=True)}
    members = [replace(found, calibration=maps[f]) for f, found in checkpoints.items()]
    for fold, member in zip(checkpoints, members, strict=True):
        save_checkpoint([member], folder / f"fold-{fold}.safetensors")
    save_checkpoint(members, folder / ENSEMBLE)
    _write_heard_by_folds(folder, tracks, folds, plan.start)
    _write_graphs(plan, members[0], folder / ENSEMBLE, listener(min(checkpoints)))
    scores = collection_scores(tracks, estimates)
    write_results(folder, plan, len(tracks), tracks, estimates, scores)
    return scores


def _write_heard_by_folds(
    folder: Path, tracks: Sequence[LabelledTrack], folds: Sequence[int], start: Path | None
) -> None:
    """List the songs of each fold's model, and of the ensemble, which has heard every one."""
    pairs = list(zip(tracks, folds, strict=True))
    heard = {
        f"fold-{fold}": [track.identity for track, of in pairs if of != fold]
        for fold in sorted(set(folds))
    }
    starts = {name: start / name / MODEL for name in heard} if start else {}
    ensemble = Path(ENSEMBLE).stem
    heard[ensemble] = [track.identity for track in tracks]
    if start:
        starts[ensemble] = start / ENSEMBLE
    run_folder.write_heard(folder, heard, starts)
