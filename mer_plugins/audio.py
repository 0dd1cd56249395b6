"""Recordings as mono float32 samples: decode, mix, resample; whole or in blocks.

libsndfile (soundfile) reads WAV, FLAC, Ogg, MP3, AIFF and more; FFmpeg (PyAV) reads what it cannot:
AAC in m4a, WMA, Opus in WebM. Decoders differ by some milliseconds in where an MP3 begins, so the
one that was used is part of a result's provenance. Channels are mixed to their mean; soxr (HQ)
changes the rate while the blocks pass, so memory does not grow with the recording.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mer_plugins.containers import find_truncation, mp3_declares_length
from mer_plugins.curves import FloatArray
from mer_plugins.errors import AudioError

Samples = npt.NDArray[np.float32]

# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus",
    ".mp3", ".mp2", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
    ".m4a", ".mp4", ".aac", ".wma", ".webm", ".mka", ".ape", ".wv",
    ".tta", ".ac3",
})
# fmt: on

# Encoders pad and trim; less than this is no loss of music.
_TOLERANCE_S = 0.25
_MAX_CHANNELS = 64
_PLAUSIBLE_FRAMES = 1 << 48
# Streams without a container, whose length FFmpeg guesses from the bit rate.
_BARE_STREAMS = frozenset({"aac", "ac3", "eac3", "mp3", "loas", "dts"})


@dataclass(frozen=True, eq=False)
class Audio:
    """Samples of a recording.

    Parameters
    ----------
    samples : np.ndarray, shape=(n,) or (channels, n)
        Full scale is [-1, 1]; any float type, kept as float32. At least one sample, all finite.
    sample_rate : int
        Hz.

    Raises
    ------
    AudioError
        If the samples are of another shape or type, none or not finite, or the rate not positive.
    """

    samples: FloatArray
    sample_rate: int

    def __post_init__(self) -> None:
        samples = np.asarray(self.samples)
        if samples.ndim not in (1, 2) or samples.dtype.kind != "f":
            raise AudioError(
                f"samples are {samples.dtype} of shape {samples.shape}: "
                "expected floats of shape (n,) or (channels, n)"
            )
        if not samples.size:
            raise AudioError("the recording holds no samples")
        if self.sample_rate <= 0:
            raise AudioError(f"sample rate is {self.sample_rate}: expected a positive number of Hz")
        _check_finite(samples, 0, self.sample_rate)
        object.__setattr__(self, "samples", samples.astype(np.float32, copy=False))

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[-1] / self.sample_rate)

    def mono(self) -> Audio:
        """Mix to the mean of the channels."""
        if self.samples.ndim == 1:
            return self
        return Audio(self.samples.mean(axis=0, dtype=np.float32), self.sample_rate)

    def resampled(self, sample_rate: int) -> Audio:
        """Change the rate (soxr HQ); each channel on its own."""
        if sample_rate == self.sample_rate:
            return self
        import soxr

        samples = soxr.resample(self.samples.T, self.sample_rate, sample_rate, quality="HQ").T
        return Audio(samples, sample_rate)


class _Decoder(Protocol):
    """One open file: facts and blocks of shape (n, channels)."""

    name: str
    rate: int
    channels: int
    declared_s: float | None

    def blocks(self, block_s: float) -> Iterator[Samples]: ...
    def close(self) -> None: ...


class AudioReader:
    """A recording open for reading; made by :func:`open_audio`, used in a ``with`` statement.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    sample_rate, native_rate, channels : int
        Rate that is delivered and rate of the file, in Hz; channels of the file.
    decoder : str
        Library and version, for provenance.
    duration_s : float
        Seconds decoded so far.
    """

    def __init__(
        self,
        path: Path,
        decoder: _Decoder,
        sample_rate: int | None,
        block_s: float,
        allow_truncated: bool,
    ) -> None:
        self.path, self.decoder = path, decoder.name
        self.native_rate, self.channels = decoder.rate, decoder.channels
        self.sample_rate = sample_rate or decoder.rate
        self._decoder, self._block_s, self._allow_truncated = decoder, block_s, allow_truncated
        self._frames = 0

    @property
    def duration_s(self) -> float:
        """Seconds decoded so far."""
        return self._frames / self.native_rate

    def blocks(self) -> Iterator[Samples]:
        """Yield mono samples at `sample_rate`, shape=(n,), once.

        Raises
        ------
        AudioError
            If a block cannot be decoded or holds NaN, there is no sound at all, or less than the
            file declares.
        """
        try:
            yield from self._resampled(self._mono())
        except AudioError as exc:
            raise AudioError(f"{self.path}: {exc}") from exc

    def _mono(self) -> Iterator[Samples]:
        for block in self._decoder.blocks(self._block_s):
            _check_finite(block.T, self._frames, self.native_rate)
            self._frames += len(block)
            yield block[:, 0] if self.channels == 1 else block.mean(axis=1, dtype=np.float32)
        if not self._frames:
            raise AudioError("holds no sound")
        declared_s = self._decoder.declared_s
        if declared_s and not self._allow_truncated and declared_s - self.duration_s > _TOLERANCE_S:
            found = f"{self.duration_s:.1f} of {declared_s:.1f} s are there"
            raise _truncated(found)

    def _resampled(self, blocks: Iterator[Samples]) -> Iterator[Samples]:
        if self.sample_rate == self.native_rate:
            yield from blocks
            return
        import soxr

        stream = soxr.ResampleStream(
            self.native_rate, self.sample_rate, 1, dtype="float32", quality="HQ"
        )
        for block in blocks:
            if len(out := stream.resample_chunk(block)):
                yield out
        if len(out := stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)):
            yield out

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._decoder.close()


def open_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    *,
    block_s: float = 10.0,
    allow_truncated: bool = False,
) -> AudioReader:
    """Open a recording to read it as mono blocks.

    Parameters
    ----------
    path : str or os.PathLike
        A sound file of any kind libsndfile or FFmpeg reads.
    sample_rate : int, optional
        Rate to deliver, in Hz; by default the file's.
    block_s : float
        Length of a block, in seconds; it does not alter the samples.
    allow_truncated : bool
        Whether to take what is there of a file that is cut off.

    Raises
    ------
    AudioError
        In one line: missing, empty, not readable, not audio, or cut off.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise AudioError(f"{path}: {'is no regular file' if path.exists() else 'not found'}")
        if path.stat().st_size == 0:
            raise AudioError(f"{path}: is empty (0 bytes)")
        missing = None if allow_truncated else find_truncation(path)
    except OSError as exc:
        raise AudioError(f"{path}: cannot be read ({exc.strerror})") from exc
    if missing:
        raise AudioError(f"{path}: {_truncated(missing)}")
    return AudioReader(path, _decoder(path), sample_rate, block_s, allow_truncated)


def load_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    *,
    allow_truncated: bool = False,
) -> Audio:
    """Read a whole recording as mono; parameters and errors as :func:`open_audio`."""
    with open_audio(path, sample_rate, allow_truncated=allow_truncated) as reader:
        return Audio(np.concatenate(list(reader.blocks())), reader.sample_rate)


class _SoundFile:
    """A file that libsndfile reads."""

    def __init__(self, path: Path) -> None:
        import soundfile

        with _quiet():
            self._file = soundfile.SoundFile(path)
        self._error = soundfile.SoundFileError
        self.name = f"soundfile {soundfile.__version__} / {soundfile.__libsndfile_version__}"
        self.rate, self.channels = self._file.samplerate, self._file.channels
        if self._file.frames >= _PLAUSIBLE_FRAMES:
            # libsndfile cannot read FLAC streams that do not say how long they are.
            self._file.close()
            raise ValueError("it does not say how long it is")
        # libsndfile guesses the length of an MP3 that does not declare it.
        is_guess = self._file.format == "MP3" and not mp3_declares_length(path)
        self.declared_s = None if is_guess else self._file.frames / self.rate

    def blocks(self, block_s: float) -> Iterator[Samples]:
        size = max(1, round(block_s * self.rate))
        buffer = np.empty((size, self.channels), dtype=np.float32)
        while True:
            try:
                with _quiet():
                    count = self._file.buffer_read_into(buffer, dtype="float32")
            except (self._error, RuntimeError) as exc:
                raise AudioError(f"cannot be decoded ({_one_line(exc)})") from exc
            if not count:
                return
            yield buffer[:count].copy()

    def close(self) -> None:
        with _quiet():
            self._file.close()


class _AvFile:
    """A file that FFmpeg reads."""

    def __init__(self, path: Path) -> None:
        import av

        self._errors = (av.FFmpegError, ValueError)
        av.logging.set_level(av.logging.PANIC)
        self._container = av.open(str(path), metadata_errors="ignore")
        if not self._container.streams.audio:
            self._container.close()
            raise ValueError("it holds no sound")
        self._stream = self._container.streams.audio[0]
        library = ".".join(map(str, av.library_versions["libavcodec"]))
        self.name = f"PyAV {av.__version__} / libavcodec {library}"
        self.rate, self.channels = int(self._stream.rate), int(self._stream.channels)
        self.declared_s = self._declared_s()

    def _declared_s(self) -> float | None:
        if self._container.format.name in _BARE_STREAMS:
            return None
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        duration = self._container.duration
        return duration / 1e6 if duration else None

    def blocks(self, block_s: float) -> Iterator[Samples]:
        import av

        resampler = av.AudioResampler(format="flt", layout=self._stream.layout, rate=self.rate)
        try:
            for frame in self._container.decode(self._stream):
                yield from map(self._samples, resampler.resample(frame))
            yield from map(self._samples, resampler.resample(None))
        except self._errors as exc:
            raise AudioError(f"cannot be decoded ({_one_line(exc)})") from exc

    def _samples(self, frame: Any) -> Samples:
        samples: Samples = frame.to_ndarray().reshape(-1, self.channels)
        return samples

    def close(self) -> None:
        self._container.close()


def _decoder(path: Path) -> _Decoder:
    """Open by libsndfile, or else by FFmpeg; AudioError tells what both found."""
    import soundfile

    try:
        decoder: _Decoder = _SoundFile(path)
    except (soundfile.SoundFileError, RuntimeError, OSError, ValueError) as exc:
        decoder = _av_decoder(path, exc)
    if not 1 <= decoder.channels <= _MAX_CHANNELS or decoder.rate <= 0:
        decoder.close()
        raise AudioError(
            f"{path}: {decoder.channels} channels at {decoder.rate} Hz: "
            f"expected 1 to {_MAX_CHANNELS} channels"
        )
    return decoder


def _av_decoder(path: Path, first: Exception) -> _Decoder:
    import av

    # Text is no sound, but FFmpeg reads some of it as raw samples or as a list of frames.
    try:
        with path.open("rb") as file:
            head = file.read(4096)
        if _is_text(head):
            raise AudioError(f"{path}: holds text, no audio that can be read")
        return _AvFile(path)
    except (av.FFmpegError, ValueError, OSError) as exc:
        raise AudioError(f"{path}: is no audio that can be read ({_one_line(exc)})") from first


def _is_text(head: bytes) -> bool:
    printable = set(range(32, 127)) | {9, 10, 12, 13}
    return bool(head) and all(byte in printable or byte >= 0xA0 for byte in head)


def _check_finite(samples: FloatArray, offset: int, rate: int) -> None:
    finite = np.isfinite(samples).reshape(-1, samples.shape[-1]).all(axis=0)
    if not finite.all():
        at = (offset + int(np.argmin(finite))) / rate
        raise AudioError(f"holds NaN or infinity at {at:.3f} s: repair or convert it")


def _truncated(missing: str) -> AudioError:
    return AudioError(
        f"is cut off: {missing}; get it whole, or take what is there with --allow-truncated"
    )


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep libmpg123's warnings, which it prints past Python, off people's terminal."""
    sys.stderr.flush()
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
