"""``mer export``: the curves of JAMS files in other formats."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from mer_plugins.cli.bar import Passing
from mer_plugins.cli.options import (
    NOTHING_FOUND,
    jams_argument,
    names_of,
    parameter_option,
    parse_parameters,
    plugin_option,
)


@click.command("export", context_settings={"help_option_names": ["-h", "--help"]})
@jams_argument
@click.option(
    "--format",
    "format_name",
    required=True,
    metavar="FORMAT",
    shell_complete=names_of("writers"),
    help="csv, deam-csv, parquet, sonic-visualiser, audacity, webvtt, or a plugin's.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="OUT",
    help="Folder to write to, as a mirror of the tree; or one file, by its suffix.",
)
@plugin_option("Only the curves by this plugin or annotator.  [default: all]")
@parameter_option("Option of the format, such as sample_rate=48000; may be repeated.")
def command(
    inputs: tuple[Path, ...],
    format_name: str,
    output: Path,
    plugin: str | None,
    parameters: tuple[str, ...],
) -> int:
    """Write the valence-arousal curves of JAMS files in another format.

    All formats but deam-csv are also there for `mer-extract --writer`, a file a curve. deam-csv
    writes the whole collection into valence.csv and arousal.csv, a row a song; parquet writes it
    into one table, a row an interval, with audformat's index of file, start and end.

    \b
    Examples:
      mer export song.jams --format csv -o song.csv
      mer export collection/ --format webvtt -o subtitles/ --plugin damff
      mer export collection/ --format deam-csv -o tables/ --plugin damff
      mer export collection/ --format parquet -o curves.parquet --plugin damff
      mer export song.jams --format sonic-visualiser -o song.svl -p sample_rate=48000

    \b
    Exit code: 0 written; 1 some files failed; 2 wrong use; 3 there was no curve to write.
    """  # noqa: D301
    from mer_plugins.exports import export
    from mer_plugins.host import plugin_host
    from mer_plugins.stored_curves import stored_curves

    failures: list[str] = []

    def failed(shown: str, reason: str) -> None:
        failures.append(shown)
        click.echo(f"{shown}: {reason}", err=True)

    def left_out(label: str, reason: str) -> None:
        click.echo(f"warning: annotation {label!r} is left out: {reason}", err=True)

    spec = plugin_host().writers.get(format_name)
    options = parse_parameters(parameters)
    written = 0
    # Where each file is told of on the terminal as it is written, that is progress enough.
    with Passing("tracks", quiet=sys.stdout.isatty() and not spec.collects) as progress:
        found = stored_curves(inputs, failed, left_out, progress.over)
        for path in export(found, spec, output, failed, label=plugin, parameters=options):
            click.echo(str(path))
            written += 1
    if not (written or failures):
        click.echo(_nothing(plugin), err=True)
        return NOTHING_FOUND
    return 1 if failures else 0


def _nothing(plugin: str | None) -> str:
    by = f" by {plugin!r}; `mer summary` lists those there are" if plugin else ""
    return f"nothing found: no JAMS with a valence-arousal curve{by}"
