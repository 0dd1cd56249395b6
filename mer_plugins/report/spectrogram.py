"""A recording as a small picture: mel bands over time, for a page."""

from __future__ import annotations

import base64
import io
import os
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer_plugins.audio import open_audio
from mer_plugins.curves import FloatArray
from mer_plugins.sequence.logmel import LogMel, LogMelConfig

CONFIG = LogMelConfig(
    sample_rate=22_050, n_fft=1_024, hop_length=512, n_mels=64, frames_per_segment=4
)
MOST_COLUMNS = 600
_RANGE_DB = 80.0
_COLOURS = 64


@dataclass(frozen=True)
class Spectrogram:
    """A picture of a recording.

    Parameters
    ----------
    uri : str
        The PNG as a ``data:`` URI; low frequencies at the bottom.
    duration_s : float
        Seconds that it spans, from 0 on.
    """

    uri: str
    duration_s: float


def spectrogram(path: str | os.PathLike[str]) -> Spectrogram:
    """Draw the mel spectrogram of a recording: 64 bands to 11 kHz, at most 600 columns, 80 dB.

    The recording is read in blocks, so a long one needs no more memory than its columns.

    Raises
    ------
    AudioError
        If the recording cannot be decoded, or is shorter than 0.1 s.
    """
    stream = LogMel(CONFIG).open()
    with open_audio(path, CONFIG.sample_rate) as reader:
        parts = [stream.feed(block) for block in reader.blocks()]
        duration_s = reader.duration_s
    parts.append(stream.finish())
    columns = np.concatenate([part.mean(axis=2) for part in parts])
    return Spectrogram(_png_uri(_shades(_reduced(columns))), duration_s)


def _reduced(columns: FloatArray) -> FloatArray:
    """Average neighbours until at most :data:`MOST_COLUMNS` are left, shape=(t, n_mels)."""
    edges = np.linspace(0, len(columns), min(len(columns), MOST_COLUMNS) + 1).astype(int)
    sums: FloatArray = np.add.reduceat(columns, edges[:-1], axis=0)
    return sums / np.diff(edges)[:, None]


def _shades(log_mel: FloatArray) -> npt.NDArray[np.uint8]:
    """Return one shade a band and column, low bands last, shape=(n_mels, t)."""
    span = _RANGE_DB / 10 * np.log(10)
    low = max(float(log_mel.max()) - span, float(np.log(CONFIG.floor)))
    shares = np.clip((log_mel - low) / span, 0, 1)
    return np.ascontiguousarray(np.round(shares * (_COLOURS - 1)).astype(np.uint8).T[::-1])


def _png_uri(shades: npt.NDArray[np.uint8]) -> str:
    from matplotlib import colormaps
    from PIL import Image

    picture = Image.fromarray(shades)
    palette = colormaps["magma"](np.linspace(0, 1, _COLOURS), bytes=True)[:, :3]
    picture.putpalette(palette.astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
