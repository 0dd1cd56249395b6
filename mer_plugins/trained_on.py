"""Which songs weights were trained on: how songs are told apart, and the list beside the weights.

A song is known by every name it has: data set and number (so that a cut of a song, or the same song
as another file, is the same song), other identifiers, and the bytes of its recording. Its artist,
or the series a piece belongs to, is kept as well.

``trained_on.json`` beside checkpoints holds no name, only hashes::

    {"format": "mer-plugins trained_on 1",
     "songs": [{"checkpoints": ["damff", "damff-ensemble"], "count": 1902, "hashes": "..."}],
     "artists": [{"checkpoints": ["damff", "damff-ensemble"], "count": 1080, "hashes": "..."}]}

A checkpoint is named by its file name without the suffix. It was trained on the songs of every
entry that names it; a checkpoint that no entry names is one of which nothing is known. `hashes` is
Base64 of the hashes one after the other, five bytes each and sorted: BLAKE2b with the format's name
as key. Two songs share a hash by chance once in 10^12.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mer_plugins.atomic import replacing
from mer_plugins.errors import CheckpointError
from mer_plugins.mood import part

FORMAT = "mer-plugins trained_on 1"
LIST = "trained_on.json"
_BYTES = 5
_KINDS = ("songs", "artists")
# emoMusic is the part of DEAM up to song 1000, under the same numbers.
_SAME_NUMBERS = {"emomusic": "deam"}
Hashes = frozenset[bytes]


@dataclass(frozen=True)
class Identity:
    """What a song is known by, as hashes of five bytes.

    Parameters
    ----------
    songs : frozenset of bytes
        One a name; two songs are the same if they share one.
    artists : frozenset of bytes
        Its artist, its series, and what else must not be trained on and tested at once.
    """

    songs: Hashes = frozenset()
    artists: Hashes = frozenset()

    def __or__(self, other: Identity) -> Identity:
        return Identity(self.songs | other.songs, self.artists | other.artists)


def identity(jams: Mapping[str, Any], recording: str = "") -> Identity:
    """Return what a song is known by.

    Parameters
    ----------
    jams : mapping
        Its JAMS, as :func:`mer_plugins.jams_store.read` gives it: ``identifiers`` and ``artist``
        of ``file_metadata``, and ``dataset`` (or ``corpus``), ``song_id``, ``series`` and ``group``
        of ``sandbox`` count.
    recording : str
        :func:`mer_plugins.fingerprints.audio_digest` of the recording; empty if its bytes are not
        to count.
    """
    metadata, sandbox = part(dict(jams), "file_metadata"), part(dict(jams), "sandbox")
    others = {k: v for k, v in part(metadata, "identifiers").items() if k != "song_id"}
    own = (sandbox.get("dataset") or sandbox.get("corpus"), sandbox.get("song_id"))
    names: list[tuple[Any, Any]] = [*others.items(), own]
    names += [(_SAME_NUMBERS[_plain(k)], v) for k, v in names if _plain(k) in _SAME_NUMBERS]
    songs = {f"{_plain(k)}:{_plain(v)}" for k, v in names if _plain(k) and _plain(v)}
    songs |= {f"recording:{recording}"} if recording else set()
    groups = metadata.get("artist"), sandbox.get("series"), sandbox.get("group")
    artists = {f"artist:{_plain(found)}" for found in groups if _plain(found)}
    return Identity(frozenset(map(_hash, songs)), frozenset(map(_hash, artists)))


def union(songs: Iterable[Identity]) -> Identity:
    """Return all that several songs are known by."""
    found = list(songs)
    return Identity(
        frozenset().union(*(one.songs for one in found)),
        frozenset().union(*(one.artists for one in found)),
    )


def write_list(folder: Path, heard: Mapping[str, Identity]) -> None:
    """Write ``trained_on.json`` for the checkpoints of a folder.

    Parameters
    ----------
    folder : pathlib.Path
        Where the checkpoints are.
    heard : mapping of str to Identity
        By a checkpoint's file name without the suffix, what it was trained on.
    """
    content = {"format": FORMAT} | {
        kind: _entries({name: getattr(found, kind) for name, found in heard.items()})
        for kind in _KINDS
    }
    with replacing(folder / LIST) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())


def read_list(checkpoint: str | os.PathLike[str]) -> Identity | None:
    """Read what a checkpoint was trained on from the list beside it; None if that is not known.

    Raises
    ------
    CheckpointError
        If there is a list and it is damaged.
    """
    path = Path(checkpoint)
    beside = path.with_name(LIST)
    if not beside.exists():
        return None
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format is {content['format']!r}")
        own = {kind: [e for e in content[kind] if path.stem in e["checkpoints"]] for kind in _KINDS}
        found = {kind: _unpacked(entries) for kind, entries in own.items()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        reason = " ".join(str(exc).split())
        raise CheckpointError(f"{beside}: expected {FORMAT!r}, cannot be read ({reason})") from exc
    return Identity(**found) if any(own.values()) else None


def _entries(heard: Mapping[str, Hashes]) -> list[dict[str, Any]]:
    """Write each hash once, beside the names of all checkpoints that share it."""
    names: dict[bytes, list[str]] = defaultdict(list)
    for name, hashes in sorted(heard.items()):
        for one in hashes:
            names[one].append(name)
    shared: dict[tuple[str, ...], list[bytes]] = defaultdict(list)
    for one in sorted(names):
        shared[tuple(names[one])].append(one)
    return [
        {
            "checkpoints": list(those),
            "count": len(hashes),
            "hashes": base64.b64encode(b"".join(hashes)).decode(),
        }
        for those, hashes in sorted(shared.items())
    ]


def _unpacked(entries: Iterable[Mapping[str, Any]]) -> Hashes:
    found: set[bytes] = set()
    for entry in entries:
        try:
            packed = base64.b64decode(entry["hashes"], validate=True)
        except binascii.Error as exc:
            raise ValueError(f"hashes are no Base64: {exc}") from exc
        if len(packed) != _BYTES * entry["count"]:
            raise ValueError(f"{len(packed)} bytes of hashes for {entry['count']}")
        found |= {packed[i : i + _BYTES] for i in range(0, len(packed), _BYTES)}
    return frozenset(found)


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=_BYTES, key=FORMAT.encode()).digest()


def _plain(found: object) -> str:
    """Return a name as it compares: 0002, "2" and 2 are one song, "ANN " and "Ann" one artist."""
    # Composed only: what else makes signs alike would change hashes that lists hold already.
    composed = unicodedata.normalize("NFC", str(found)) if isinstance(found, str | int) else ""
    text = " ".join(composed.split()).casefold()
    return text.lstrip("0") or "0" if text.isdigit() else text
