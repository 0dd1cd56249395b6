"""``mer report``: a page to look through and listen to a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_plugins.cli.bar import Passing
from mer_plugins.cli.options import NOTHING_FOUND

if TYPE_CHECKING:
    from mer_plugins.report.page import Written
    from mer_plugins.report.payload import Picture


@click.command("report", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "collection", type=click.Path(exists=True, path_type=Path), metavar="COLLECTION|OUT"
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    metavar="PAGE",
    help="Where to write the page; the recordings are linked from there.",
)
@click.option(
    "--audio",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Where the recordings are, if not beside the JAMS files (after mer-extract -o).",
)
@click.option("--title", metavar="TEXT", help="Heading of the page.  [default: the folder's name]")
@click.option("--no-spectrogram", is_flag=True, help="Leave the recordings undecoded: far faster.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
def command(
    collection: Path,
    output: Path,
    audio: Path | None,
    title: str | None,
    no_spectrogram: bool,
    quiet: bool,
) -> int:
    """Write a page with all tracks of a collection, to look at, search, sort and listen to.

    The page works from disk, without a network. A large collection gets a folder beside it. Of a
    folder that mer evaluate wrote, the page shows the leaderboard and, song by song, the curves of
    people and of all systems together.

    \b
    Examples:
      mer report collection/
      mer report collection/ -o pages/report.html --no-spectrogram
      mer report jams/ --audio music/ -o report.html
      mer evaluate --reference deam/ --plugin damff -o out/ && mer report out/

    \b
    Exit code: 0 written; 1 written, and some tracks have problems; 2 wrong use; 3 no track found.
    """  # noqa: D301
    from mer_plugins.extras import require

    require("mer report", "jinja2", "matplotlib", "plotly", extra="analysis")
    from mer_plugins.report.evaluation_page import is_evaluation
    from mer_plugins.report.spectrogram import spectrogram

    heading = title or collection.resolve().name
    picture = None if no_spectrogram else spectrogram
    with Passing("tracks", quiet=quiet) as progress:
        if is_evaluation(collection):
            return _evaluation(collection, audio, output, heading, picture, progress)
        return _tell(_collection(collection, audio, output, heading, picture, progress), output)


def _evaluation(
    folder: Path,
    audio: Path | None,
    output: Path,
    title: str,
    picture: Picture | None,
    progress: Passing,
) -> int:
    from mer_plugins.report.evaluation_page import write_evaluation_page

    problems: list[str] = []
    beside = write_evaluation_page(
        folder,
        output,
        title=title,
        audio=audio,
        picture=picture,
        problem=lambda song, reason: problems.append(f"{song}: {reason}"),
        watch=progress.over,
    )
    for line in problems:
        click.echo(line, err=True)
    _tell_files(output, beside)
    return 1 if problems else 0


def _collection(
    collection: Path,
    audio: Path | None,
    output: Path,
    title: str,
    picture: Picture | None,
    progress: Passing,
) -> Written:
    from mer_plugins.done_index import DoneIndex, default_index_path
    from mer_plugins.report.page import write_collection_page
    from mer_plugins.report.tracks import report_tracks

    def problem(shown: str, reason: str) -> None:
        click.echo(f"{shown}: {reason}", err=True)

    with DoneIndex(default_index_path()) as index:

        def why(jams: Path, plugin: str) -> str | None:
            failure = index.failure(jams, plugin)
            return None if failure is None else failure.reason

        tracks = progress.over(report_tracks(collection, audio, problem=problem))
        return write_collection_page(tracks, output, title=title, picture=picture, why=why)


def _tell(written: Written, output: Path) -> int:
    if not written.tracks:
        click.echo("nothing found: no recording and no JAMS", err=True)
        return NOTHING_FOUND
    _tell_files(output, written.folder)
    sums = f"{written.tracks} tracks, {written.without_curve} without a curve"
    click.echo(f"{sums}, {written.with_problems} with problems", err=True)
    return 1 if written.with_problems else 0


def _tell_files(output: Path, folder: Path | None) -> None:
    click.echo(str(output))
    if folder is not None:
        click.echo(f"{folder}  (keep it beside the page)")
