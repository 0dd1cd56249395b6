"""The commands: ``mer-extract`` and the umbrella ``mer``. One short file a command, no logic."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from mer_plugins import __version__
from mer_plugins.errors import MerError
from mer_plugins.remote.urls import is_url, scheme, without_secrets

USAGE_ERROR = 2
INTERRUPTED = 130
# URLs of these kinds name home pages and clusters.
_NO_COLLECTIONS = ("http", "https", "ray")

_COMMANDS = {
    "completions": ("mer_plugins.cli.completions", "Let a shell complete commands with Tab."),
    "datasets": ("mer_plugins.cli.datasets", "Turn labelled data sets into collections of JAMS."),
    "doctor": ("mer_plugins.cli.doctor", "Check this installation and say what to do."),
    "evaluate": (
        "mer_plugins.cli.evaluate",
        "Compare systems with human labels, with intervals and tests.",
    ),
    "export": ("mer_plugins.cli.export", "Write curves as CSV, subtitles, layers or labels."),
    "extract": ("mer_plugins.cli.extract", "Annotate recordings with valence and arousal."),
    "listen": ("mer_plugins.cli.listen", "Tell valence and arousal while the music plays."),
    "new-plugin": (
        "mer_plugins.cli.new_plugin",
        "Write a plugin package that works, to start from.",
    ),
    "plot": ("mer_plugins.cli.plot", "Draw the emotion curves of a JAMS file or a recording."),
    "plugins": ("mer_plugins.cli.plugins", "List the plugins of this environment."),
    "report": (
        "mer_plugins.cli.report",
        "Write a page of all tracks, to look at and listen to.",
    ),
    "reproduce": (
        "mer_plugins.cli.reproduce",
        "Train and score a paper's comparison again.",
    ),
    "status": ("mer_plugins.cli.status", "Tell which tracks are done, stale, failed, missing."),
    "summary": ("mer_plugins.cli.summary", "Tell the mean, range and quadrants of each curve."),
    "train": ("mer_plugins.cli.train", "Train a neural plugin on a labelled collection."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they run, so that help comes at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was asked for; a wrong name is told the right one."""
        _refuse_urls(args)
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as exc:
            near = get_close_matches(args[0].lower(), _COMMANDS)
            if args[0].startswith("-") or not near:
                raise
            names = " or ".join(map(repr, near))
            raise click.UsageError(
                f"No such command {args[0]!r}. Did you mean {names}?", ctx
            ) from exc

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _COMMANDS[name][1]) for name in sorted(_COMMANDS)])


def _refuse_urls(args: list[str]) -> None:
    """Refuse collections behind URLs where a command would take them for odd paths."""
    if args[0] == "extract":
        return
    for text in args[1:]:
        value = text.partition("=")[2] if text.startswith("--") else text
        if is_url(value) and scheme(value) not in _NO_COLLECTIONS:
            raise click.UsageError(
                f"{without_secrets(value)}: mer {args[0]} takes no URLs, only mer-extract does; "
                "copy it to this machine first"
            )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mer")
def mer() -> None:
    """Music emotion over time: annotate, compare, train and look.

    \b
    Examples:
      mer extract --plugin damff collection/
      mer plot collection/song.jams -o song.png
      mer plugins
    """  # noqa: D301


def main() -> None:
    """Run ``mer``."""
    run(mer)


def extract_main() -> None:
    """Run ``mer-extract``, the same as ``mer extract``."""
    from mer_plugins.cli.extract import command

    run(command, "mer-extract")


def run(command: click.Command, name: str | None = None, arguments: list[str] | None = None) -> Any:
    """Run a command and exit; errors meant for people become one line and exit code 2."""
    try:
        code = command.main(args=arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        code = USAGE_ERROR
    except MerError as exc:
        click.echo(f"error: {exc}", err=True)
        code = USAGE_ERROR
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough.
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)
