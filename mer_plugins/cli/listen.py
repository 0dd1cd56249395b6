"""``mer listen``: valence and arousal while the music plays."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from mer_plugins.cli import INTERRUPTED
from mer_plugins.cli.options import device_option, parameter_option, parse_parameters, plugin_option

if TYPE_CHECKING:
    from mer_plugins.audio import AudioReader
    from mer_plugins.listening import Listener, Point


@click.command("listen", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", type=click.Path(allow_dash=True), metavar="FILE|-")
@plugin_option("Plugin to run.", default="damff", show_default=True)
@parameter_option("Parameter of the plugin, such as window_s=5; may be repeated.")
@device_option
@click.option(
    "--low-latency",
    is_flag=True,
    help="Give each value as soon as it can be known: earlier, at more cost, and equal to "
    "mer-extract's but for rounding (1e-6) rather than digit for digit.",
)
@click.option("--rate", type=click.IntRange(1), metavar="HZ", help="Sample rate of raw PCM on -.")
@click.option(
    "--channels",
    type=click.IntRange(1, 1024),
    default=1,
    show_default=True,
    metavar="N",
    help="Channels of raw PCM on -, interleaved.",
)
@click.option(
    "--format",
    "encoding",
    type=click.Choice(["s16le", "f32le"]),
    default="s16le",
    show_default=True,
    help="Samples of raw PCM on -.",
)
@click.option("--real-time", is_flag=True, help="Hear FILE at its own speed, to try it out.")
@click.option(
    "--allow-truncated", is_flag=True, help="Hear what is there of a FILE that is cut off."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a point.")
def command(source: str, as_json: bool, **options: Any) -> int:
    """Print valence and arousal of each half second as soon as they are final.

    FILE is a recording; - is raw PCM on standard input, described by --rate, --channels and
    --format, or WAV, which describes itself. A line tells the start of its half second, valence
    and arousal in [-1, 1], their standard deviation where the plugin has one, and the latency: how
    far that start lies behind the newest sample heard. The last line, on standard error, sums up.

    The values are those of mer-extract, digit for digit, in whatever pieces the sound comes.
    damff is final in batches of 16 s, the first after 16 s; with --low-latency, after its window
    of 10 s and then every 2.5 s. A shorter one is heard with -p window_s=5 -p hop_s=0.5. Its moving
    average waits for 4.5 s more, which -p smoothing_s=0 saves.

    \b
    Examples:
      mer listen song.mp3
      mer listen song.mp3 --real-time --low-latency
      ffmpeg -v error -i URL -f wav - | mer listen - --low-latency --json
      arecord -f S16_LE -r 44100 -t raw | mer listen - --rate 44100 --low-latency

    \b
    Exit code: 0 heard to the end, or the reader of the lines went away; 2 wrong use, a plugin
    error or damaged sound; 130 interrupted.
    """  # noqa: D301
    from mer_plugins.cli.stop_signals import stopping_like_ctrl_c
    from mer_plugins.listening import Listener

    _check(source, options)
    extractor = _extractor(options)
    listener = Listener(extractor, prompt=options["low_latency"])
    try:
        with stopping_like_ctrl_c(), _opened(source, extractor.info.sample_rate, options) as reader:
            _print(listener.points(reader, real_time=options["real_time"]), as_json)
    except KeyboardInterrupt:
        _sum_up(listener)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; what is left in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    _sum_up(listener)
    return 0


def _check(source: str, options: dict[str, Any]) -> None:
    is_pipe = source == "-"
    if is_pipe and options["real_time"]:
        raise click.UsageError("--real-time is for a FILE: standard input has a speed of its own")
    if not is_pipe and options["rate"]:
        raise click.UsageError(f"--rate is for raw PCM on standard input: mer listen - < {source}")


def _extractor(options: dict[str, Any]) -> Any:
    from mer_plugins.host import create_extractor

    # As a worker of mer-extract has it, so that the digits are the same; set before torch comes.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parameters = parse_parameters(options["parameters"])
    if options["device"] != "auto":
        parameters["device"] = options["device"]
    return create_extractor(options["plugin"], **parameters)


def _opened(source: str, rate: int | None, options: dict[str, Any]) -> AudioReader:
    from mer_plugins.audio import open_audio
    from mer_plugins.listening import BLOCK_S
    from mer_plugins.pcm import PcmFormat, open_pcm

    if source != "-":
        allow_truncated = options["allow_truncated"]
        return open_audio(source, rate, block_s=BLOCK_S, allow_truncated=allow_truncated)
    raw = None
    if options["rate"]:
        raw = PcmFormat(options["rate"], options["channels"], options["encoding"])
    # Unbuffered: a buffer waits until it is full.
    buffer = sys.stdin.buffer
    return open_pcm(getattr(buffer, "raw", buffer), rate, raw, block_s=BLOCK_S)


def _print(points: Iterator[Point], as_json: bool) -> None:
    for point in points:
        click.echo(json.dumps(point.to_dict()) if as_json else str(point))


def _sum_up(listener: Listener) -> None:
    click.echo(str(listener.tally), err=True)
