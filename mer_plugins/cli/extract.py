"""``mer-extract``: annotate recordings with valence and arousal over time."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mer_plugins import __version__
from mer_plugins.cli import INTERRUPTED
from mer_plugins.cli.options import (
    NOTHING_FOUND,
    FolderOrUrl,
    device_option,
    names_of,
    parameter_option,
    parse_parameters,
    parse_shard,
    plugin_option,
)
from mer_plugins.errors import PluginError

if TYPE_CHECKING:
    from mer_plugins.annotate import PluginChoice
    from mer_plugins.batch import Settings, Summary
    from mer_plugins.contracts import Engine, WriterSpec
    from mer_plugins.host import PluginHost
    from mer_plugins.remote.tracks import AnyTrack

T = TypeVar("T")


# A hanging decoder must not stop an unattended run; ten hours of music take minutes.
TIMEOUT_S = 7200.0
EPILOG = """
\b
Examples:
  mer-extract --plugin damff collection/            JAMS beside each recording
  mer-extract --plugin damff -o annotations/ music/ mirror the tree instead
  mer-extract --plugin damff @list.txt -j 8         one path a line, eight processes
  find . -name '*.mp3' | mer-extract --plugin damff -
  mer-extract --plugin damff --retry-failed music/  only what failed before
  mer-extract --plugin damff --engine ray --address auto /shared/music
  mer-extract --plugin damff s3://bucket/music/     in a bucket, JAMS beside the recordings

\b
Exit code: 0 all done or done before; 1 some tracks failed; 2 wrong use or a plugin error;
3 nothing to do was found; 130 interrupted. To go on after an interruption, run the same command.
"""


@click.command("extract", epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@plugin_option(
    "Plugin to run; may be given several times. `mer plugins` lists them.",
    multiple=True,
    required=True,
)
@click.option(
    "-o",
    "--output",
    type=FolderOrUrl(),
    metavar="DIR",
    help="Write the JAMS files to this folder or URL, in a mirror of the tree.",
)
@click.option("--overwrite", is_flag=True, help="Do again what is already done.")
@click.option(
    "--retry-failed", is_flag=True, help="Do only the tracks that failed in an earlier run."
)
@click.option(
    "-j",
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Worker processes.  [default: number of cores, of all machines that the engine uses]",
)
@device_option
@click.option(
    "--window",
    "window_s",
    type=float,
    metavar="S",
    help="Window of the plugin, in seconds.  [default: the plugin's]",
)
@click.option(
    "--hop",
    "hop_s",
    type=float,
    metavar="S",
    help="Hop of the plugin's window, in seconds.  [default: the plugin's]",
)
@parameter_option("Parameter of the plugin, such as checkpoint=FILE; may be repeated.")
@click.option(
    "--writer",
    "writers",
    multiple=True,
    metavar="NAME",
    shell_complete=names_of("writers"),
    help="Write this format too, beside the JAMS: csv, parquet, audacity, sonic-visualiser or "
    "webvtt.",
)
@click.option(
    "--allow-truncated", is_flag=True, help="Annotate what is there of recordings that are cut off."
)
@click.option("--follow", is_flag=True, help="Follow links that lead out of a named folder.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.option("--strict", is_flag=True, help="Stop at the first track that fails.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0),
    default=TIMEOUT_S,
    show_default=True,
    metavar="S",
    help="Give a track up after so many seconds; 0 waits for ever.",
)
@click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="NAME",
    shell_complete=names_of("engines"),
    help="How work is spread; `mer plugins --json` lists the engines.",
)
@click.option(
    "--address",
    metavar="TEXT",
    help="Cluster that the engine joins: auto, HOST:PORT or ray://HOST:PORT. Its machines must see "
    "the collection under the same path.",
)
@click.option(
    "--engine-option",
    "engine_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="Parameter of the engine, such as num_gpus=0.25; may be repeated.",
)
@click.option("--shard", metavar="I/N", help="Do only the I-th of N parts, I from 1 to N.")
@click.option("-q", "--quiet", is_flag=True, help="Only failures and the last line.")
@click.option(
    "--log-json",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append one JSON object a track to FILE; - for standard output.",
)
@click.version_option(__version__, prog_name="mer-extract")
def command(inputs: tuple[str, ...], **options: Any) -> int:
    """Annotate recordings with valence and arousal over time, in JAMS.

    INPUT is a recording, a folder (with all below it), a .jams beside its recording, a .m3u,
    @list.txt, or - for a list on standard input; recordings, folders and .jams may also be URLs,
    such as s3://bucket/folder/. The JAMS is made beside each recording, or
    extended if it is there; only this program's own annotation is ever replaced. Tracks whose
    annotation is up to date are passed over.
    """
    from mer_plugins.host import plugin_host
    from mer_plugins.remote.finding import find_anywhere

    host = plugin_host()
    for broken in host.broken:
        click.echo(
            f"warning: plugin {broken.name!r} of {broken.distribution} is broken and left out: "
            f"{broken.reason}",
            err=True,
        )
    settings = _settings(host, options)
    problems: list[tuple[str, str]] = []
    tracks = tracks_of(find_anywhere, inputs, options, problems)
    if options["dry_run"]:
        return _dry_run(tracks, settings, problems)
    return _run(host, tracks, settings, options, problems)


def _settings(host: PluginHost, options: dict[str, Any]) -> Settings:
    from mer_plugins.batch import Settings

    writers = [_writer(host, name) for name in options["writers"] if name != "jams"]
    return Settings(
        plugins=tuple(
            plugin_choice(host, name, options) for name in dict.fromkeys(options["plugins"])
        ),
        overwrite=options["overwrite"],
        allow_truncated=options["allow_truncated"],
        writers=tuple(dict.fromkeys(writers)),
    )


def _writer(host: PluginHost, name: str) -> WriterSpec:
    spec = host.writers.get(name)
    if spec.collects and not spec.one_file:
        raise PluginError(
            f"writer {name!r} is for whole collections, not for each track: "
            f"use mer export --format {name}"
        )
    return spec


def plugin_choice(host: PluginHost, name: str, options: dict[str, Any]) -> PluginChoice:
    """Choose a plugin with the parameters that the options give it."""
    import json

    from mer_plugins.annotate import PluginChoice

    parameters = parse_parameters(options["parameters"])
    for key in ("window_s", "hop_s"):
        if options[key] is not None:
            parameters[key] = options[key]
    info = host.info(name, parameters)
    if options.get("device", "auto") != "auto" and (info.checkpoint or "device" in parameters):
        parameters["device"] = options["device"]
    return PluginChoice(info, json.dumps(parameters, sort_keys=True))


def tracks_of(
    find: Callable[..., Iterator[T]],
    inputs: tuple[str, ...],
    options: dict[str, Any],
    problems: list[tuple[str, str]],
) -> Iterator[T]:
    """Find the tracks of the inputs, as the options say; tell of and note what yields none."""

    def problem(shown: str, reason: str) -> None:
        problems.append((shown, reason))
        click.echo(f"{shown}: {reason}", err=True)

    stdin = sys.stdin.buffer if "-" in inputs else None
    found = find(inputs, options["output"], follow=options["follow"], problem=problem, stdin=stdin)
    shard = parse_shard(options.get("shard"))
    return (track for i, track in enumerate(found) if i % shard[1] == shard[0] - 1)


def _dry_run(
    tracks: Iterable[AnyTrack], settings: Settings, problems: list[tuple[str, str]]
) -> int:
    from mer_plugins.batch import is_known
    from mer_plugins.done_index import DoneIndex, default_index_path
    from mer_plugins.remote.work import is_done_anywhere

    count = {True: 0, False: 0}
    with DoneIndex(default_index_path()) as index:
        for track in tracks:
            finished = not settings.overwrite and (
                is_known(track, settings, index) or is_done_anywhere(track, settings.plugins)
            )
            count[finished] += 1
            if not finished:
                click.echo(
                    f"would annotate {click.format_filename(track.name)} "
                    f"-> {click.format_filename(str(track.jams))}"
                )
    click.echo(f"to do {count[False]}, already done {count[True]}")
    return _exit_code(sum(count.values()), 0, problems)


def _run(
    host: PluginHost,
    tracks: Iterator[AnyTrack],
    settings: Settings,
    options: dict[str, Any],
    problems: list[tuple[str, str]],
) -> int:
    from mer_plugins.batch import failed_before, run
    from mer_plugins.cli.progress import Reporter
    from mer_plugins.cli.stop_signals import stopping_like_ctrl_c
    from mer_plugins.done_index import DoneIndex, default_index_path

    engine = _engine(host, options)
    with (
        DoneIndex(default_index_path()) as index,
        Reporter(quiet=options["quiet"], log=options["log_json"]) as reporter,
    ):
        chosen = failed_before(tracks, settings, index) if options["retry_failed"] else tracks
        try:
            with stopping_like_ctrl_c():
                summary = run(
                    reporter.counting(chosen),
                    settings,
                    engine,
                    index,
                    reporter.outcome,
                    strict=options["strict"],
                )
        except KeyboardInterrupt:
            reporter.close()
            click.echo(
                f"{reporter.summary}\ninterrupted: run the same command again to go on", err=True
            )
            return INTERRUPTED
        if index.problem:
            click.echo(f"warning: {index.problem}; nothing is lost", err=True)
    return _finish(summary, problems)


def _engine(host: PluginHost, options: dict[str, Any]) -> Engine:
    from mer_plugins.host import check_parameters, load_factory

    spec = host.engines.get(options["engine"])
    factory = load_factory(spec.factory, f"engine {spec.name!r}")
    chosen = parse_parameters(options["engine_options"], option="--engine-option")
    if options["address"] is not None:
        chosen["address"] = options["address"]
    check_parameters(spec.name, factory, chosen, "engine")
    workers = options["workers"]
    if workers is None and not spec.counts_workers:
        workers = len(os.sched_getaffinity(0))
    settled = {"workers": workers, "timeout_s": options["timeout_s"] or None}
    engine: Engine = factory(**{**chosen, **settled})
    return engine


def _finish(summary: Summary, problems: list[tuple[str, str]]) -> int:
    if not summary.counts.total():
        click.echo("nothing to do: no recording was found", err=True)
    summary.counts["failed"] += len(problems)
    click.echo(str(summary))
    return _exit_code(summary.counts.total(), summary.counts["failed"], problems)


def _exit_code(found: int, failed: int, problems: list[tuple[str, str]]) -> int:
    if failed or problems:
        return 1
    return 0 if found else NOTHING_FOUND
