"""One model without each fold: every recording scored by the one that never heard it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mer_plugins.sequence import run_folder
from mer_plugins.sequence.calibration import calibrate_folds
from mer_plugins.sequence.checkpoint import Checkpoint, save_checkpoint
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.fit import (
    MODEL,
    Estimates,
    check_names,
    fit,
    labels_digest,
    split_training,
    write_results,
    write_run_graphs,
)
from mer_plugins.sequence.folds import DataError
from mer_plugins.sequence.plan import Listener, Plan
from mer_plugins.sequence.run_folder import RunError
from mer_plugins.sequence.scores import collection_scores

ENSEMBLE = "ensemble.safetensors"


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
    check_names(tracks)
    if only is not None and (unknown := sorted(set(only) - set(folds))):
        raise RunError(f"no recording is in fold {unknown[0]}: there are {sorted(set(folds))}")
    wanted = sorted(set(folds) if only is None else set(only))
    plans = {fold: _of_fold(plan, fold) for fold in wanted}
    # Before the first fold is trained: the last one may be the one that cannot be.
    for fold in wanted:
        training, _ = left_out(tracks, folds, fold)
        split_training(plans[fold], training)
    settings = {**plan.settings, "folds": list(folds), "labels": labels_digest(tracks)}
    with run_folder.begun(folder, settings, resume=resume):
        checkpoints: dict[int, Checkpoint] = {}
        raw = Estimates()
        for fold in wanted:
            training, held_out = left_out(tracks, folds, fold)
            target = folder / f"fold-{fold}"
            own = plans[fold]
            fitted = fit(own, training, held_out, target, resume=resume, listener=listener(fold))
            checkpoints[fold] = fitted.checkpoint
            raw |= fitted.estimates
        if only is not None:
            return collection_scores([track for track in tracks if track.name in raw], raw)
        return _put_together(plan, tracks, folds, folder, checkpoints, raw, listener(wanted[0]))


def _put_together(
    plan: Plan,
    tracks: Sequence[LabelledTrack],
    folds: Sequence[int],
    folder: Path,
    checkpoints: Mapping[int, Checkpoint],
    raw: Estimates,
    listener: Listener,
) -> dict[str, float]:
    """Write what is made of all folds, and return their scores together."""
    maps = calibrate_folds(tracks, folds, raw)
    estimates = {t.name: maps[f](raw[t.name]) for t, f in zip(tracks, folds, strict=True)}
    members = [replace(found, calibration=maps[f]) for f, found in checkpoints.items()]
    for fold, member in zip(checkpoints, members, strict=True):
        save_checkpoint([member], folder / f"fold-{fold}.safetensors")
    save_checkpoint(members, folder / ENSEMBLE)
    _write_heard_by_folds(folder, tracks, folds, plan.start)
    write_run_graphs(plan, members[0], folder / ENSEMBLE, listener)
    scores = collection_scores(tracks, estimates)
    write_results(folder, plan, len(tracks), tracks, estimates, scores)
    return scores


def left_out(
    tracks: Sequence[LabelledTrack], folds: Sequence[int], fold: int | None
) -> tuple[list[LabelledTrack], list[LabelledTrack]]:
    """Split recordings into those of the other folds and those of one; None leaves none out.

    Raises
    ------
    DataError
        If every recording is in that fold, or none.
    """
    pairs = list(zip(tracks, folds, strict=True))
    training = [track for track, of in pairs if of != fold]
    if tracks and not training:
        raise DataError(
            f"every recording is in fold {fold}, so that none is left to train on: expected songs "
            "of two artists or more, or a table with two folds"
        )
    held_out = [track for track, of in pairs if of == fold]
    if fold is not None and not held_out:
        raise DataError(f"no recording is in fold {fold}: there are folds {sorted({*folds})}")
    return training, held_out


def _of_fold(plan: Plan, fold: int) -> Plan:
    # Members that began alike would agree more than their data makes them.
    start = plan.start / f"fold-{fold}" / MODEL if plan.start else None
    recipe = replace(plan.recipe, seed=plan.recipe.seed + fold)
    return replace(plan, recipe=recipe, start=start)


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
