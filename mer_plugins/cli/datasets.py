"""``mer datasets``: what labelled data sets there are, and how to get them into a collection."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_plugins.cli.bar import Passing
from mer_plugins.cli.options import NOTHING_FOUND, names_of, parameter_option, parse_parameters
from mer_plugins.errors import MerError

if TYPE_CHECKING:
    from mer_plugins.contracts import DatasetInfo
    from mer_plugins.datasets import Dataset
    from mer_plugins.rater_agreement import SongAgreement

_SOURCE = click.Path(exists=True, file_okay=False, path_type=Path)
_WITHOUT_AUDIO = (
    "{} songs came as JAMS alone, as long as their labels: their recordings are not in the source "
    "folder; `mer datasets list` tells where they are expected, and the same command adds them"
)
_parameter = parameter_option("Option of the data set.")


@click.group("datasets", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Turn labelled data sets into collections of recordings with JAMS.

    \b
    Examples:
      mer datasets list
      mer datasets cite deam
      mer datasets validate deam DEAM/
      mer datasets import deam DEAM/ -o collection/
      mer datasets agreement collection/
    """  # noqa: D301


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything that is known.")
def list_datasets(as_json: bool) -> int:
    """List the data sets that can be imported: scale, raters, licence, where to get them.

    \b
    Examples:
      mer datasets list
      mer datasets list --json
    """  # noqa: D301
    from mer_plugins.host import plugin_host

    registry = plugin_host().datasets
    infos = [registry.specs[name].info for name in sorted(registry.specs)]
    if as_json:
        click.echo(json.dumps([info.to_dict() for info in infos], indent=2))
    for info in [] if as_json else infos:
        click.echo(_described(info))
    return 0 if infos else NOTHING_FOUND


@command.command()
@click.argument("name", shell_complete=names_of("datasets"))
def cite(name: str) -> None:
    """Tell what to cite, the terms, and where to get a data set.

    \b
    Examples:
      mer datasets cite deam
    """  # noqa: D301
    from mer_plugins.host import plugin_host

    info = plugin_host().datasets.get(name).info
    click.echo(f"{info.citation}\nlicence: {info.licence}\nfrom: {info.homepage}")


@command.command("import")
@click.argument("name", shell_complete=names_of("datasets"))
@click.argument("source", type=_SOURCE)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    metavar="COLLECTION",
    help="Folder to write recordings and JAMS to.",
)
@click.option("--link", is_flag=True, help="Link to the recordings; copies by default.")
@click.option("--overwrite", is_flag=True, help="Replace what is there, and render anew.")
@click.option("--quiet", is_flag=True, help="Tell of failures only.")
@_parameter
def import_(
    name: str,
    source: Path,
    output: Path,
    link: bool,
    overwrite: bool,
    quiet: bool,
    parameters: tuple[str, ...],
) -> int:
    """Write each song of a data set with its JAMS into COLLECTION.

    The first mood_thayer annotation is the one to learn from: the mean over raters, where there are
    several; each rater's own follow. The same command again does what is left.

    \b
    Examples:
      mer datasets import 4q 4Q/ -o collection/4q
      mer datasets import vgmidi VGMIDI/ -o collection/vgmidi -p soundfont=FluidR3_GM.sf2
    """  # noqa: D301
    from mer_plugins.cli.import_progress import ImportReporter
    from mer_plugins.dataset_import import import_dataset

    dataset = _opened(name, source, parameters)
    outcomes = import_dataset(dataset, output, link=link, overwrite=overwrite)
    with ImportReporter(len(dataset.track_ids), quiet=quiet) as reporter:
        for outcome in outcomes:
            reporter.outcome(outcome)
    click.echo(str(reporter.summary))
    if reporter.summary.without_audio and not quiet:
        click.echo(_WITHOUT_AUDIO.format(reporter.summary.without_audio), err=True)
    return reporter.summary.exit_code


@command.command()
@click.argument("name", shell_complete=names_of("datasets"))
@click.argument("source", type=_SOURCE)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a finding.")
@_parameter
def validate(name: str, source: Path, as_json: bool, parameters: tuple[str, ...]) -> int:
    """Compare a copy of a data set with what a complete one holds; write nothing.

    Checked are counts, labels, missing recordings and, where labels come in columns, whether these
    are named the right way round. Exit: 0 if all is there, 1 with a line for each problem.

    \b
    Examples:
      mer datasets validate deam DEAM/
      mer datasets validate vgmidi VGMIDI/ --json
    """  # noqa: D301
    from mer_plugins.dataset_validation import validate_dataset

    problems = 0
    for finding in validate_dataset(_opened(name, source, parameters)):
        problems += finding.is_problem
        kind = "problem" if finding.is_problem else "fine"
        line = {"kind": kind, "text": finding.text}
        click.echo(json.dumps(line) if as_json else f"{kind}: {finding.text}")
    click.echo(f"{problems} problems" if problems else "complete", err=as_json)
    return 1 if problems else 0


@command.command()
@click.argument("collection", type=_SOURCE)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every song.")
def agreement(collection: Path, as_json: bool) -> int:
    """Tell how far the raters of each song in COLLECTION agree, and all on average.

    Cronbach's alpha, as it is and with negative ones set to 0, and the mean CCC of all pairs of
    raters. Songs without two raters' curves are left out.

    \b
    Examples:
      mer datasets agreement collection/vgmidi
      mer datasets agreement collection/vgmidi --json
    """  # noqa: D301
    from mer_plugins.cli.agreement_table import agreement_table, print_table
    from mer_plugins.rater_agreement import summarise

    with Passing("tracks") as progress:
        songs = list(_agreements(collection, progress))
    summary = summarise(found for _, found in songs)
    if as_json:
        rows = [{"song": song, **found.to_dict()} for song, found in songs]
        click.echo(json.dumps({"songs": rows, "collection": summary}, indent=2))
    elif songs:
        print_table(agreement_table(songs, summary))
    if not songs:
        click.echo("nothing found: no JAMS with the curves of two raters", err=True)
    return 0 if songs else NOTHING_FOUND


def _agreements(collection: Path, progress: Passing) -> Iterator[tuple[str, SongAgreement]]:
    from mer_plugins.folders import jams_below
    from mer_plugins.jams_store import read
    from mer_plugins.rater_agreement import song_agreement

    def failed(place: str, reason: str) -> None:
        click.echo(f"{place}: {reason}", err=True)

    for path in progress.over(jams_below(collection, failed)):
        shown = str(path.relative_to(collection).with_suffix(""))
        try:
            found = song_agreement(read(path))
        except MerError as exc:
            failed(shown, str(exc))
            continue
        yield from ((shown, agreement) for agreement in found)


def _opened(name: str, source: Path, parameters: tuple[str, ...]) -> Dataset:
    from mer_plugins.host import plugin_host

    return plugin_host().open_dataset(name, source, **parse_parameters(parameters))


def _described(info: DatasetInfo) -> str:
    labels = f"a label each {info.hop_s:g} s" if info.hop_s else "one label a song"
    return (
        f"{info.name}  {info.title}: {info.summary}\n"
        f"    {labels}; native scale {info.scale}; raters: {info.raters}\n"
        f"    licence: {info.licence}\n"
        f"    from: {info.homepage}\n"
        f"    layout: {info.layout}"
    )
