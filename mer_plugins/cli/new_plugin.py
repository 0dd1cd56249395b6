"""``mer new-plugin``: a plugin package that works, to start from."""

from __future__ import annotations

import shlex
from pathlib import Path

import click


@click.command("new-plugin", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Folder of the package, new or empty.  [default: mer-NAME]",
)
def command(name: str, output: Path | None) -> int:
    """Write a plugin package that works: entry point, extractor, test, README.

    NAME is what will be given to --plugin; the package is called mer-NAME. What it holds is a toy
    that keeps the contract, to be replaced by a method of one's own.

    \b
    Examples:
      mer new-plugin slow-mood
      mer new-plugin slow-mood -o plugins/slow-mood
    """  # noqa: D301
    from mer_plugins.new_plugin import new_plugin

    for path in new_plugin(name, output):
        click.echo(str(path))
    folder = shlex.quote(str(output or f"mer-{name}"))
    click.echo(f"next: pip install -e {folder} && mer plugins check {name}", err=True)
    return 0
