"""Excerpts of recordings and of curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from mer_plugins.audio import AudioReader, open_audio
from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.datasets import DatasetError

# Starts are written in milliseconds; two of them a nanosecond apart are one.
_ROUNDING_S = 1e-9


@dataclass(frozen=True)
class Excerpt:
    """A part of a recording, written as mono FLAC of 24 bits at the recording's own rate.

    Parameters
    ----------
    recording : pathlib.Path
        The whole.
    start_s, length_s : float
        Of the part, in seconds.
    """

    recording: Path
    start_s: float
    length_s: float
    suffix: str = ".flac"
    path: None = None

    @property
    def origin(self) -> Mapping[str, Any]:
        """Name and size of the recording, and which part it is."""
        return {
            "file": self.recording.name,
            "bytes": self.recording.stat().st_size,
            "start_s": self.start_s,
            "length_s": self.length_s,
        }

    def duration_s(self) -> float:
        """Return the length of the part."""
        return self.length_s

    def write(self, file: BinaryIO) -> float:
        """Write the part; DatasetError if the recording ends before it does."""
        import soundfile

        with open_audio(self.recording) as reader:
            rate = reader.sample_rate
            wanted, frames = round(self.length_s * rate), 0
            with soundfile.SoundFile(file, "w", rate, 1, "PCM_24", format="FLAC") as written:
                for block in self._blocks(reader):
                    written.write(block)
                    frames += len(block)
        if frames < wanted:
            raise DatasetError(
                f"{self.recording}: holds {frames / rate:.2f} s from {self.start_s:g} s on: "
                f"expected {self.length_s:g} s"
            )
        return frames / rate

    def _blocks(self, reader: AudioReader) -> Iterator[FloatArray]:
        first = round(self.start_s * reader.sample_rate)
        last, begin = first + round(self.length_s * reader.sample_rate), 0
        for block in reader.blocks():
            part = block[max(first - begin, 0) : max(last - begin, 0)]
            begin += len(block)
            if len(part):
                yield part
            if begin >= last:
                return


def cut(curve: EmotionCurve, start_s: float, length_s: float) -> EmotionCurve:
    """Return the intervals that begin within a part, in the part's own time.

    Examples
    --------
    >>> whole = EmotionCurve(np.array([0.0, 0.5, 1.0]), np.zeros((3, 2)), 0.5)
    >>> cut(whole, 0.5, 0.5).times
    array([0.])
    """
    begins = curve.times - start_s
    within = (begins >= -_ROUNDING_S) & (begins < length_s - _ROUNDING_S)
    std = None if curve.std is None else curve.std[within]
    return EmotionCurve(np.maximum(begins[within], 0), curve.values[within], curve.hop_s, std)
