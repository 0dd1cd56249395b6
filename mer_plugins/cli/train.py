"""``mer train``: train a neural plugin on a labelled collection."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mer_plugins.cli.options import parse_parameters
from mer_plugins.errors import MerError, PluginError

if TYPE_CHECKING:
    from mer_plugins.sequence.recipe import Trainable
    from mer_plugins.sequence.training import LabelledTrack


@click.command("train", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-P", "--plugin", required=True, metavar="NAME", help="The neural plugin to train.")
@click.option(
    "--data",
    "data",
    multiple=True,
    required=True,
    metavar="COLLECTION",
    help="Recordings with labels (mood_thayer) in JAMS beside them; may be repeated.",
)
@click.option(
    "--recipe",
    default="paper",
    show_default=True,
    metavar="NAME",
    help="One of the plugin's recipes.",
)
@click.option(
    "--folds-csv",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Table with the columns song_id and fold.",
)
@click.option(
    "--fold",
    type=int,
    metavar="K",
    help="Leave this fold out of the training and score it at the end.",
)
@click.option(
    "--epochs",
    type=click.IntRange(1),
    metavar="N",
    help="Passes over the data.  [default: the recipe's]",
)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of the network, such as cnn=square; may be repeated.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="RUN",
    help="Folder for the weights, settings and scores.",
)
def command(**options: Any) -> int:
    r"""Train a neural plugin on any collection with valence-arousal labels in JAMS.

    The weights that are kept are a running average of the last steps. The fold that is left out is
    never trained on and chooses nothing; its scores are printed after each pass.

    \b
    Examples:
      mer train --plugin damff --data clips/ --recipe deam-clips -o run/
      mer train --plugin damff --data clips/ --folds-csv songs.csv --fold 0 -o run/
      mer-extract --plugin damff -p checkpoint=run/model.safetensors collection/
    """
    from dataclasses import replace

    from mer_plugins.sequence.fit import fit

    if options["fold"] is not None and options["folds_csv"] is None:
        raise click.UsageError("--fold needs --folds-csv, which tells the fold of each song")
    trainable = _trainable(options["plugin"])
    recipe = trainable.recipe(options["recipe"])
    if options["epochs"]:
        recipe = replace(recipe, epochs=options["epochs"])
    config = trainable.config(parse_parameters(options["parameters"]))
    training, held_out = _data(options, recipe.features)
    click.echo(f"training on {len(training)} recordings, {len(held_out)} left out", err=True)
    started = time.monotonic()

    def tell(scores: dict[str, float]) -> None:
        done = int(scores["epoch"])
        left_s = (time.monotonic() - started) / done * (recipe.epochs - done)
        text = ", ".join(f"{k} {v:.4f}" for k, v in scores.items() if k != "epoch")
        click.echo(f"epoch {done}/{recipe.epochs}: {text}; {left_s / 60:.1f} min left", err=True)

    run = fit(
        options["plugin"], trainable, config, recipe, training, held_out, tell, options["output"]
    )
    click.echo(json.dumps(run, indent=2))
    return 0


def _trainable(plugin: str) -> Trainable:
    from mer_plugins.host import load_factory, plugin_host

    spec = plugin_host().extractors.get(plugin)
    if not spec.training:
        raise PluginError(f"plugin {plugin!r} cannot be trained: it names no network and recipes")
    found: Trainable = load_factory(spec.training, f"the training of plugin {plugin!r}")
    return found


def _data(
    options: dict[str, Any], features: Any
) -> tuple[list[LabelledTrack], list[LabelledTrack]]:
    from mer_plugins.sequence.data import fold_of, load_labelled, read_folds
    from mer_plugins.sequence.logmel import LogMel

    folds = read_folds(options["folds_csv"]) if options["folds_csv"] else {}
    training, held_out, unknown = [], [], 0

    def problem(name: str, reason: str) -> None:
        click.echo(f"{name}: left out: {reason}", err=True)

    for track, names in load_labelled(options["data"], LogMel(features), problem):
        fold = fold_of(names, folds)
        if folds and fold is None:
            unknown += 1
        elif fold is not None and fold == options["fold"]:
            held_out.append(track)
        else:
            training.append(track)
    if unknown:
        click.echo(f"{unknown} recordings are in no fold and are left out", err=True)
    if not training:
        raise MerError(
            "no recording to train on: expected JAMS beside the recordings, each with a "
            "mood_thayer annotation that is not by a program"
        )
    return training, held_out
