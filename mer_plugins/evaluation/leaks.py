"""Who was trained on what is tested: a system's list of songs against those of the reference.

The lists, and how songs are told apart, are those of :mod:`mer_plugins.trained_on`. Without a list
nothing is known, and nothing is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mer_plugins.evaluation.reference import EvaluationError, Song
from mer_plugins.evaluation.systems import TRIVIAL, System
from mer_plugins.fingerprints import audio_digest
from mer_plugins.trained_on import Identity, identity, read_list

SONG, ARTIST = "song", "artist"


@dataclass(frozen=True)
class Leak:
    """What a system knows of the reference from its training.

    Parameters
    ----------
    songs : frozenset of str
        Names of the songs that it was trained on, in any cut or file.
    artists : frozenset of str
        Names of the other songs whose artist (or series) it was trained on.
    """

    songs: frozenset[str] = frozenset()
    artists: frozenset[str] = frozenset()

    def of(self, song: str) -> str:
        """Return ``"song"``, ``"artist"`` or, if neither was trained on, an empty text."""
        if song in self.songs:
            return SONG
        return ARTIST if song in self.artists else ""


def leak_of(checkpoint: str, songs: Iterable[Song]) -> Leak | None:
    """Find the songs of a reference that a checkpoint was trained on; None if it is not known.

    Raises
    ------
    CheckpointError
        If the list beside the checkpoint is damaged.
    AudioError
        If a recording that no name tells of cannot be read.
    """
    taught = read_list(checkpoint) if checkpoint else None
    if taught is None:
        return None
    heard = {song.name: _heard(taught, song) for song in songs}
    return Leak(
        frozenset(name for name, what in heard.items() if what == SONG),
        frozenset(name for name, what in heard.items() if what == ARTIST),
    )


def leak_of_system(system: System, songs: Iterable[Song]) -> Leak | None:
    """Find the songs a system was trained on; none where each curve was made without its song."""
    return Leak() if system.held_out else leak_of(system.checkpoint, songs)


def leak_text(leak: Leak | None, songs: int) -> str:
    """Return ``trained on N of M songs``, and how many others' artists; empty if there are none."""
    if leak is None or not (leak.songs or leak.artists):
        return ""
    artists = f"{len(leak.artists)} other songs' artists" if leak.artists else ""
    taught = f"{len(leak.songs)} of {songs} songs" if leak.songs else ""
    return f"trained on {' and on '.join(filter(None, (taught, artists)))}"


def leak_warning(system: System, leak: Leak | None, songs: int) -> str:
    """Tell that a system's scores flatter it, and what to do; empty if no song was trained on.

    Predictors that do not listen are flagged in the table alone: one song hardly moves their mean.
    """
    if leak is None or not leak.songs or system.name in TRIVIAL:
        return ""
    first = ", ".join(sorted(leak.songs)[:3]) + (", ..." if len(leak.songs) > 3 else "")
    return (
        f"{system.name}: {leak_text(leak, songs)} ({first}): its scores there are not those of "
        "unheard music; --unheard scores only the songs that no system was trained on"
    )


def unheard(songs: Sequence[Song], leaks: Iterable[Leak | None]) -> list[Song]:
    """Return the songs that no system was trained on.

    Raises
    ------
    EvaluationError
        If none is left.
    """
    heard = frozenset().union(*(leak.songs for leak in leaks if leak is not None))
    left = [song for song in songs if song.name not in heard]
    if not left:
        raise EvaluationError(
            f"--unheard leaves none of the {len(songs)} songs: each was trained on by a system; "
            "expected a reference with other songs, or systems trained on fewer"
        )
    return left


def _heard(taught: Identity, song: Song) -> str:
    # Names first: to read every recording of a large collection takes long.
    if taught.songs & song.identity.songs or taught.songs & _by_bytes(song):
        return SONG
    return ARTIST if taught.artists & song.identity.artists else ""


def _by_bytes(song: Song) -> frozenset[bytes]:
    return identity({}, _digest(song.audio)).songs


# Every system asks, and more than once.
@lru_cache(maxsize=100_000)
def _digest(audio: Path) -> str:
    return audio_digest(audio)
