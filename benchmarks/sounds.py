"""Recordings for the benchmarks: the example collection, looped to any length, in blocks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from mer_plugins.atomic import replacing

SOURCE = Path(__file__).resolve().parents[1] / "examples" / "collection"
CACHE = Path(os.environ.get("MER_BENCH_FILES", Path(tempfile.gettempdir(), "mer-plugins-bench")))
RATE = 44_100
_BLOCK = 10 * RATE


def looped(seconds: float, kind: str, channels: int = 2) -> Path:
    """Return a FLAC or MP3 of that length, 44.1 kHz; made once and kept in :data:`CACHE`."""
    CACHE.mkdir(parents=True, exist_ok=True)
    path = CACHE / f"{seconds:g}s-{channels}.{kind}"
    if not path.exists():
        # libsndfile crashes on one large write of MP3: hence blocks.
        with replacing(path) as file:
            made = soundfile.SoundFile(file, "w", RATE, channels, format=kind.upper())
            with made:
                for block in blocks(round(seconds * RATE), channels):
                    made.write(block)
    return path


def blocks(samples: int, channels: int) -> Iterator[np.ndarray]:
    """Yield the collection's music again and again, shape=(n, channels), `samples` in all."""
    while True:
        for path in sorted(SOURCE.glob("*.ogg")):
            for block in soundfile.blocks(str(path), _BLOCK, dtype="float32", always_2d=True):
                part = block[:samples, :channels]
                yield part
                samples -= len(part)
                if not samples:
                    return


def copies(path: Path, count: int, folder: Path) -> list[Path]:
    """Return `count` names of a recording in a folder, as hard links."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [folder / f"{i}{path.suffix}" for i in range(count)]
    for name in names:
        if not name.exists():
            os.link(path, name)
    return names
