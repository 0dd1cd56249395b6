"""What an annotation depends on, as one hash: plugin, version, checkpoint, parameters and audio.

A track is done when its JAMS holds an annotation with today's fingerprint. Parameters that do not
alter the result, such as the device, are left out by the caller. The recording counts by its
content, so a moved or touched file stays done and a replaced one does not.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping

import numpy as np

from mer_plugins.contracts import ExtractorInfo
from mer_plugins.errors import AudioError, PluginError

_PIECE = 1 << 20


def audio_digest(path: str | os.PathLike[str]) -> str:
    """Return the BLAKE2b digest (16 bytes, as hex) of a file's content, read piece by piece.

    Raises
    ------
    AudioError
        If the file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                digest.update(piece)
    except OSError as exc:
        raise AudioError(f"{os.fspath(path)}: cannot be read ({exc.strerror})") from exc
    return digest.hexdigest()


def settings_digest(info: ExtractorInfo, parameters: Mapping[str, object]) -> str:
    """Return the SHA-256, as hex, of all that the result depends on except the recording.

    Raises
    ------
    PluginError
        If a parameter is of a kind whose text may change from run to run.
    """
    return _sha256(_settings(info, parameters))


def fingerprint(info: ExtractorInfo, parameters: Mapping[str, object], audio_digest: str) -> str:
    """Return the SHA-256, as hex, of all that the result depends on.

    Parameters
    ----------
    info : ExtractorInfo
        Its name, version and ``checkpoint_sha256`` count.
    parameters : mapping
        Those that alter the result, in any order: text, numbers, booleans, None, paths, and lists
        or mappings of these.
    audio_digest : str
        As :func:`audio_digest` gives it.

    Raises
    ------
    PluginError
        If a parameter is of a kind whose text may change from run to run.
    """
    return _sha256({**_settings(info, parameters), "audio": audio_digest})


def _settings(info: ExtractorInfo, parameters: Mapping[str, object]) -> dict[str, object]:
    return {
        "plugin": info.name,
        "version": info.version,
        "checkpoint_sha256": info.checkpoint_sha256,
        "parameters": {str(name): parameters[name] for name in parameters},
    }


def _sha256(content: dict[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise PluginError(
        f"a parameter is {value!r}: expected text, a number, a boolean, a path or a list of these"
    )
