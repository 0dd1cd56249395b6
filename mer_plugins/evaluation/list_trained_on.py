"""List the songs that checkpoints were trained on, from labelled collections and a table of folds.

``python -m mer_plugins.evaluation.list_trained_on --help``; ``mer train`` writes the list itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from mer_plugins.collection import find_tracks
from mer_plugins.errors import JamsError, MerError
from mer_plugins.fingerprints import audio_digest
from mer_plugins.folders import jams_below
from mer_plugins.jams_store import read
from mer_plugins.labels import group_within, ids_within
from mer_plugins.sequence.folds import FoldTable, assign_folds, read_folds
from mer_plugins.track_lists import absolute
from mer_plugins.trained_on import LIST, Identity, identity, union, write_list

_SEED, _FOLDS = 0, 5


@dataclass(frozen=True)
class ListedSong:
    """A song of a collection, by its JAMS and, if it is there, its recording; folds know it."""

    name: str
    group: str
    song_ids: frozenset[str]
    identity: Identity


def listed_songs(collections: Iterable[Path]) -> Iterator[ListedSong]:
    """Read every JAMS below the folders, and the bytes of the recordings beside them.

    Raises
    ------
    JamsError
        If one, or a folder, cannot be read.
    AudioError
        If a recording cannot be read.
    """

    def unlisted(place: str, reason: str) -> None:
        raise JamsError(f"{place}: {reason}")

    for folder in collections:
        tracks = find_tracks([str(folder)], problem=lambda shown, reason: None)
        recordings = {str(track.jams): track.audio for track in tracks}
        for path in jams_below(folder, unlisted):
            jams: Mapping[str, Any] = read(path)
            names = ids_within(path.stem, jams)
            audio = recordings.get(absolute(str(path)))
            digest = audio_digest(audio) if audio else ""
            name = path.relative_to(folder).with_suffix("").as_posix()
            yield ListedSong(name, group_within(jams), names, identity(jams, digest))


def heard_by(
    songs: Sequence[ListedSong], folds: Sequence[int], left_out: Mapping[str, int | None]
) -> dict[str, Identity]:
    """Join, for each checkpoint, the songs that are not in the fold it was trained without."""
    return {
        name: union(s.identity for s, of in zip(songs, folds, strict=True) if of != fold)
        for name, fold in left_out.items()
    }


def _parsed(text: str) -> tuple[str, int | None]:
    name, _, fold = text.partition("=")
    if not name or (fold and not fold.isdecimal()):
        raise click.BadParameter(f"{text!r}: expected NAME or NAME=FOLD, such as damff=0")
    return name, int(fold) if fold else None


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "collections",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="COLLECTION...",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    required=True,
    metavar="NAME[=FOLD]",
    help="File name of a checkpoint without the suffix, and the fold it was trained without.",
)
@click.option(
    "--folds-csv",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="As for mer train.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="The folder of the checkpoints.",
)
def main(
    collections: tuple[Path, ...],
    checkpoints: tuple[str, ...],
    folds_csv: Path | None,
    output: Path,
) -> None:
    r"""Write trained_on.json for checkpoints that were trained on collections of JAMS.

    \b
    Example:
      python -m mer_plugins.evaluation.list_trained_on clips/ 4q/ --folds-csv songs.csv \
          --checkpoint damff=0 --checkpoint damff-ensemble -o damff/checkpoints
    """
    try:
        songs = list(listed_songs(collections))
        table = read_folds(folds_csv) if folds_csv else FoldTable()
        folds = assign_folds(songs, table, table.count or _FOLDS, _SEED)
        heard = heard_by(songs, folds, dict(map(_parsed, checkpoints)))
        write_list(output, heard)
    except (MerError, OSError) as exc:
        raise click.ClickException(str(exc)) from exc
    counts = ", ".join(f"{name} {len(found.artists)}" for name, found in heard.items())
    click.echo(f"{output / LIST}: {len(songs)} songs; artists: {counts}")


if __name__ == "__main__":
    main()
