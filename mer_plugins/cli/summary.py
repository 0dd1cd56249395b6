"""``mer summary``: each curve in a few numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_plugins.cli.options import NOTHING_FOUND

if TYPE_CHECKING:
    from mer_plugins.summary import CurveSummary

    Row = tuple[str, str, CurveSummary]


@click.command("summary", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "inputs",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="FOLDER|FILE.jams...",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a curve.")
def command(inputs: tuple[Path, ...], as_json: bool) -> int:
    r"""Tell of each valence-arousal curve its mean, range and share of time in each quadrant.

    \b
    Examples:
      mer summary collection/
      mer summary song.jams --json
    """
    rows = list(_rows(inputs))
    if as_json:
        for file, label, summary in rows:
            click.echo(json.dumps({"file": file, "curve": label, **summary.to_dict()}))
    elif rows:
        _table(rows)
    if not rows:
        click.echo("nothing found: no JAMS with a valence-arousal curve", err=True)
    return 0 if rows else NOTHING_FOUND


def _rows(inputs: tuple[Path, ...]) -> Iterator[Row]:
    from mer_plugins.stored_curves import stored_curves
    from mer_plugins.summary import summarise

    for file in stored_curves(inputs, _failed, _left_out):
        yield from ((file.shown, label, summarise(curve)) for label, curve in file.curves)


def _failed(shown: str, reason: str) -> None:
    click.echo(f"{shown}: {reason}", err=True)


def _left_out(label: str, reason: str) -> None:
    click.echo(f"warning: annotation {label!r} is left out: {reason}", err=True)


def _table(rows: list[Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    from mer_plugins.summary import QUADRANT_NAMES

    table = Table(
        "file",
        "curve",
        "length",
        "valence",
        "range",
        "arousal",
        "range",
        *QUADRANT_NAMES,
        box=None,
        pad_edge=False,
    )
    for file, label, s in rows:
        ranges = [f"{low:+.2f} to {high:+.2f}" for low, high in zip(s.low, s.high, strict=True)]
        table.add_row(
            file,
            label,
            f"{s.duration_s:.1f} s",
            f"{s.mean[0]:+.2f}",
            ranges[0],
            f"{s.mean[1]:+.2f}",
            ranges[1],
            *(f"{share:.0%}" for share in s.quadrants),
        )
    # Off a terminal, as wide as it needs to be: a pipe has no width to wrap at.
    console = Console(markup=False, highlight=False)
    console.print(table) if console.is_terminal else Console(width=200, highlight=False).print(
        table
    )
