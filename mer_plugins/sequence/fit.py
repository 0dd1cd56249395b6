"""From labelled recordings to a trained model in a folder that tells everything."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mer_plugins.curves import DIMENSIONS
from mer_plugins.errors import CheckpointError, PluginError
from mer_plugins.sequence import run_folder
from mer_plugins.sequence.checkpoint import (
    Checkpoint,
    load_checkpoint,
    make_config,
    save_checkpoint,
)
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.export_onnx import write_graphs
from mer_plugins.sequence.folds import DataError, group_of, split_validation
from mer_plugins.sequence.front_end import to_settings
from mer_plugins.sequence.normaliser import Normaliser
from mer_plugins.sequence.passes import Passes
from mer_plugins.sequence.plan import Listener, Plan
from mer_plugins.sequence.processor import has_bfloat16
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.run_folder import RunError
from mer_plugins.sequence.scores import collection_scores, song_scores
from mer_plugins.sequence.training import Trainer
from mer_plugins.sequence.widening import differences, widened
from mer_plugins.trained_on import read_list

MODEL = "model.safetensors"

Estimates = dict[str, npt.NDArray[np.float64]]


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
    check_names(held_out)
    names = [track.name for track in training]
    settings = {
        **plan.settings,
        "recordings": names,
        "held_out": [track.name for track in held_out],
        "labels": labels_digest(training),
    }
    split = split_training(plan, training)
    begun = _begun_from(plan, held_out)
    with run_folder.begun(folder, settings, resume=resume):
        trainers = _trained(plan, split, begun, folder, listener or Listener())
        checkpoint = _checkpoint(plan, trainers)
        save_checkpoint([checkpoint], folder / MODEL)
        name = Path(MODEL).stem
        starts = {name: plan.start} if plan.start else {}
        run_folder.write_heard(folder, {name: [track.identity for track in training]}, starts)
        write_run_graphs(plan, checkpoint, folder / MODEL, listener or Listener())
        estimates = {
            track.name: np.concatenate([trainer.predict(track) for trainer in trainers], axis=1)
            for track in held_out
        }
        scores = collection_scores(held_out, estimates)
        write_results(folder, plan, len(training), held_out, estimates, scores)
    return Fitted(checkpoint, estimates, scores)


def _trained(
    plan: Plan,
    split: tuple[Sequence[LabelledTrack], Sequence[LabelledTrack]],
    begun: Checkpoint | None,
    folder: Path,
    listener: Listener,
) -> list[Trainer]:
    trained, validation = split
    normaliser = Normaliser.of(begun.mean, begun.std) if begun else Normaliser.fit(trained)
    parts = [(0,), (1,)] if plan.recipe.per_dimension else [(0, 1)]
    return [
        Passes(plan, part, _part_folder(folder, part), listener).run(
            trained, validation, normaliser, begun
        )
        for part in parts
    ]


def write_run_graphs(plan: Plan, checkpoint: Checkpoint, path: Path, listener: Listener) -> None:
    """Write what runs a model without torch; one that cannot be written is told, and no loss."""
    try:
        write_graphs(checkpoint, plan.trainable, path)
    except PluginError as exc:
        listener.note(f"{path}: runs with torch only: {exc}")


def check_names(tracks: Sequence[LabelledTrack]) -> None:
    """Raise RunError if recordings share a name, under which one's results replace the other's."""
    often = Counter(track.name for track in tracks)
    if shared := [name for name, count in often.items() if count > 1]:
        raise RunError(
            f"{len(shared)} names stand for several recordings, such as {shared[0]}: expected a "
            "name each"
        )


def labels_digest(tracks: Sequence[LabelledTrack]) -> str:
    """Hash all that is learned of recordings: a run that goes on is to learn the same."""
    digest = hashlib.sha256()
    for track in tracks:
        labels = np.where(track.mask[:, None], track.labels, 0).astype("<f4")
        digest.update(repr((track.name, track.quadrant)).encode())
        digest.update(track.mask.tobytes() + labels.tobytes())
    return digest.hexdigest()


def split_training(
    plan: Plan, tracks: Sequence[LabelledTrack]
) -> tuple[list[LabelledTrack], list[LabelledTrack]]:
    """Split recordings into those to train on and those that tell when to stop.

    Raises
    ------
    DataError
        If there are too few to train, or for a recipe that stops early to set some aside.
    """
    recipe = plan.recipe
    labelled = [track for track in tracks if track.mask.any()]
    if not (labelled or any(track.quadrant for track in tracks)):
        raise DataError(
            f"{len(tracks)} recordings to train on, none of them with labels: expected some that "
            "are not left out"
        )
    trained, validation = split_validation(tracks, plan.table, recipe.validation, recipe.seed)
    if recipe.patience and not any(track.mask.any() for track in validation):
        groups = {group_of(track, plan.table) for track in labelled}
        raise DataError(
            f"artists with curves to train on: {len(groups)}, and one has to be set aside to tell "
            "when to stop: expected two or more; or train all passes, with -r patience=0"
        )
    return trained, validation


def _begun_from(plan: Plan, held_out: Sequence[LabelledTrack]) -> Checkpoint | None:
    if plan.start is None:
        return None
    if leaked := _leaked(plan.start, held_out):
        raise RunError(
            f"{plan.start}: was trained on {len(leaked)} of the recordings now left out, such as "
            f"{leaked[0]}: expected a start from the same folds"
        )
    begun = load_checkpoint(plan.start, plan.plugin)[0]
    if changed := differences(_input_and_form(begun), _input_and_form(plan.recipe)):
        raise CheckpointError(
            f"{plan.start}: front end or form is another than that to be trained ({changed}): "
            "expected the same"
        )
    if make_config(type(plan.config), begun.model, plan.start) == plan.config:
        return begun
    return widened(begun, plan.config, plan.trainable, plan.start, plan.recipe.seed)


def _input_and_form(of: Checkpoint | Recipe) -> dict[str, Any]:
    return {**to_settings(of.features), "per_dimension": of.per_dimension}


def _leaked(start: Path, held_out: Sequence[LabelledTrack]) -> list[str]:
    """Return the names of the recordings that a start was trained on.

    Runs on other collections, and older ones, may call a song by the end of its name here, or the
    other way round; whether it is the same song, the list of what was trained on says.
    """
    heard, taught = run_folder.recordings(start.parent), read_list(start)
    by_last = defaultdict(list)
    for name in heard:
        by_last[name.rpartition("/")[2]].append(name)
    found = []
    for track in held_out:
        alike = by_last[track.name.rpartition("/")[2]]
        other = any(_ends_with(track.name, n) or _ends_with(n, track.name) for n in alike)
        songs = track.identity.songs
        same = taught is None or not songs or bool(taught.songs & songs)
        if (track.name in heard or other) and same:
            found.append(track.name)
    return sorted(found)


def _ends_with(name: str, end: str) -> bool:
    return name.endswith(f"/{end}")


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
            **plan.settings,
            "recordings": {"trained": trained, "held_out": len(held_out)},
            # JSON knows no NaN.
            "scores": {k: None if math.isnan(v) else v for k, v in scores.items()},
            "device": str(plan.device),
            "bfloat16": has_bfloat16(plan.device),
            "threads": torch.get_num_threads(),
            "versions": run_folder.versions(),
            "commit": run_folder.git_commit(),
        },
    )


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
        smoothing=plan.recipe.smoothing,
        weights=weights,
        per_dimension=plan.recipe.per_dimension,
    )
