"""``mer status``: which tracks of a collection are done, stale, failed or missing, and why."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mer_plugins.cli.options import NOTHING_FOUND, parameter_option, plugin_option

if TYPE_CHECKING:
    from mer_plugins.annotate import PluginChoice
    from mer_plugins.host import PluginHost
    from mer_plugins.status import TrackStatus

Problems = list[tuple[str, str]]


@click.command("status", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@plugin_option(
    "Plugin to ask about; may be repeated.  [default: all that left results here]", multiple=True
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the JAMS files were written, if not beside the recordings.",
)
@click.option("--window", "window_s", type=float, metavar="S", help="As given to mer-extract.")
@click.option("--hop", "hop_s", type=float, metavar="S", help="As given to mer-extract.")
@parameter_option("As given to mer-extract; may be repeated.")
@click.option("--follow", is_flag=True, help="Follow links that lead out of a named folder.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a track and plugin.")
def command(inputs: tuple[str, ...], as_json: bool, **options: Any) -> int:
    """Tell which tracks are done, stale, failed or missing, for each plugin, and why.

    Nothing is decoded and no JAMS is changed. Stale, failed and missing tracks are what
    mer-extract with the same options would do.

    \b
    Examples:
      mer status collection/
      mer status --plugin damff collection/ --json

    \b
    Exit code: 0 all done; 1 something is left to do; 3 no recording, or no result was found.
    """  # noqa: D301
    from mer_plugins.cli.extract import tracks_of
    from mer_plugins.collection import find_tracks
    from mer_plugins.done_index import DoneIndex, default_index_path
    from mer_plugins.status import statuses

    problems: Problems = []
    choices = _choices(inputs, options)
    counts: Counter[tuple[str, str]] = Counter()
    tracks = tracks_of(find_tracks, inputs, options, problems)
    with DoneIndex(default_index_path()) as index:
        for status in statuses(tracks, choices, index):
            counts[status.plugin, status.state] += 1
            _tell(status, as_json)
    if not as_json:
        _tell_sums(choices, counts)
    if not counts:
        click.echo("nothing found: no recording, or no result of a plugin", err=True)
        return 1 if problems else NOTHING_FOUND
    return 1 if problems or any(state != "done" for _, state in counts) else 0


def _choices(inputs: tuple[str, ...], options: dict[str, Any]) -> list[PluginChoice]:
    from mer_plugins.cli.extract import plugin_choice
    from mer_plugins.host import plugin_host

    host = plugin_host()
    names = options["plugins"] or _with_results(host, inputs, options)
    return [plugin_choice(host, name, options) for name in dict.fromkeys(names)]


def _with_results(host: PluginHost, inputs: tuple[str, ...], options: dict[str, Any]) -> list[str]:
    from mer_plugins.collection import find_tracks
    from mer_plugins.status import plugins_of

    if "-" in inputs:
        raise click.UsageError("a list on standard input is read once: name the --plugin")
    found = find_tracks(
        inputs, options["output"], follow=options["follow"], problem=lambda shown, reason: None
    )
    names = sorted(set().union(*map(plugins_of, found)))
    for name in names:
        if name not in host.extractors.specs:
            click.echo(f"warning: results by {name!r}, which is not installed", err=True)
    return [name for name in names if name in host.extractors.specs]


def _tell(status: TrackStatus, as_json: bool) -> None:
    track = status.track
    if as_json:
        row = {"audio": str(track.audio), "jams": str(track.jams), "plugin": status.plugin}
        click.echo(json.dumps({**row, "state": status.state, "reason": status.reason}))
    elif status.state != "done":
        reason = status.reason.removeprefix(f"{track.audio}: ")
        line = f"{status.state}  {status.plugin}  {click.format_filename(track.name)}"
        click.echo(click.format_filename(f"{line}: {reason}" if reason else line))


def _tell_sums(choices: list[PluginChoice], counts: Counter[tuple[str, str]]) -> None:
    from mer_plugins.status import STATES

    for choice in choices:
        name = choice.info.name
        sums = ", ".join(f"{state} {counts[name, state]}" for state in STATES)
        click.echo(f"{name} {choice.info.version}: {sums}")
