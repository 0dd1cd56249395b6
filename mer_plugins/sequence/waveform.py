"""Raw waveform in half-second segments: the front end of networks that learn their own filters.

The last segment follows the same rule as in :mod:`mer_plugins.sequence.logmel`, so curves of both
front ends have the same times.

Letters: t segment, n sample in a segment.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mer_plugins.audio import too_short
from mer_plugins.curves import FloatArray
from mer_plugins.sequence.checks import check_above_zero, check_sizes, check_types


@dataclass(frozen=True)
class WaveformConfig:
    """Parameters of the front end.

    Parameters
    ----------
    sample_rate : int
        Hz.
    segment_s : float
        Seconds from the start of one segment to the start of the next; a whole number of samples.

    Raises
    ------
    ValueError
        If the rate is no whole number from 1 up, or a segment is not a whole number of samples.
    """

    sample_rate: int = 22_050
    segment_s: float = 0.5

    def __post_init__(self) -> None:
        check_types(self)
        check_sizes(self, "sample_rate")
        check_above_zero(self, "segment_s")
        samples = self.segment_s * self.sample_rate
        if round(samples) < 1 or abs(samples - round(samples)) > 1e-6:
            raise ValueError(
                f"segment_s is {self.segment_s!r}, which is {samples:g} samples at "
                f"{self.sample_rate} Hz: expected a whole number of samples"
            )

    @property
    def segment_length(self) -> int:
        """Samples in a segment."""
        return round(self.segment_s * self.sample_rate)

    @property
    def segment_shape(self) -> tuple[int, int]:
        """Shape of one segment: one row of samples."""
        return 1, self.segment_length

    @property
    def network_sizes(self) -> dict[str, int]:
        """Settings of a network that follow from these."""
        return {"samples": self.segment_length}

    def make(self) -> Waveform:
        """Make the analyser."""
        return Waveform(self)


class Waveform:
    """Waveform segments of a recording.

    Examples
    --------
    >>> Waveform(WaveformConfig())(np.zeros(22_050, dtype=np.float32)).shape
    (2, 1, 11025)
    """

    def __init__(self, config: WaveformConfig) -> None:
        self.config = config

    def __call__(self, samples: FloatArray) -> npt.NDArray[np.float32]:
        """Cut a recording, shape=(n,), into all its segments, shape=(t, 1, segment_length).

        Raises
        ------
        AudioError
            If the recording is shorter than one segment.
        """
        stream = self.open()
        return np.concatenate([stream.feed(samples), stream.finish()])

    def open(self) -> WaveformStream:
        """Begin a recording."""
        return WaveformStream(self)


class WaveformStream:
    """The segments of one recording as its samples arrive.

    What is left at the end and is shorter than a segment becomes one last segment flush with the
    end of the recording, so the model never hears padding in place of music.
    """

    def __init__(self, waveform: Waveform) -> None:
        self._config = waveform.config
        self._known = np.zeros(0, dtype=np.float32)
        self._next = 0
        self._n_samples = 0

    def feed(self, samples: FloatArray) -> npt.NDArray[np.float32]:
        """Take mono samples, shape=(n,); return the segments now complete, shape=(t, 1, n)."""
        length = self._config.segment_length
        self._n_samples += len(samples)
        self._known = np.concatenate([self._known, np.asarray(samples, dtype=np.float32)])
        end = self._next + (len(self._known) - self._next) // length * length
        # A copy, since the last segment of the recording may reach back into these samples.
        segments = self._known[self._next : end].reshape(-1, 1, length).copy()
        spare = max(0, end - length)
        self._known, self._next = self._known[spare:], end - spare
        return segments

    def finish(self) -> npt.NDArray[np.float32]:
        """End the recording; return its last segment, shape=(t, 1, n), t at most 1.

        Raises
        ------
        AudioError
            If the whole recording is shorter than one segment.
        """
        c = self._config
        if self._n_samples < c.segment_length:
            raise too_short(self._n_samples, c.sample_rate, c.segment_s)
        if self._next == len(self._known):
            return np.empty((0, *c.segment_shape), dtype=np.float32)
        return self._known[-c.segment_length :].reshape(1, *c.segment_shape).copy()
