"""Lossy copies of recordings, for augmentation and for measuring robustness."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from mer_plugins.audio import load_audio

Samples = npt.NDArray[np.float32]

_BLOCK = 65_536


def reencoded(samples: Samples, sample_rate: int, bit_rate: int) -> Samples:
    """Return mono samples as they come back from an MP3 of that bit rate.

    Parameters
    ----------
    samples : np.ndarray, shape=(n,)
        In [-1, 1]; beyond, MP3's own clipping applies.
    sample_rate : int
        Hz; one that MP3 knows (8,000 to 48,000).
    bit_rate : int
        Bit/s, constant.

    Returns
    -------
    np.ndarray, shape=(n,)
        As long as the input and in step with it: the encoder's delay is taken off, and what its
        last frame lacks is silence.

    Raises
    ------
    ValueError
        If LAME knows no such rate.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy.mp3"
        try:
            _write_mp3(samples, sample_rate, bit_rate, path)
        except av.FFmpegError as exc:
            raise ValueError(
                f"no MP3 at {sample_rate} Hz and {bit_rate} bit/s: expected rates that MP3 knows"
            ) from exc
        decoded = load_audio(path, sample_rate).samples
    return np.pad(decoded, (0, max(0, len(samples) - len(decoded))))[: len(samples)]


def _write_mp3(samples: Samples, sample_rate: int, bit_rate: int, path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libmp3lame", rate=sample_rate)
        stream.bit_rate = bit_rate
        stream.layout = "mono"
        stream.format = "fltp"
        for start in range(0, len(samples), _BLOCK):
            block = np.ascontiguousarray(samples[None, start : start + _BLOCK], dtype=np.float32)
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = sample_rate, start
            frame.time_base = Fraction(1, sample_rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
