"""Folds: which songs are tested together, so that no song or artist is trained on and tested."""

from __future__ import annotations

import csv
import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from mer_plugins.errors import MerError


class DataError(MerError):
    """A labelled collection, or its table of folds, cannot be used."""


class Grouped(Protocol):
    """What a fold is assigned to: a recording's name, group and ids, as a LabelledTrack has."""

    @property
    def name(self) -> str:
        """Name of the recording."""

    @property
    def group(self) -> str:
        """Artist, series or what else must stay together; may be empty."""

    @property
    def song_ids(self) -> frozenset[str]:
        """What a table may call it."""


class Labelled(Grouped, Protocol):
    """What may tell when to stop: a recording that may have a curve."""

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """True where a label exists."""


L = TypeVar("L", bound=Labelled)

_BUCKETS = 10_000


@dataclass(frozen=True)
class FoldTable:
    """Folds by song and by artist, as a CSV gives them.

    Parameters
    ----------
    songs : dict
        Fold of each song, by its ``song_id``.
    artists : dict
        Fold of each artist (as :func:`plain_name` has it) whose songs are all in one fold.
    artist_of : dict
        Artist of each song, if the table has a column ``artist``.
    source : str
        What to call it to people.
    """

    songs: dict[str, int] = field(default_factory=dict)
    artists: dict[str, int] = field(default_factory=dict)
    artist_of: dict[str, str] = field(default_factory=dict)
    source: str = "the table of folds"

    @property
    def count(self) -> int:
        """Number of folds, from 0 to the highest; 0 for an empty table."""
        return max(self.songs.values(), default=-1) + 1


def read_folds(path: Path) -> FoldTable:
    """Read a CSV with the columns ``song_id``, ``fold`` and, if it has one, ``artist``.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, names no song, has two folds for one, or a fold
        is no number from 0 up.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        folds = [(row["song_id"], int(row["fold"])) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"{path}: cannot be read as CSV ({exc})") from exc
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError(
            f"{path}: expected the columns song_id and fold (a number), found {exc}"
        ) from exc
    songs = dict(folds)
    if not songs:
        raise DataError(f"{path}: names no song: expected a row of song_id and fold for each")
    if twice := [song for song, fold in folds if songs[song] != fold]:
        raise DataError(f"{path}: has song {twice[0]} in several folds: expected one for each song")
    if lowest := [fold for fold in songs.values() if fold < 0]:
        raise DataError(f"{path}: has fold {lowest[0]}: expected numbers from 0 up")
    artist_of = {row["song_id"]: row["artist"] for row in rows if row.get("artist")}
    apart = _folds_of_artists(songs, artist_of)
    artists = {artist: min(found) for artist, found in apart.items() if len(found) == 1}
    return FoldTable(songs, artists, artist_of, path.name)


def _folds_of_artists(songs: dict[str, int], artist_of: dict[str, str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for song, artist in artist_of.items():
        found.setdefault(plain_name(artist), set()).add(songs[song])
    return found


def check_table(tracks: Sequence[Grouped], table: FoldTable) -> None:
    """Raise DataError if a table names songs, but none of these."""
    if table.songs and tracks and not any(_names(table, track) for track in tracks):
        raise DataError(
            f"{table.source}: names none of the {len(tracks)} recordings, but songs such as "
            f"{next(iter(table.songs))!r}: expected song_id to be the file's name without suffix, "
            "or one of the identifiers in its JAMS"
        )


def notes_on_folds(
    tracks: Sequence[Grouped], table: FoldTable, folds: Sequence[int], count: int
) -> list[str]:
    """Tell what people should know of folds: songs no table names, artists on both sides, gaps.

    Parameters
    ----------
    folds : sequence of int
        Of each track, as :func:`assign_folds` gives them.
    count : int
        How many folds were asked for.
    """
    notes = []
    unnamed = sum(not _names(table, track) for track in tracks)
    if table.songs and unnamed:
        notes.append(
            f"{table.source}: does not name {unnamed} of {len(tracks)} recordings, which have the "
            "fold of their artist, or one by a hash of artist and seed"
        )
    apart = _folds_of_artists(table.songs, table.artist_of).values()
    if divided := sum(len(found) > 1 for found in apart):
        notes.append(f"{table.source}: has {divided} artists in two folds or more")
    if len(found := set(folds)) < count:
        artists = len({group_of(track, table) for track in tracks})
        notes.append(f"found {artists} artists in {len(found)} of {count} folds")
    return notes


def _names(table: FoldTable, track: Grouped) -> bool:
    return not track.song_ids.isdisjoint(table.songs)


def group_of(track: Grouped, table: FoldTable) -> str:
    """Return the artist by the table or the recording's JAMS, or else the recording's own name.

    Two recordings belong together where this is the same; it is as :func:`plain_name` has it.
    """
    return plain_name(_spelled(track, table))


def plain_name(text: str) -> str:
    """Return a name as it compares, however its letters are composed, cased and spaced.

    >>> plain_name("Beyonce\N{COMBINING ACUTE ACCENT}  Knowles ") == plain_name("BEYONCÉ KNOWLES")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _spelled(track: Grouped, table: FoldTable) -> str:
    named = next((table.artist_of[i] for i in sorted(track.song_ids) if i in table.artist_of), "")
    return next((name for name in (named, track.group) if name.strip()), track.name)


def _groups_to_hash(tracks: Sequence[Grouped], table: FoldTable) -> list[str]:
    """Return the group of each recording in one spelling of those that it has among them.

    Not as it compares: a hash of that would move artists whose name has a sign such as an ellipsis
    to other folds than those of earlier runs.
    """
    spelled = [_spelled(track, table).casefold() for track in tracks]
    chosen: dict[str, str] = {}
    for name in spelled:
        plain = plain_name(name)
        chosen[plain] = min(name, chosen.get(plain, name))
    return [chosen[plain_name(name)] for name in spelled]


def assign_folds(tracks: Sequence[Grouped], table: FoldTable, count: int, seed: int) -> list[int]:
    """Return the fold of each recording.

    A song has the fold the table gives it; a song that the table does not name has its artist's
    fold, and one by an artist it does not name either has a fold by a hash of artist and seed.
    """
    folds = []
    for track, group in zip(tracks, _groups_to_hash(tracks, table), strict=True):
        known = next((table.songs[i] for i in sorted(track.song_ids) if i in table.songs), None)
        known = table.artists.get(plain_name(group)) if known is None else known
        folds.append(hashed(group, count, seed) if known is None else known)
    return folds


def split_validation(
    tracks: Sequence[L], table: FoldTable, share: float, seed: int
) -> tuple[list[L], list[L]]:
    """Split off about `share` of the tracks, whole artists at a time: (the rest, the share).

    However few artists have curves, one of them is in each part where there are two or more; one
    alone is not split off.
    """
    groups = _groups_to_hash(tracks, table)
    buckets = {group: hashed(f"validation {group}", _BUCKETS, seed) for group in set(groups)}
    apart = {group for group, bucket in buckets.items() if bucket < share * _BUCKETS}
    labelled = {g for g, track in zip(groups, tracks, strict=True) if track.mask.any()}
    in_order = sorted(labelled, key=lambda group: (buckets[group], group))
    if share and len(in_order) > 1 and not apart & labelled:
        apart.add(in_order[0])
    elif in_order and labelled <= apart:
        apart.remove(in_order[-1])
    parts: tuple[list[L], list[L]] = ([], [])
    for group, track in zip(groups, tracks, strict=True):
        parts[group in apart].append(track)
    return parts


def hashed(text: str, count: int, seed: int) -> int:
    """Return a number in [0, count) that depends on text and seed alone, on every machine."""
    digest = hashlib.blake2b(f"{seed} {text}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count
