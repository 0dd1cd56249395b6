"""``mer doctor``: is this installation fit to run, and what to do if it is not."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command("doctor", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "folders", nargs=-1, metavar="[FOLDER]...", type=click.Path(file_okay=False, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a check.")
def command(folders: tuple[Path, ...], as_json: bool) -> int:
    """Check versions, decoders, devices, plugins, checkpoints and write permission.

    FOLDER is where JAMS files shall be written, such as the collection.

    \b
    Examples:
      mer doctor
      mer doctor collection/ --json

    \b
    Exit code: 0 fit to run; 1 there is a fault, with a line on what to do.
    """  # noqa: D301
    from mer_plugins.doctor import examine

    faults = 0
    for finding in examine(folders):
        faults += finding.level == "fault"
        if as_json:
            click.echo(json.dumps(finding.to_dict()))
            continue
        click.echo(click.format_filename(f"{finding.level:5}  {finding.check}: {finding.found}"))
        if finding.advice:
            click.echo(f"       do: {finding.advice}")
    if not as_json:
        click.echo(f"{faults} faults" if faults else "fit to run")
    return 1 if faults else 0
