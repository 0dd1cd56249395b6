"""Write safetensors files: as a whole, and the same bytes for the same content."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from mer_plugins.atomic import replacing

# A file begins with the length of its header.
_LENGTH = struct.Struct("<Q")


def write_tensors(
    path: Path, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
) -> None:
    """Write arrays, and texts beside them; a reader never sees half of it.

    What has the same content has the same checksum, by which annotations know their weights.
    """
    in_memory = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    content = _in_order(save(in_memory, metadata=dict(metadata)))
    with replacing(path) as file:
        file.write(content)


def _in_order(content: bytes) -> bytes:
    """Return safetensors content with its header sorted; the library writes metadata at random."""
    end = _LENGTH.size + _LENGTH.unpack_from(content)[0]
    header = json.dumps(json.loads(content[_LENGTH.size : end]), sort_keys=True).encode()
    # The tensors begin at a multiple of eight bytes, as the format asks.
    header += b" " * (-len(header) % _LENGTH.size)
    return _LENGTH.pack(len(header)) + header + content[end:]
