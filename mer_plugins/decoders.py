"""The two decoders: libsndfile (through soundfile) first, FFmpeg (through PyAV) for the rest.

Conventions
-----------
A decoder yields mono float32 blocks, shape=(n,), at the file's own rate: the mean over its
channels. Whatever the block size, the samples are the same. It raises :class:`DecodingError` where
it cannot go on, after all that it could decode has been yielded.

soundfile and PyAV are imported when the first file is opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from io import FileIO
from itertools import chain
from typing import Any, Protocol

import numpy as np

from mer_plugins.containers import read_at
from mer_plugins.curves import FloatArray
from mer_plugins.mpeg import MpegFacts

_MOST_SAMPLES = 1 << 24  # in one read, all channels together: 64 MiB of float32
# PyAV counts planes up to an empty one, and FFmpeg has places for eight: where all are taken, it
# goes on into whatever memory follows.
_MOST_PLANES = 7
# FFmpeg gives every file a duration; these declare one, for others it is guessed by the bit rate.
_FORMATS_WITH_DURATION = frozenset(
    {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "asf", "ape", "wv", "tta", "caf", "flac"}
)


class DecodingError(Exception):
    """A decoder cannot open a file, or cannot go on; the text is the reason alone."""


class Decoder(Protocol):
    """An open recording.

    Attributes
    ----------
    name : str
        Libraries and versions, for provenance.
    sample_rate, channels : int
        Of the recording.
    declared_frames : int or None
        Samples a channel that the recording declares; None where it declares none.
    slack_frames : int
        How many of them an ordinary, complete file may lack.
    """

    name: str
    sample_rate: int
    channels: int
    declared_frames: int | None
    slack_frames: int

    def blocks(self, frames: int) -> Iterator[FloatArray]:
        """Yield mono blocks of about `frames` samples, shape=(n,), once."""
        ...

    def close(self) -> None:
        """Release the decoder; the file stays open."""
        ...


def mix(channels: FloatArray) -> FloatArray:
    """Return the mean over channels, shape=(channels, n) -> (n,), as a new float32 array.

    Channels are added one by one, so that no sample depends on the block that it stands in; it is
    also ten times as fast as ``mean(axis=0)``.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        mono = np.array(channels[0], dtype=np.float32)
        for channel in channels[1:]:
            mono += channel
        mono /= len(channels)
    return mono


def may_be_mpeg(file: FileIO) -> bool:
    """Whether the first bytes are those of a bare MPEG file (UTF-16 text has them, too)."""
    head = read_at(file, 0, 3)
    return head == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0)


def open_decoder(file: FileIO, facts: MpegFacts | None) -> Decoder:
    """Open a recording with the first decoder that can read all of it.

    Parameters
    ----------
    file : unbuffered binary file
        It must stay open as long as the decoder is in use.
    facts : MpegFacts or None
        What is known of a bare MPEG file; None says that the file is not one.

    Raises
    ------
    DecodingError
        If neither can; the reason is that of both.
    """
    try:
        return _SoundfileDecoder(file, facts)
    except DecodingError as exc:
        reason = exc
    try:
        return _FFmpegDecoder(file, facts)
    except DecodingError as exc:
        raise DecodingError(f"libsndfile: {reason}; FFmpeg: {exc}") from exc


class _SoundfileDecoder:
    def __init__(self, file: FileIO, facts: MpegFacts | None) -> None:
        import soundfile

        # libmpg123 talks on stderr about whatever is not sound MPEG; FFmpeg keeps quiet.
        if facts is None and may_be_mpeg(file):
            raise DecodingError("not MPEG audio")
        if facts is not None and not facts.is_plain:
            raise DecodingError("MPEG audio that was cut, joined or damaged")
        self._sound = sound = _open_soundfile(file)
        self.name = (
            f"soundfile {soundfile.__version__} / libsndfile-{soundfile.__libsndfile_version__}"
        )
        self.sample_rate, self.channels = int(sound.samplerate), int(sound.channels)
        is_exact = not sound.subtype.startswith("MPEG") and sound.frames < 2**62
        self.declared_frames = int(sound.frames) if is_exact else None
        self.slack_frames = self.sample_rate // 20
        self._refuse_to_stop_early(facts)

    def _refuse_to_stop_early(self, facts: MpegFacts | None) -> None:
        # libsndfile guesses the length of MPEG without an info frame by the bit rate at its start,
        # and takes a WAV with a data size of 0, as some pipes leave it, for an empty one.
        frames = int(self._sound.frames)
        if frames == 0 or (facts is not None and facts.outlasts(frames)):
            self.close()
            raise DecodingError(f"would stop after {frames} samples")

    def blocks(self, frames: int) -> Iterator[FloatArray]:
        """Yield mono blocks; see :class:`Decoder`."""
        rows = max(1, min(frames, _MOST_SAMPLES // self.channels))
        buffer = np.empty((rows, self.channels), dtype=np.float32)
        position, failure = 0, None
        while failure is None:
            count, failure = self._read(buffer, position)
            if count:
                yield mix(buffer[:count].T)
            elif failure is None:
                return
            position += count
        raise DecodingError(_sndfile_reason(failure)) from failure

    def _read(self, buffer: FloatArray, position: int) -> tuple[int, Exception | None]:
        import soundfile

        try:
            return len(self._sound.read(out=buffer)), None
        except soundfile.SoundFileError as exc:
            # What came before the damage is in the buffer all the same.
            return self._sound.tell() - position, exc

    def close(self) -> None:
        """Release the decoder."""
        self._sound.close()


def _open_soundfile(file: FileIO) -> Any:
    import soundfile

    class Sequential(soundfile.SoundFile):  # type: ignore[misc]
        """Reads on without soundfile's seek after every block, which upsets MPEG decoding."""

        def seekable(self) -> bool:
            return False

    file.seek(0)
    # A descriptor has no name, so that libsndfile does not judge by the suffix, and no callback,
    # which would swallow an interrupt. On Windows it belongs to another C library.
    source = file.fileno() if os.name == "posix" else file
    try:
        return Sequential(source, closefd=False)
    except (soundfile.SoundFileError, TypeError) as exc:
        raise DecodingError(_sndfile_reason(exc)) from exc


def _sndfile_reason(exc: Exception) -> str:
    text = str(getattr(exc, "error_string", exc)).removeprefix("Error : ").strip().rstrip(".")
    return text or f"error {getattr(exc, 'code', 'unknown')}"


class _Nameless:
    """A file without a name, so that FFmpeg judges by content and not by the suffix."""

    def __init__(self, file: FileIO) -> None:
        self.read, self.tell, self._seek = file.read, file.tell, file.seek

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Seek as a file does; a place before its start is an error of FFmpeg's kind, not ours."""
        try:
            return self._seek(offset, whence)
        except (OSError, OverflowError):
            # PyAV prints the traceback of whatever is raised here.
            return -errno.EINVAL


class _FFmpegDecoder:
    def __init__(self, file: FileIO, facts: MpegFacts | None) -> None:
        import av

        self._is_mpeg, self._failure = facts is not None, ""
        self._container = _open_ffmpeg(file)
        try:
            self._frames = self._decoded(self._audio_stream())
            self._first = self._first_frame()
        except DecodingError:
            self.close()
            raise
        self.sample_rate, self.channels = self._first[0], len(self._first[1])
        codec = ".".join(map(str, av.library_versions["libavcodec"]))
        self.name = f"PyAV {av.__version__} / FFmpeg libavcodec-{codec}"
        self.declared_frames = self._declared()
        self.slack_frames = max(self.sample_rate, (self.declared_frames or 0) // 20)

    def _audio_stream(self) -> Any:
        # FFmpeg takes many a rubbish for MP3; the walk over its frames knows better.
        if self._container.format.name == "mp3" and not self._is_mpeg:
            raise DecodingError("not MPEG audio")
        if not self._container.streams.audio:
            raise DecodingError("holds no sound")
        return self._container.streams.audio[0]

    def _first_frame(self) -> tuple[int, FloatArray]:
        first = next(self._frames, None)
        if first is None or first[0] <= 0:
            raise DecodingError(self._failure or "holds no sound")
        return first

    def _decoded(self, stream: Any) -> Iterator[tuple[int, FloatArray]]:
        """Yield rate and samples, shape=(channels, n); where decoding fails, note why and end."""
        import av

        convert = _PlanarFloat()
        try:
            for packet in self._container.demux(stream):
                yield from map(convert, self._frames_of(packet))
        except (av.error.FFmpegError, OSError, ValueError) as exc:
            self._failure = _ffmpeg_reason(exc)

    def _frames_of(self, packet: Any) -> list[Any]:
        import av

        try:
            return list(packet.decode())
        except av.error.InvalidDataError:
            # Tags and rubbish between MPEG frames are no damage.
            if self._is_mpeg:
                return []
            raise

    def _declared(self) -> int | None:
        container, stream = self._container, self._container.streams.audio[0]
        if container.format.name not in _FORMATS_WITH_DURATION:
            return None
        if stream.duration is not None:
            return int(stream.duration * stream.time_base * self.sample_rate)
        # The duration of all streams is that of the audio where there is no other stream.
        is_alone = container.duration is not None and len(container.streams) == 1
        return container.duration * self.sample_rate // 1_000_000 if is_alone else None

    def blocks(self, frames: int) -> Iterator[FloatArray]:
        """Yield mono blocks; see :class:`Decoder`."""
        parts: list[FloatArray] = []
        for part in self._mono():
            parts.append(part)
            if sum(map(len, parts)) >= frames:
                yield np.concatenate(parts)
                parts = []
        if parts:
            yield np.concatenate(parts)
        if self._failure:
            raise DecodingError(self._failure)

    def _mono(self) -> Iterator[FloatArray]:
        for sample_rate, channels in chain([self._first], self._frames):
            if sample_rate != self.sample_rate:
                change = f"from {self.sample_rate} to {sample_rate} Hz"
                self._failure = f"the sample rate changes {change}"
                return
            yield mix(channels)

    def close(self) -> None:
        """Release the decoder."""
        self._container.close()


class _PlanarFloat:
    """Converts decoded frames of any sample format to float32, shape=(channels, n)."""

    def __init__(self) -> None:
        self._setup: tuple[str, str, int] | None = None
        self._resampler: Any = None

    def __call__(self, frame: Any) -> tuple[int, FloatArray]:
        import av

        setup = (frame.format.name, frame.layout.name, frame.sample_rate)
        channels = int(frame.layout.nb_channels)
        is_planar = channels <= _MOST_PLANES
        if setup != self._setup:
            chosen = "fltp" if is_planar else "flt"
            self._setup, self._resampler = setup, av.AudioResampler(format=chosen)
        parts = [part.to_ndarray() for part in self._resampler.resample(frame)]
        if not is_planar:
            parts = [part.reshape(-1, channels).T for part in parts]
        return int(frame.sample_rate), np.concatenate(parts, axis=1)


def _open_ffmpeg(file: FileIO) -> Any:
    import av

    file.seek(0)
    try:
        # A play list in disguise must not make FFmpeg open other files or addresses.
        return av.open(
            _Nameless(file), options={"protocol_whitelist": ""}, metadata_errors="replace"
        )
    except (av.error.FFmpegError, ValueError) as exc:
        raise DecodingError(_ffmpeg_reason(exc)) from exc


def _ffmpeg_reason(exc: Exception) -> str:
    return str(getattr(exc, "strerror", None) or exc)
