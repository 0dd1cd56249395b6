"""``mer evaluate``: compare systems with what people said of a collection."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mer_plugins.cli.options import plugin_option

if TYPE_CHECKING:
    from mer_plugins.batch import Settings, Summary
    from mer_plugins.collection import Track
    from mer_plugins.evaluation.comparison import Comparison
    from mer_plugins.evaluation.reference import Song
    from mer_plugins.evaluation.systems import System


@click.command("evaluate", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--reference",
    required=True,
    metavar="COLLECTION",
    help="Recordings with their human labels in JAMS beside them.",
)
@plugin_option("Plugin to run.", multiple=True)
@click.option(
    "--estimates",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of JAMS estimates, each plugin in it being a system; or RUN of mer train, whose "
    "held-out predictions are one.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="OUT",
    help="Folder for results, tables and pictures.",
)
@click.option(
    "-j",
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Worker processes.  [default: number of cores]",
)
@click.option(
    "--folds-csv",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Fit global-mean and mean-trajectory on the other folds of the reference; the table is "
    "that of mer train.",
)
@click.option("--unheard", is_flag=True, help="Score only songs that no system was trained on.")
@click.option("-q", "--quiet", is_flag=True, help="Only warnings, failures and the table.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the table.")
def command(reference: str, plugins: tuple[str, ...], **options: Any) -> int:
    """Score plugins, or estimates in JAMS, against the human labels of a collection.

    CCC, PCC, RMSE and R2 come per song, pooled and over the songs' means, with 95 % intervals and
    paired tests against the first system; collections of quadrants give areas under the ROC curve.
    Where several people rated each song, each of them against the others is a row of its own.
    Predictors that do not listen (global-mean, mean-trajectory) are always in the table. What a
    plugin has done already is not done again.

    \b
    Examples:
      mer evaluate --reference deam/ --plugin damff -o out/
      mer evaluate --reference deam/ --estimates mine/ --plugin damff -o out/ --json
      mer evaluate --reference deam/ --estimates run/ --folds-csv songs.csv -o out/
      mer evaluate --reference 4q/ --plugin damff --unheard -o out/
    """  # noqa: D301
    if not (plugins or options["estimates"]):
        raise click.UsageError("nothing to compare: give --plugin NAME or --estimates DIR")
    from mer_plugins.extras import require

    require("mer evaluate", "scipy", "matplotlib", extra="analysis")
    from mer_plugins.evaluation.checks import reference_scale_warning
    from mer_plugins.evaluation.output import results_text, write
    from mer_plugins.evaluation.reference import read_reference

    notes: list[str] = []
    songs = read_reference(reference, lambda shown, reason: _warn(notes, f"{shown}: {reason}"))
    if text := reference_scale_warning(songs):
        _warn(notes, text)
    # Before songs are left out: predictors that do not listen may know those.
    by_folds = _fitted_by_folds(songs, options)
    if options["unheard"]:
        songs = _unheard_by_plugins(songs, plugins)
    systems = _systems(reference, songs, plugins, by_folds, options, notes)
    songs = _without_leaks(songs, systems, options, notes)
    comparison = _compared(reference, songs, systems, notes)
    write(comparison, options["output"])
    if options["as_json"]:
        click.echo(results_text(comparison), nl=False)
    else:
        _show(comparison, options)
    return 0


def _systems(
    reference: str,
    songs: list[Song],
    plugins: tuple[str, ...],
    by_folds: dict[str, System],
    options: dict[str, Any],
    notes: list[str],
) -> list[System]:
    from mer_plugins.evaluation.held_out import is_run, read_run
    from mer_plugins.evaluation.systems import (
        TRIVIAL,
        read_estimates,
        run_plugin,
        with_unique_names,
    )
    from mer_plugins.host import plugin_host

    host = plugin_host()
    for name in (*plugins, *TRIVIAL):
        host.info(name)

    def problem(shown: str, reason: str) -> None:
        _warn(notes, f"{shown}: {reason}")

    def run(tracks: Iterable[Track], settings: Settings) -> Summary:
        return _run(tracks, settings, options)

    def ran(name: str) -> System:
        if name in by_folds:
            return by_folds[name]
        folder = options["output"] / "estimates" / name
        return run_plugin(host, name, reference, songs, folder, run)

    systems = [ran(name) for name in dict.fromkeys(plugins)]
    for folder in options["estimates"]:
        if is_run(folder):
            systems.append(read_run(folder, songs, problem))
        else:
            systems += read_estimates(host, folder, songs, problem)
    there = {system.name for system in systems}
    systems += [ran(name) for name in TRIVIAL if name not in there]
    return with_unique_names(systems)


def _fitted_by_folds(songs: list[Song], options: dict[str, Any]) -> dict[str, System]:
    """Fit what does not listen on the other folds of the reference, where there is a table."""
    from mer_plugins.evaluation.held_out import fitted_by_folds
    from mer_plugins.evaluation.systems import TRIVIAL
    from mer_plugins.sequence.folds import read_folds

    path: Path | None = options["folds_csv"]
    if path is None:
        return {}
    table = read_folds(path)
    return {name: fitted_by_folds(name, songs, table, path.name) for name in TRIVIAL}


def _unheard_by_plugins(songs: list[Song], plugins: tuple[str, ...]) -> list[Song]:
    """Leave out what plugins were trained on before they are run for nothing."""
    from mer_plugins.evaluation.leaks import leak_of, unheard
    from mer_plugins.evaluation.systems import TRIVIAL
    from mer_plugins.host import plugin_host

    host = plugin_host()
    names = [name for name in plugins if name not in TRIVIAL]
    return unheard(songs, [leak_of(host.info(name).checkpoint, songs) for name in names])


def _without_leaks(
    songs: list[Song], systems: list[System], options: dict[str, Any], notes: list[str]
) -> list[Song]:
    """Tell which systems were trained on songs of the reference; leave these out if asked to."""
    from mer_plugins.evaluation.leaks import leak_of_system, leak_warning, unheard
    from mer_plugins.evaluation.systems import TRIVIAL

    leaks = {s.name: leak_of_system(s, songs) for s in systems if s.name not in TRIVIAL}
    if options["unheard"]:
        for name in (name for name, leak in leaks.items() if leak is None):
            _warn(notes, f"{name}: what it was trained on is not known, so --unheard trusts it")
        return unheard(songs, leaks.values())
    for system in systems:
        if text := leak_warning(system, leaks.get(system.name), len(songs)):
            _warn(notes, text)
    return songs


def _run(tracks: Iterable[Track], settings: Settings, options: dict[str, Any]) -> Summary:
    from mer_plugins.batch import run
    from mer_plugins.cli.progress import Reporter
    from mer_plugins.done_index import DoneIndex, default_index_path
    from mer_plugins.engines.local import LocalEngine

    engine = LocalEngine(options["workers"] or len(os.sched_getaffinity(0)))
    with (
        DoneIndex(default_index_path()) as index,
        Reporter(quiet=options["quiet"], log=None) as reporter,
    ):
        return run(reporter.counting(tracks), settings, engine, index, reporter.outcome)


def _compared(
    reference: str, songs: list[Song], systems: list[System], notes: list[str]
) -> Comparison:
    from mer_plugins.evaluation.comparison import compare, match_system, unmatched, warnings_of
    from mer_plugins.evaluation.reference import EvaluationError
    from mer_plugins.evaluation.systems import TRIVIAL

    kept, pairs, left_out = [], [], []
    for system in systems:
        found = match_system(songs, system)
        if text := unmatched(songs, system, found):
            left_out.append(text)
            continue
        kept.append(system)
        pairs.append(found)
    if left_out and {system.name for system in kept} <= set(TRIVIAL):
        raise EvaluationError(left_out[0])
    for text in left_out:
        _warn(notes, f"left out: {text}")
    for system, found in zip(kept, pairs, strict=True):
        for text in warnings_of(songs, system, found):
            _warn(notes, text)
    return compare(reference, songs, kept, pairs, notes)


def _warn(notes: list[str], text: str) -> None:
    notes.append(text)
    click.echo(f"warning: {text}", err=True)


def _show(comparison: Comparison, options: dict[str, Any]) -> None:
    from mer_plugins.cli.agreement_table import print_table
    from mer_plugins.evaluation.tables import caption, terminal_tables

    scores, tests = terminal_tables(comparison)
    click.echo(caption(comparison))
    for table in (scores, tests):
        click.echo()
        print_table(table)
    if not options["quiet"]:
        click.echo(f"\nwritten to {options['output']}")
