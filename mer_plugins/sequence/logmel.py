"""Log-mel spectrogram in half-second segments: one code for training and extraction.

The frames equal ``librosa.feature.melspectrogram(center=True, pad_mode="constant")`` of the whole
recording with the same parameters, then ``log(S + floor)`` (paper, section 4.3). They are computed
segment by segment, so the result does not depend on how the samples arrive and memory does not
grow with the recording.

Letters: t segment, f mel band, n frame in a segment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from ducc0.fft import r2c

from mer_plugins.audio import too_short
from mer_plugins.curves import FloatArray
from mer_plugins.sequence.checks import check_above_zero, check_sizes, check_types

_LOG_STEP = np.log(6.4) / 27
# In float32, which takes two thirds of the time, a full-scale sine leaks rounding of up to 2e-9
# into empty bands: from this floor up it moves the logarithm by less than 1e-3.
_FLOAT32_FLOOR = 1e-5
# Bands multiplied at once: more waste zeros, fewer waste calls.
_BUNCH = 16


@dataclass(frozen=True)
class LogMelConfig:
    """Parameters of the front end; the defaults are the paper's (60 ms window, 10 ms hop).

    Parameters
    ----------
    sample_rate : int
        Hz.
    n_fft, hop_length : int
        Window and hop, in samples; a Hann window as long as the transform.
    n_mels : int
        Bands on Slaney's mel scale, from 0 Hz to half the sample rate, area-normalised.
    floor : float
        Added to the mel power before the natural logarithm.
    frames_per_segment : int
        Frames that make one segment, that is one value of the curve.

    Raises
    ------
    ValueError
        If a size is no whole number from 1 up, or the floor is no positive number.
    """

    sample_rate: int = 44_100
    n_fft: int = 2_646
    hop_length: int = 441
    n_mels: int = 128
    floor: float = 1e-6
    frames_per_segment: int = 50

    def __post_init__(self) -> None:
        check_types(self)
        check_sizes(self, "sample_rate", "n_fft", "hop_length", "n_mels", "frames_per_segment")
        check_above_zero(self, "floor")

    @property
    def segment_length(self) -> int:
        """Samples from the start of one segment to the start of the next."""
        return self.frames_per_segment * self.hop_length

    @property
    def segment_s(self) -> float:
        """Seconds from the start of one segment to the start of the next."""
        return self.segment_length / self.sample_rate

    @property
    def segment_shape(self) -> tuple[int, int]:
        """Mel bands and frames of one segment."""
        return self.n_mels, self.frames_per_segment

    @property
    def network_sizes(self) -> dict[str, int]:
        """Settings of a network that follow from these."""
        return {"n_mels": self.n_mels, "n_frames": self.frames_per_segment}

    def make(self) -> LogMel:
        """Make the analyser."""
        return LogMel(self)


def hz_to_mel(frequencies: FloatArray) -> FloatArray:
    """Convert Hz to Slaney's mel: linear below 1 kHz, logarithmic above (Auditory Toolbox)."""
    linear = frequencies * 3 / 200
    return np.where(
        frequencies < 1000, linear, 15 + np.log(np.maximum(frequencies, 1000) / 1000) / _LOG_STEP
    )


def mel_to_hz(mels: FloatArray) -> FloatArray:
    """Convert Slaney's mel to Hz; the inverse of :func:`hz_to_mel`."""
    return np.where(
        mels < 15, mels * 200 / 3, 1000 * np.exp(_LOG_STEP * (np.maximum(mels, 15) - 15))
    )


def mel_edges(config: LogMelConfig) -> FloatArray:
    """Return the edges of the mel bands in Hz, shape=(n_mels + 2,): band i peaks at edge i + 1."""
    nyquist = config.sample_rate / 2
    return mel_to_hz(np.linspace(0, float(hz_to_mel(np.array(nyquist))), config.n_mels + 2))


def mel_filters(config: LogMelConfig) -> FloatArray:
    """Return triangular mel filters of unit area, shape=(n_mels, n_fft // 2 + 1)."""
    bins = np.fft.rfftfreq(config.n_fft, 1 / config.sample_rate)
    edges = mel_edges(config)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * (2 / (edges[2:] - edges[:-2]))[:, None]


class LogMel:
    """Log-mel segments of a recording.

    Examples
    --------
    >>> LogMel(LogMelConfig())(np.zeros(44_100, dtype=np.float32)).shape
    (2, 128, 50)
    """

    def __init__(self, config: LogMelConfig) -> None:
        self.config = config

    @cached_property
    def _window(self) -> FloatArray:
        phase = 2 * np.pi * np.arange(self.config.n_fft) / self.config.n_fft
        window = 0.5 - 0.5 * np.cos(phase)
        # The transform works in the window's precision.
        return window.astype(np.float32 if self.config.floor >= _FLOAT32_FLOOR else np.float64)

    @cached_property
    def _filters(self) -> list[tuple[slice, slice, npt.NDArray[np.float32]]]:
        """Return bunches of neighbouring bands: which bands, the bins they cover, their weights.

        Most weights of a filter are zero; a bunch leaves out the bins that none of its bands has.
        """
        filters = mel_filters(self.config).astype(np.float32)
        bunches = []
        for first in range(0, len(filters), _BUNCH):
            bands = slice(first, first + _BUNCH)
            used = np.flatnonzero(filters[bands].any(axis=0))
            bins = slice(used[0], used[-1] + 1) if len(used) else slice(0)
            bunches.append((bands, bins, np.ascontiguousarray(filters[bands, bins])))
        return bunches

    @property
    def reach(self) -> int:
        """Samples that the frames of one segment touch."""
        c = self.config
        return (c.frames_per_segment - 1) * c.hop_length + c.n_fft

    def segment(self, samples: FloatArray) -> npt.NDArray[np.float32]:
        """Turn the `reach` samples of one segment into log-mel, shape=(n_mels, frames)."""
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.config.n_fft)
        spectrum = r2c(frames[:: self.config.hop_length] * self._window, axes=(1,))
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
        mel = np.empty((self.config.n_mels, len(power)), dtype=np.float32)
        for bands, bins, weights in self._filters:
            np.matmul(weights, power[:, bins].T, out=mel[bands])
        np.add(mel, np.float32(self.config.floor), out=mel)
        np.log(mel, out=mel)
        return mel

    def __call__(self, samples: FloatArray) -> npt.NDArray[np.float32]:
        """Compute all segments of a recording, shape=(t, n_mels, frames), from shape=(n,).

        Raises
        ------
        AudioError
            If the recording is shorter than one segment.
        """
        stream = self.open()
        return np.concatenate([stream.feed(samples), stream.finish()])

    def open(self) -> LogMelStream:
        """Begin a recording."""
        return LogMelStream(self)


class LogMelStream:
    """The segments of one recording as its samples arrive.

    A segment is complete once every sample that its frames touch is known. What is left at the end
    and is shorter than a segment becomes one last segment flush with the end of the recording, so
    the model never hears padding in place of music.
    """

    def __init__(self, log_mel: LogMel) -> None:
        self._log_mel = log_mel
        self._half = log_mel.config.n_fft // 2
        self._known = np.zeros(self._half, dtype=np.float32)
        self._next = 0
        self._n_samples = 0

    def feed(self, samples: FloatArray) -> npt.NDArray[np.float32]:
        """Take mono samples, shape=(n,); return the segments now complete, shape=(t, f, n)."""
        self._n_samples += len(samples)
        self._known = np.concatenate([self._known, np.asarray(samples, dtype=np.float32)])
        segments = self._take(lambda start: start + self._log_mel.reach <= len(self._known))
        # One segment of the past stays, since the last one may have to reach back into it.
        spare = max(0, self._next - self._log_mel.config.segment_length)
        self._known = self._known[spare:]
        self._next -= spare
        return self._stack(segments)

    def finish(self) -> npt.NDArray[np.float32]:
        """End the recording; return its last segments, shape=(t, f, n), t at most 2.

        Raises
        ------
        AudioError
            If the whole recording is shorter than one segment.
        """
        c = self._log_mel.config
        if self._n_samples < c.segment_length:
            raise too_short(self._n_samples, c.sample_rate, c.segment_s)
        end = len(self._known)
        self._known = np.concatenate([self._known, np.zeros(self._half, dtype=np.float32)])
        segments = self._take(lambda start: start + self._half + c.segment_length <= end)
        if self._next + self._half < end:
            segments.append(self._at(end - self._half - c.segment_length))
        return self._stack(segments)

    def _take(self, complete: Callable[[int], bool]) -> list[npt.NDArray[np.float32]]:
        segments = []
        while complete(self._next):
            segments.append(self._at(self._next))
            self._next += self._log_mel.config.segment_length
        return segments

    def _at(self, start: int) -> npt.NDArray[np.float32]:
        return self._log_mel.segment(self._known[start : start + self._log_mel.reach])

    def _stack(self, segments: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        c = self._log_mel.config
        empty = np.empty((0, c.n_mels, c.frames_per_segment), dtype=np.float32)
        return np.stack(segments) if segments else empty
