"""Command-line options that several commands share, and their values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import click

from mer_plugins.remote.urls import is_url, local_path

# Exit status where there was nothing to work on.
NOTHING_FOUND = 3

_Command = TypeVar("_Command", bound=Callable[..., Any])

jams_argument = click.argument(
    "inputs",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, path_type=Path),
    metavar="COLLECTION|FILE.jams...",
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    metavar="auto|cpu|cuda[:N]|mps",
    help="Where neural plugins run.",
)
_TRAINING = (
    click.option(
        "--folds-csv",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Table with the columns song_id, fold and, if it has one, artist. Songs it does not "
        "name get the fold of their artist.",
    ),
    click.option(
        "--n-folds",
        type=click.IntRange(2),
        metavar="N",
        help="Folds to make, by artist, where no table gives them.  [default: the table's, or 5]",
    ),
    device_option,
    click.option(
        "--cache-gb",
        type=click.FloatRange(0),
        default=20.0,
        show_default=True,
        help="Disk for spectrograms, kept in MER_CACHE_DIR or the user's cache folder; 0 keeps "
        "none.",
    ),
)


def parameter_option(text: str) -> Callable[[_Command], _Command]:
    """Return the option ``-p KEY=VALUE`` with a help text; read by :func:`parse_parameters`."""
    return click.option(
        "-p",
        "--parameter",
        "--param",
        "parameters",
        multiple=True,
        metavar="KEY=VALUE",
        help=text,
    )


def names_of(registry: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Return what Tab offers: names under one hook of the host, such as ``"extractors"``."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
        from mer_plugins.host import plugin_host

        return sorted(n for n in getattr(plugin_host(), registry).specs if n.startswith(begun))

    return complete


def plugin_option(
    text: str, *, multiple: bool = False, **settings: Any
) -> Callable[[_Command], _Command]:
    """Return the option ``-P NAME`` with a help text; `plugins` where there may be several."""
    return click.option(
        "-P",
        "--plugin",
        "plugins" if multiple else "plugin",
        multiple=multiple,
        metavar="NAME",
        shell_complete=names_of("extractors"),
        help=text,
        **settings,
    )


def training_options(command: _Command) -> _Command:
    """Add the options of every command that trains: folds, device, cache."""
    for option in reversed(_TRAINING):
        command = option(command)
    return command


class FolderOrUrl(click.Path):
    """A folder as :class:`pathlib.Path`, or its URL as text; ``file://`` gives a path."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Take a value of the command line."""
        plain = local_path(value) if isinstance(value, str) else None
        if plain is None and isinstance(value, str) and is_url(value):
            return value
        return super().convert(value if plain is None else plain, param, ctx)


def parse_parameters(
    pairs: Iterable[str], *, option: str = "-p", nested: bool = False
) -> dict[str, Any]:
    """Turn ``key=value`` pairs into parameters; a value that reads as JSON is taken as such.

    With `nested`, a key may be one of a group, ``group.key``.

    >>> parse_parameters(["hop_s=0.5", "checkpoint=a.safetensors"])
    {'hop_s': 0.5, 'checkpoint': 'a.safetensors'}
    """
    found = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        parts = key.split(".") if nested else [key]
        if not (equals and all(part.isidentifier() for part in parts)):
            raise click.BadParameter(f"{pair!r}: expected KEY=VALUE", param_hint=option)
        found[key] = _value(value)
    return found


def parse_shard(text: str | None) -> tuple[int, int]:
    """Turn ``I/N`` into (I, N), 1 <= I <= N; None is the whole, (1, 1)."""
    if text is None:
        return 1, 1
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise click.BadParameter(f"{text!r}: expected I/N with 1 <= I <= N", param_hint="--shard")
    return int(part), int(parts)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
