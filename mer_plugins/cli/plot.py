"""``mer plot``: look at emotion curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_plugins.cli.options import plugin_option
from mer_plugins.errors import JamsError, MerError

if TYPE_CHECKING:
    from mer_plugins.curves import EmotionCurve


@click.command("plot", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE.jams|AUDIO")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PICTURE",
    help="Where to draw: .png, .svg or .pdf.  [default: FILE.png]",
)
@plugin_option(
    "Only this plugin's curve; for a recording, the plugin to run.  [default: all; damff]"
)
def command(file: Path, output: Path | None, plugin: str | None) -> int:
    """Draw valence and arousal over time, and the path in the valence-arousal plane.

    A JAMS is drawn as it stands; a recording is analysed first, and nothing but the picture is
    written.

    \b
    Examples:
      mer plot song.jams -o song.png
      mer plot song.mp3 --plugin damff
    """  # noqa: D301
    from mer_plugins.display import plot_track
    from mer_plugins.extras import require

    require("mer plot", "matplotlib", extra="analysis")

    is_jams = file.suffix.lower() in (".jams", ".json")
    curves = _stored(file, plugin) if is_jams else _extracted(file, plugin or "damff")
    target = output or file.with_suffix(".png")
    target = target if target.suffix else target.with_suffix(".png")
    try:
        figure = plot_track(curves, title=file.stem)
        figure.savefig(target, dpi=150)
    except (OSError, ValueError) as exc:
        raise MerError(f"{target}: cannot be drawn ({exc})") from exc
    click.echo(str(target))
    return 0


def _stored(file: Path, plugin: str | None) -> list[tuple[str, EmotionCurve]]:
    from mer_plugins.jams_store import curves, read

    def problem(label: str, reason: str) -> None:
        click.echo(f"warning: annotation {label!r} is left out: {reason}", err=True)

    found = curves(read(file), problem)
    if not any(len(curve) for _, curve in found):
        raise JamsError(f"{file}: holds no valence-arousal curve (mood_thayer) to draw")
    chosen = [(label, curve) for label, curve in found if plugin in (None, label)]
    if not chosen:
        there = ", ".join(label for label, _ in found)
        raise JamsError(f"{file}: holds no curve by {plugin!r}: there are {there}")
    return chosen


def _extracted(file: Path, plugin: str) -> list[tuple[str, EmotionCurve]]:
    from mer_plugins.audio import load_audio
    from mer_plugins.host import create_extractor

    extractor = create_extractor(plugin)
    return [(plugin, extractor(load_audio(file, extractor.info.sample_rate)))]
