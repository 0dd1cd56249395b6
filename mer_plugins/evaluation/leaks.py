"""Which recordings a checkpoint was trained on, so that nobody is tested on what was taught.

Beside ``model.safetensors`` may lie ``model.trained_on.json``: a JSON list of the SHA-256, as hex,
of each training recording's bytes. Without that file nothing is known, and nothing is claimed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from mer_plugins.errors import AudioError, CheckpointError

_PIECE = 1 << 20
_SUFFIX = ".trained_on.json"


def trained_on(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """Make the list for recordings: the SHA-256 of each file's bytes, as hex, sorted, once each.

    Raises
    ------
    AudioError
        If a file cannot be read.
    """
    return sorted({_sha256(path) for path in paths})


def list_beside(checkpoint: str | os.PathLike[str]) -> Path:
    """Return where the list of a checkpoint lies: ``<checkpoint stem>.trained_on.json``."""
    path = Path(checkpoint)
    return path.with_name(path.stem + _SUFFIX)


def read_list(checkpoint: str | os.PathLike[str]) -> frozenset[str] | None:
    """Read the list beside a checkpoint; None if there is none.

    Raises
    ------
    CheckpointError
        If the list is there and is not a JSON list of texts.
    """
    path = list_beside(checkpoint)
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise CheckpointError(f"{path}: cannot be read ({' '.join(str(exc).split())})") from exc
    if not (isinstance(found, list) and all(isinstance(text, str) for text in found)):
        raise CheckpointError(f"{path}: expected a JSON list of SHA-256 sums, as trained_on makes")
    return frozenset(text.lower() for text in found)


def count_taught(checkpoint: str, recordings: Iterable[Path]) -> int | None:
    """Count the recordings a checkpoint was trained on; None if that is not known.

    Raises
    ------
    CheckpointError, AudioError
        As :func:`read_list` and :func:`trained_on`.
    """
    taught = read_list(checkpoint) if checkpoint else None
    if taught is None:
        return None
    return sum(_sha256(path) in taught for path in recordings)


def _sha256(path: str | os.PathLike[str]) -> str:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as exc:
        raise AudioError(f"{os.fspath(path)}: cannot be read ({exc.strerror})") from exc
    return digest.hexdigest()
