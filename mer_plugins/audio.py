"""Recordings: decode, mix and resample, whole or in blocks.

Conventions
-----------
Samples are float32, nominally in [-1, 1], shape=(n,) mono or (channels, n). Mono is the mean over
channels. Rates are in Hz, times and durations in seconds. A file gives the same samples, bit for
bit, whether it is read whole or in blocks of any size.

Files go to libsndfile first (WAV, FLAC, Ogg, MP3, AIFF, ...), and to FFmpeg where that cannot read
all of them (M4A, WMA, WebM, ...); soxr (quality HQ) changes the rate. All three are imported when
they are first used. A file that was cut short is refused unless the caller allows it: a curve of
half a song would pass for a curve of the song.
"""

from __future__ import annotations

import math
import operator
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType

import numpy as np

from mer_plugins import containers, mpeg
from mer_plugins.curves import FloatArray
from mer_plugins.decoders import Decoder, DecodingError, may_be_mpeg, mix, open_decoder
from mer_plugins.errors import AudioError

# fmt: off
AUDIO_SUFFIXES = frozenset({
    ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".flac",
    ".m4a", ".m4b", ".mka", ".mp1", ".mp2", ".mp3", ".mp4", ".mpga", ".oga", ".ogg", ".opus",
    ".rf64", ".snd", ".spx", ".tta", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma", ".wv",
})
# fmt: on
_MPEG_SUFFIXES = frozenset({".mp1", ".mp2", ".mp3", ".mpga"})
_MOST_CHANNELS = 1024


@dataclass(frozen=True, eq=False)
class Audio:
    """A recording in memory.

    Parameters
    ----------
    samples : np.ndarray, shape=(n,) or (channels, n)
        Floats, finite, nominally in [-1, 1]; converted to float32. At least one sample.
    sample_rate : int
        Samples per second, positive.

    Raises
    ------
    AudioError
        If `samples` are not as above (NaN and infinity are named with their second), or
        `sample_rate` is not a positive whole number.

    Examples
    --------
    >>> Audio(np.zeros((2, 22050)), 44100).duration_s
    0.5
    """

    samples: FloatArray
    sample_rate: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "sample_rate", _checked_rate(self.sample_rate))
        object.__setattr__(self, "samples", _checked_samples(self.samples, self.sample_rate))

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return float(self.samples.shape[-1] / self.sample_rate)

    def mono(self) -> Audio:
        """Return the mean over channels; a mono recording returns itself."""
        return self if self.samples.ndim == 1 else Audio(mix(self.samples), self.sample_rate)

    def resampled(self, sample_rate: int) -> Audio:
        """Return the recording at another rate (soxr, HQ); the same rate returns itself.

        Raises
        ------
        AudioError
            If `sample_rate` is not a positive whole number, or too low to leave one sample.
        """
        if _checked_rate(sample_rate) == self.sample_rate:
            return self
        import soxr

        resampled = soxr.resample(self.samples.T, self.sample_rate, sample_rate, quality="HQ")
        return Audio(np.ascontiguousarray(resampled.T), sample_rate)


class AudioReader:
    """A recording that is open for reading, as mono float32 at a wanted rate, in blocks.

    Made by :func:`open_audio`, or :func:`mer_plugins.pcm.open_pcm`; a context manager.

    Attributes
    ----------
    path : Path
        The file.
    sample_rate, native_rate : int
        Hz as delivered, and of the file.
    channels : int
        Of the file, before mixing.
    decoder : str
        Libraries and versions in use, for provenance: decoders differ in where an MP3 begins.
    frames_delivered : int
        Samples delivered so far, at `sample_rate`.
    """

    def __init__(
        self,
        path: Path,
        file: FileIO | None,
        decoder: Decoder,
        sample_rate: int,
        *,
        block_s: float,
        allow_truncated: bool,
    ) -> None:
        self.path, self.sample_rate = path, sample_rate
        self.native_rate, self.channels = decoder.sample_rate, decoder.channels
        self.decoder = decoder.name
        self.frames_delivered = 0
        self._native_frames = 0
        self._file, self._decoder = file, decoder
        self._block_frames = max(1, round(block_s * self.native_rate))
        self._allow_truncated = allow_truncated
        self._is_begun = False

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def duration_s(self) -> float:
        """Seconds of the recording decoded so far; all of them once the blocks have run out."""
        return self._native_frames / self.native_rate

    def close(self) -> None:
        """Close the file; also done at the end of a ``with`` block."""
        self._decoder.close()
        if self._file is not None:
            self._file.close()

    def blocks(self) -> Iterator[FloatArray]:
        """Yield the recording once, in blocks of mono float32, shape=(n,), n > 0.

        Raises
        ------
        AudioError
            If the file is damaged, cut short (unless allowed), holds NaN or infinity, or not a
            single sample; or if the blocks were asked for before.
        """
        if self._is_begun:
            raise AudioError(f"{self.path}: has been read already: open it again")
        self._is_begun = True
        for block in self._resampled():
            if len(block):
                # Samples near the largest float32 become infinite only when they are resampled.
                _require_finite(
                    block, self.sample_rate, self.frames_delivered, f"{self.path}: holds"
                )
                self.frames_delivered += len(block)
                yield block
        if not self.frames_delivered:
            raise AudioError(
                f"{self.path}: holds {self._native_frames} samples at {self.native_rate} Hz: "
                f"expected at least one at {self.sample_rate} Hz"
            )

    def _resampled(self) -> Iterator[FloatArray]:
        if self.sample_rate == self.native_rate:
            yield from self._checked()
            return
        import soxr

        stream = soxr.ResampleStream(self.native_rate, self.sample_rate, 1, quality="HQ")
        for block in self._checked():
            yield stream.resample_chunk(block)
        yield stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)

    def _checked(self) -> Iterator[FloatArray]:
        try:
            for block in self._decoder.blocks(self._block_frames):
                _require_finite(block, self.native_rate, self._native_frames, f"{self.path}: holds")
                self._native_frames += len(block)
                yield block
        except DecodingError as exc:
            if not self._allow_truncated:
                reason = f"decoding ends, or meets damage, after {self.duration_s:.2f} s ({exc})"
                raise _cut_short(self.path, reason) from exc
        self._require_all()

    def _require_all(self) -> None:
        declared = self._decoder.declared_frames
        if self._allow_truncated or declared is None:
            return
        if self._native_frames + self._decoder.slack_frames < declared:
            declared_s = declared / self.native_rate
            reason = f"{self.duration_s:.2f} of {declared_s:.2f} s are there"
            raise _cut_short(self.path, reason)


def open_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    *,
    block_s: float = 10.0,
    allow_truncated: bool = False,
) -> AudioReader:
    """Open a recording for reading in blocks.

    Parameters
    ----------
    path : str or path-like
        An audio file, or the sound of a video.
    sample_rate : int, optional
        Rate to deliver, in Hz; None leaves the recording's own.
    block_s : float
        Length of the blocks that are decoded, in seconds, positive. It bounds the memory in use
        and has no influence on the samples.
    allow_truncated : bool
        Take what is there of a file that was cut short.

    Raises
    ------
    AudioError
        If the file is missing, unreadable, empty, not audio, or was cut short; or an argument is
        out of its range.

    Examples
    --------
    >>> with open_audio("song.flac", 44100) as reader:  # doctest: +SKIP
    ...     for block in reader.blocks():
    ...         print(block.shape)
    """
    rate = None if sample_rate is None else _checked_rate(sample_rate)
    if not (math.isfinite(block_s) and block_s > 0):
        raise AudioError(f"block_s is {block_s}: expected a positive number of seconds")
    place = Path(path)
    file = _open_file(place)
    try:
        decoder = _open_decoder(place, file, allow_truncated=allow_truncated)
    except BaseException:
        file.close()
        raise
    return AudioReader(
        place,
        file,
        decoder,
        rate or decoder.sample_rate,
        block_s=block_s,
        allow_truncated=allow_truncated,
    )


def load_audio(
    path: str | os.PathLike[str],
    sample_rate: int | None = None,
    *,
    allow_truncated: bool = False,
) -> Audio:
    """Read a whole recording, as mono: the blocks of :func:`open_audio`, one after the other.

    Parameters and errors are those of :func:`open_audio` and :meth:`AudioReader.blocks`.
    """
    with open_audio(path, sample_rate, allow_truncated=allow_truncated) as reader:
        return Audio(np.concatenate(list(reader.blocks())), reader.sample_rate)


def _open_file(path: Path) -> FileIO:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise AudioError(f"{path}: is no regular file but a folder")
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(f"{path}: is no regular file")
        if not status.st_size:
            raise AudioError(f"{path}: is empty (0 bytes)")
        return FileIO(path)
    except FileNotFoundError as exc:
        raise AudioError(f"{path}: not found") from exc
    except (OSError, ValueError) as exc:
        raise AudioError(f"{path}: cannot be read ({_reason(exc)})") from exc


def _open_decoder(path: Path, file: FileIO, *, allow_truncated: bool) -> Decoder:
    try:
        claims_mpeg = path.suffix.lower() in _MPEG_SUFFIXES or may_be_mpeg(file)
        facts = mpeg.inspect(file) if claims_mpeg else None
        shortfall = facts.shortfall if facts else containers.shortfall(file)
        if shortfall and not allow_truncated:
            raise _cut_short(path, shortfall)
        return open_decoder(file, facts)
    except DecodingError as exc:
        what = "holds text," if _is_text(file) else "is"
        raise AudioError(f"{path}: {what} no audio that can be read ({exc})") from exc
    except OSError as exc:
        raise AudioError(f"{path}: cannot be read ({_reason(exc)})") from exc


def _is_text(file: FileIO) -> bool:
    head = containers.read_at(file, 0, 4096)
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head)


def _reason(exc: Exception) -> str:
    return str(getattr(exc, "strerror", None) or exc)


def _cut_short(path: Path, what: str) -> AudioError:
    return AudioError(
        f"{path}: is cut off: {what}; get it whole, or take what is there with "
        "--allow-truncated (in Python allow_truncated=True)"
    )


def too_short(n_samples: int, sample_rate: int, least_s: float) -> AudioError:
    """Return the error of a recording that is shorter than `least_s` seconds."""
    return AudioError(
        f"the recording is {n_samples / sample_rate:.3f} s long: at least {least_s:g} s are needed"
    )


def _checked_rate(sample_rate: int) -> int:
    try:
        rate = operator.index(sample_rate)
    except TypeError as exc:
        raise AudioError(f"sample_rate is {sample_rate!r}: expected a whole number of Hz") from exc
    if rate <= 0:
        raise AudioError(f"sample_rate is {rate}: expected a positive number of Hz")
    return rate


def _checked_samples(samples: FloatArray, sample_rate: int) -> FloatArray:
    array = np.asarray(samples)
    if array.dtype.kind != "f":
        raise AudioError(
            f"samples are {array.dtype}: expected floats in [-1, 1] (16-bit integers / 32768)"
        )
    if array.ndim not in (1, 2):
        raise AudioError(f"samples have shape {array.shape}: expected (n,) or (channels, n)")
    if array.ndim == 2 and len(array) > _MOST_CHANNELS:
        raise AudioError(f"samples have shape {array.shape}: expected (channels, n); transpose")
    if not array.size:
        raise AudioError("the recording holds no samples")
    with np.errstate(over="ignore"):
        array = array.astype(np.float32, copy=False)
    _require_finite(array, sample_rate, 0, "samples hold")
    return array


def _require_finite(samples: FloatArray, sample_rate: int, before: int, who_holds: str) -> None:
    finite = np.isfinite(samples)
    if finite.all():
        return
    first = int(np.argmin(finite.all(axis=tuple(range(samples.ndim - 1)))))
    second = (before + first) / sample_rate
    raise AudioError(f"{who_holds} NaN or infinity at {second:.3f} s: expected finite numbers")
