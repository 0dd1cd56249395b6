"""``mer train``: train a neural plugin on a labelled collection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mer_plugins.cli.options import (
    parameter_option,
    parse_parameters,
    plugin_option,
    training_options,
)
from mer_plugins.errors import MerError, PluginError

if TYPE_CHECKING:
    from mer_plugins.sequence.distillation import Teacher
    from mer_plugins.sequence.excerpts import LabelledTrack
    from mer_plugins.sequence.plan import Plan
    from mer_plugins.sequence.recipe import Recipe, Trainable

_FOLDS = 5
_ALL = "all"


class Folds(click.ParamType[Any]):
    """``all``, or the numbers of some folds, such as ``0,2``."""

    name = "folds"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Return what help shows."""
        return "all|K,K..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take a value of the command line."""
        if value == _ALL or isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if not all(part.isdecimal() for part in parts):
            self.fail(f"{value!r}: expected {_ALL}, or numbers such as 0,2", param, ctx)
        return tuple(map(int, parts))


@click.command("train", context_settings={"help_option_names": ["-h", "--help"]})
@plugin_option("The neural plugin to train.", required=True)
@click.option(
    "--data",
    "data",
    multiple=True,
    required=True,
    metavar="COLLECTION",
    help="Recordings with labels in JAMS beside them: mood_thayer curves, or quadrants (tag_open "
    "Q1 to Q4) for recipes that use them; may be repeated.",
)
@click.option(
    "--recipe",
    default="paper",
    show_default=True,
    metavar="NAME",
    help="One of the plugin's recipes.",
)
@training_options
@click.option("--fold", type=click.IntRange(0), metavar="K", help="Leave this fold out; score it.")
@click.option(
    "--folds",
    type=Folds(),
    help="One model without each fold; every song scored by the model that never heard it. With "
    "numbers, such as 0,2, only these, so that several processes or machines share a RUN: then "
    "--folds all --resume puts them together.",
)
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Passes over the data at most.")
@click.option("--seed", type=click.IntRange(0), metavar="S", help="Of everything that is random.")
@click.option(
    "--form",
    type=click.Choice(["shared", "per-dimension"]),
    help="One trunk with two heads, or a network for each dimension.  [default: the recipe's]",
)
@parameter_option("Setting of the network, such as cnn=square; may be repeated.")
@click.option(
    "-r",
    "--recipe-parameter",
    "recipe_parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of the recipe, such as learning_rate=0.001; may be repeated.",
)
@click.option(
    "--start",
    type=click.Path(exists=True, path_type=Path),
    metavar="FILE|RUN",
    help="Begin from these weights, also with a wider network (-p reduced=2) that says the same at "
    "first; with --folds all, from the folds of a run with --folds all.",
)
@click.option(
    "--teacher",
    metavar="NAME",
    help="Plugin whose network teaches, for recipes that learn from one, such as distilled.",
)
@click.option(
    "-t",
    "--teacher-parameter",
    "teacher_parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of the teacher, such as models=DIR; may be repeated.",
)
@click.option("--resume", is_flag=True, help="Go on with the run that RUN holds.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print the scores as JSON.")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUN",
    help="Folder for weights, settings, curves, scores.",
)
def command(**options: Any) -> int:
    """Train a neural plugin on any collection with valence-arousal labels in JAMS.

    A fold that is left out is never trained on and chooses nothing. Recipes with early stopping
    set aside some artists of the other folds for it. A run that was stopped goes on with --resume
    and ends with the weights it would have had.

    \b
    Examples:
      mer train --plugin damff --data clips/ --recipe deam-clips -o run/
      mer train --plugin damff --data clips/ --folds-csv songs.csv --fold 0 -o run/
      mer train --plugin damff --data clips/ --folds all --n-folds 10 -o run/
      mer train --plugin damff --data clips/ --recipe distilled --teacher essentia-musicnn \\
          -t models=DIR -o run/
      mer-extract --plugin damff -p checkpoint=run/model.safetensors collection/
      mer-extract --plugin damff-ensemble -p checkpoint=run/ensemble.safetensors collection/
    """  # noqa: D301
    from mer_plugins.extras import require

    require("training", "torch", "onnx", "matplotlib", extra="train")
    from mer_plugins.cli.training_progress import TrainingProgress
    from mer_plugins.sequence.fit import fit
    from mer_plugins.sequence.fit_folds import fit_folds
    from mer_plugins.sequence.folds import assign_folds, check_table, notes_on_folds

    if options["fold"] is not None and options["folds"]:
        raise click.UsageError("--fold and --folds exclude each other")
    plan = _plan(options)
    tracks = _tracks(options, plan)
    output, resume, quiet = options["output"], options["resume"], options["quiet"]
    count = options["n_folds"] or plan.table.count or _FOLDS
    check_table(tracks, plan.table)
    folds = assign_folds(tracks, plan.table, count, plan.recipe.seed)
    if plan.table.songs or options["folds"] or options["fold"] is not None:
        for note in notes_on_folds(tracks, plan.table, folds, count):
            click.echo(note, err=True)
    if options["folds"]:
        scores = fit_folds(
            plan,
            tracks,
            folds,
            output,
            resume=resume,
            listener=lambda fold: TrainingProgress(f"fold {fold}: ", quiet=quiet),
            only=None if options["folds"] == _ALL else options["folds"],
        )
    else:
        training, held_out = _split(tracks, folds, options["fold"])
        listener = TrainingProgress("", quiet=quiet)
        scores = fit(plan, training, held_out, output, resume=resume, listener=listener).scores
    _tell_scores(scores, output, options)
    return 0


def _plan(options: dict[str, Any]) -> Plan:
    import torch

    from mer_plugins.sequence.backends import find_device
    from mer_plugins.sequence.folds import FoldTable, read_folds
    from mer_plugins.sequence.plan import Plan

    trainable = _trainable(options["plugin"])
    recipe = _recipe(trainable, options)
    table = read_folds(options["folds_csv"]) if options["folds_csv"] else FoldTable()
    return Plan(
        options["plugin"],
        trainable,
        trainable.config(parse_parameters(options["parameters"]), recipe),
        recipe,
        data={
            "recipe": options["recipe"],
            "collections": [Path(name).name for name in options["data"]],
            "folds": options["folds_csv"].name if options["folds_csv"] else "by artist",
            "fold": _ALL if options["folds"] else options["fold"],
        },
        table=table,
        device=torch.device(find_device(options["device"])),
        start=_start(options),
        teacher=_teacher(options, recipe),
    )


def _start(options: dict[str, Any]) -> Path | None:
    start: Path | None = options["start"]
    if start and start.is_dir() != bool(options["folds"]):
        expected = "the folder of a run with --folds all" if options["folds"] else "a checkpoint"
        raise click.UsageError(f"--start is {start}: expected {expected}")
    return start


def _teacher(options: dict[str, Any], recipe: Recipe) -> Teacher | None:
    from mer_plugins.host import load_factory, plugin_host

    name, wanted = options["teacher"], bool(recipe.distillation)
    if bool(name) != wanted:
        expected = "expected --teacher NAME" if wanted else "learns from none"
        raise click.UsageError(f"--teacher is {name}: recipe {options['recipe']!r}: {expected}")
    if not name:
        if options["teacher_parameters"]:
            raise click.UsageError(f"-t: recipe {options['recipe']!r} learns from no teacher")
        return None
    spec = plugin_host().extractors.get(name)
    if not spec.teacher:
        raise PluginError(f"plugin {name!r} cannot teach: it names no teacher")
    parameters = parse_parameters(options["teacher_parameters"], option="-t")
    made: Teacher = load_factory(spec.teacher, f"the teacher of plugin {name!r}")(**parameters)
    return made


def _trainable(plugin: str) -> Trainable:
    from mer_plugins.host import load_factory, plugin_host

    spec = plugin_host().extractors.get(plugin)
    if not spec.training:
        raise PluginError(f"plugin {plugin!r} cannot be trained: it names no network and recipes")
    found: Trainable = load_factory(spec.training, f"the training of plugin {plugin!r}")
    return found


def _recipe(trainable: Trainable, options: dict[str, Any]) -> Recipe:
    changes = parse_parameters(options["recipe_parameters"], option="-r", nested=True)
    for name in ("epochs", "seed"):
        if options[name] is not None:
            changes[name] = options[name]
    if options["form"]:
        changes["per_dimension"] = options["form"] == "per-dimension"
    return trainable.recipe(options["recipe"]).changed(changes)


def _tracks(options: dict[str, Any], plan: Plan) -> list[LabelledTrack]:
    from mer_plugins.cli.training_progress import loaded

    recipe = plan.recipe
    heard = plan.teacher.features if plan.teacher else None
    found = loaded(
        options["data"], recipe, options["cache_gb"], quiet=options["quiet"], heard=heard
    )
    usable = [t for t in found if t.mask.any() or (t.quadrant and recipe.quadrant_weight)]
    if left := len(found) - len(usable):
        click.echo(
            f"{left} recordings have only a quadrant, which this recipe leaves out", err=True
        )
    if not any(track.mask.any() for track in usable):
        raise MerError(
            "no recording to train on: expected JAMS beside the recordings, each with a "
            "mood_thayer annotation that is not by a program"
        )
    return usable


def _split(
    tracks: list[LabelledTrack], folds: list[int], fold: int | None
) -> tuple[list[LabelledTrack], list[LabelledTrack]]:
    from mer_plugins.sequence.fit_folds import left_out

    training, held_out = left_out(tracks, folds, fold)
    click.echo(f"training on {len(training)} recordings, {len(held_out)} left out", err=True)
    return training, held_out


def _tell_scores(scores: dict[str, float], output: Path, options: dict[str, Any]) -> None:
    if options["as_json"]:
        click.echo(json.dumps({k: v if v == v else None for k, v in scores.items()}, indent=2))
        return
    for name, value in scores.items():
        click.echo(f"{name:32s} {value:7.4f}")
    weights = ["ensemble.safetensors" if options["folds"] else "model.safetensors"]
    if isinstance(options["folds"], tuple):
        weights = [f"fold-{fold}/model.safetensors" for fold in options["folds"]]
    click.echo(f"written: {', '.join(str(output / name) for name in weights)}")
