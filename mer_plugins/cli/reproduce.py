"""``mer reproduce``: train and score a published comparison again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mer_plugins.cli.options import names_of, training_options

if TYPE_CHECKING:
    from mer_plugins.evaluation.comparison import Comparison
    from mer_plugins.host import PluginHost
    from mer_plugins.reproduction.cells import Cell, Setup
    from mer_plugins.sequence.plan import Listener
    from mer_plugins.studies import Study

_FOLDS = 5


def _numbers(context: click.Context, parameter: click.Parameter, text: str | None) -> list[int]:
    try:
        return [int(part) for part in text.split(",")] if text else []
    except ValueError as exc:
        raise click.BadParameter(f"{text!r}: expected numbers with commas, such as 0,1") from exc


@click.command("reproduce", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("studies", nargs=-1, metavar="STUDY...", shell_complete=names_of("studies"))
@click.option("--list", "as_list", is_flag=True, help="List the studies that there are.")
@click.option(
    "--data", "data", multiple=True, metavar="COLLECTION", help="Labelled recordings; repeatable."
)
@click.option(
    "--budget", metavar="NAME", help="How much training: small or paper.  [default: small]"
)
@training_options
@click.option(
    "--folds",
    callback=_numbers,
    metavar="K,K",
    help="Only leave out and score these folds.  [default: all]",
)
@click.option("--score-only", is_flag=True, help="Train nothing; score the folds that are done.")
@click.option("--dry-run", is_flag=True, help="List the cells, and which are done; train nothing.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="OUT",
    help="Folder for the runs and the tables; the same again goes on where it was stopped.",
)
def command(studies: tuple[str, ...], as_list: bool, **options: Any) -> int:
    """Train and score a published comparison again, and print its table beside ours.

    A study has a row for each system; each row is trained once a fold and scored on the songs of
    that fold, which no system has heard. What is done is kept: stop it whenever you like and give
    the same command again. Studies with one OUT share the runs that they have in common.

    \b
    Examples:
      mer reproduce --list
      mer reproduce table1 --data deam/ --folds-csv songs.csv -o out/
      mer reproduce table1 table2 table3 --data deam/ --folds 0,1 --budget small -o out/
      mer reproduce figure3 --data vgmidi/ -o out/ --dry-run
    """  # noqa: D301
    from mer_plugins.extras import require
    from mer_plugins.host import plugin_host

    host = plugin_host()
    if as_list or not studies:
        return _listed(host)
    if not (options["data"] and options["output"]):
        raise click.UsageError("give --data COLLECTION and -o OUT")
    require("mer reproduce", "torch", "onnx", "scipy", "matplotlib", extra="train")
    chosen = [_study(host, name) for name in dict.fromkeys(studies)]
    setup = _setup(options)
    budget = {study.name: options["budget"] or next(iter(study.budgets)) for study in chosen}
    cells = {
        study.name: _cells(study, budget[study.name], host, setup, options["output"])
        for study in chosen
    }
    if options["dry_run"]:
        return _told(cells)
    if not options["score_only"]:
        _train(list(cells.values()), setup, options)
    for study in chosen:
        _score(study, cells[study.name], budget[study.name], setup, options["output"] / study.name)
    return 0


def _listed(host: PluginHost) -> int:
    for name in sorted(host.studies.specs):
        click.echo(f"{name:12s} {host.studies.specs[name].summary}")
    return 0


def _study(host: PluginHost, name: str) -> Study:
    from mer_plugins.host import load_factory

    found: Study = load_factory(host.studies.get(name).factory, f"study {name!r}")
    return found


def _setup(options: dict[str, Any]) -> Setup:
    from mer_plugins.reproduction.cells import Setup
    from mer_plugins.reproduction.scoring import read_songs
    from mer_plugins.sequence.backends import find_device
    from mer_plugins.sequence.folds import FoldTable, read_folds

    csv = options["folds_csv"]
    table = read_folds(csv) if csv else FoldTable()
    count = options["n_folds"] or table.count or _FOLDS
    folds = tuple(dict.fromkeys(options["folds"])) or tuple(range(count))
    if outside := [fold for fold in folds if not 0 <= fold < count]:
        raise click.UsageError(f"--folds has {outside[0]}: expected numbers from 0 to {count - 1}")
    songs = read_songs(options["data"], _problem)
    device = find_device(options["device"])
    name = csv.name if csv else ""
    return Setup(options["data"], tuple(songs), table, name, count, folds, device)


def _problem(name: str, reason: str) -> None:
    click.echo(f"{name}: {reason}", err=True)


def _cells(study: Study, budget: str, host: PluginHost, setup: Setup, output: Path) -> list[Cell]:
    from mer_plugins.reproduction.cells import cells_of

    study.budget(budget)
    return cells_of(study, budget, host, setup, output)


def _told(cells: dict[str, list[Cell]]) -> int:
    for name, found in cells.items():
        for cell in found:
            state = "done" if cell.is_done else "to do"
            click.echo(f"{name}  {cell.row.label:24s} fold {cell.fold}  {state}")
    return 0


def _train(studies: Sequence[list[Cell]], setup: Setup, options: dict[str, Any]) -> None:
    from mer_plugins.cli.training_progress import loaded
    from mer_plugins.reproduction.training import cells_to_run, run_cells

    cells = [cell for found in studies for cell in found]
    run_cells(
        cells,
        setup,
        lambda recipe: loaded(options["data"], recipe, options["cache_gb"], quiet=options["quiet"]),
        _listeners(len(cells_to_run(cells)), quiet=options["quiet"]),
    )


def _listeners(count: int, *, quiet: bool) -> Callable[[Cell], Listener]:
    from mer_plugins.cli.training_progress import TrainingProgress

    started, begun = time.monotonic(), 0

    def listener(cell: Cell) -> Listener:
        nonlocal begun
        begun += 1
        if not quiet:
            each = (time.monotonic() - started) / 60 / max(1, begun - 1)
            left = f"; about {each * (count - begun + 1):.0f} min left" if begun > 1 else ""
            click.echo(
                f"cell {begun} of {count}: {cell.row.label}, fold {cell.fold}{left}", err=True
            )
        return TrainingProgress(f"{cell.row.label}, fold {cell.fold}: ", quiet=quiet)

    return listener


def _score(study: Study, cells: list[Cell], budget: str, setup: Setup, folder: Path) -> None:
    from mer_plugins.reproduction.cells import complete_folds
    from mer_plugins.reproduction.output import write
    from mer_plugins.reproduction.scoring import score_study

    comparison = score_study(study, cells, setup)
    for text in comparison.warnings:
        click.echo(f"warning: {text}", err=True)
    folds = ", ".join(map(str, complete_folds(cells)))
    facts = [
        f"data: {comparison.reference}, {len(comparison.songs)} songs of fold {folds} (folds: "
        f"{setup.folds_from}), none of them trained on",
        f"budget {budget}: {study.budget(budget).summary}",
    ]
    write(study, comparison, cells, folder, facts)
    _show(study, comparison)
    click.echo(f"\nwritten: {folder}\n")


def _show(study: Study, comparison: Comparison) -> None:
    from rich.table import Table

    from mer_plugins.cli.agreement_table import print_table
    from mer_plugins.reproduction.tables import blocks, footnotes, headings

    click.echo(f"{study.title} ({study.source})")
    for heading, rows in blocks(study, comparison):
        table = Table(heading, *headings()[1:], box=None, pad_edge=False)
        for row in rows:
            table.add_row(*row)
        click.echo()
        print_table(table)
    click.echo()
    for note in footnotes(study, comparison):
        click.echo(note)
