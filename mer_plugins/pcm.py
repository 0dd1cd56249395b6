"""Sound that comes through a pipe: raw PCM, or WAV whose end nobody knows yet.

A pipe cannot be sought in, which both decoders of files need, and it must be read as soon as there
is something in it. The samples are those that libsndfile finds in a WAV file of the same content,
bit for bit.

Sources: RIFF and RF64 (EBU Tech 3306); sizes as ffmpeg, sox and arecord write them into pipes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from mer_plugins.audio import AudioReader
from mer_plugins.curves import FloatArray
from mer_plugins.decoders import mix
from mer_plugins.errors import AudioError

NAME = "standard input"
# Programs that write into a pipe do not know the size and enter the largest they can think of.
_ENDLESS = 0x7FFF0000
_MAGIC = (b"RIFF", b"RF64")
_EXTENSIBLE = 0xFFFE


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes | None:
        """Return up to `size` bytes, as soon as there are any; none only at the end."""
        ...


@dataclass(frozen=True)
class PcmFormat:
    """How samples stand in a stream of bytes.

    Parameters
    ----------
    sample_rate, channels : int
        Hz, and channels, interleaved; positive.
    encoding : str
        ``u8``, or ``s16le``, ``s24le``, ``s32le``, ``f32le``, ``f64le`` as FFmpeg names them.
    """

    sample_rate: int
    channels: int = 1
    encoding: str = "s16le"


def open_pcm(
    source: Readable, sample_rate: int | None, raw: PcmFormat | None = None, *, block_s: float
) -> AudioReader:
    """Open a stream of bytes for reading in blocks, each as soon as it has come.

    A stream that ends early is heard as far as it goes: nobody can tell.

    Parameters
    ----------
    source : Readable
        Unbuffered, so that what has come is heard at once. It stays open.
    sample_rate : int, optional
        Rate to deliver, in Hz; None leaves the stream's own.
    raw : PcmFormat, optional
        Of a stream without a WAV header; a header, where there is one, goes before it.
    block_s : float
        Longest block, in seconds, positive.

    Raises
    ------
    AudioError
        As :class:`PcmDecoder`.
    """
    decoder = PcmDecoder(source, raw)
    rate = sample_rate or decoder.sample_rate
    return AudioReader(Path(NAME), None, decoder, rate, block_s=block_s, allow_truncated=True)


class PcmDecoder:
    """A :class:`mer_plugins.decoders.Decoder` of a pipe.

    Parameters
    ----------
    source : Readable
        Unbuffered, so that what has come is heard at once.
    raw : PcmFormat, optional
        Of a stream without a header. A WAV header, where there is one, goes before it.

    Raises
    ------
    AudioError
        If the stream has no WAV header and `raw` is not given; or a header that is cut off or of
        a kind of samples that is not known here.
    """

    declared_frames: int | None = None
    slack_frames = 0

    def __init__(self, source: Readable, raw: PcmFormat | None = None) -> None:
        self._source = source
        self._ahead, self._left = b"", float("inf")
        head = self._exactly(12)
        if head[:4] in _MAGIC and head[8:] == b"WAVE":
            self.format = self._wav_format()
        elif raw is not None:
            self._ahead, self.format = head, raw
        else:
            raise AudioError(_headless(head))
        self.name = f"PCM {self.format.encoding}"
        self.sample_rate, self.channels = self.format.sample_rate, self.format.channels

    def blocks(self, frames: int) -> Iterator[FloatArray]:
        """Yield what has come, at most `frames` samples at a time, as mono, shape=(n,)."""
        width, decode = _ENCODINGS[self.format.encoding]
        frame = width * self.channels
        known = b""
        while piece := self._piece(frames * frame - len(known)):
            known += piece
            whole = len(known) // frame * frame
            if whole:
                yield mix(decode(known[:whole]).reshape(-1, self.channels).T)
            known = known[whole:]

    def close(self) -> None:
        """Do nothing: the stream belongs to the caller."""

    def _piece(self, size: int) -> bytes:
        size = int(min(size, self._left))
        if self._ahead:
            piece, self._ahead = self._ahead[:size], self._ahead[size:]
        else:
            piece = self._read(size)
        self._left -= len(piece)
        return piece

    def _read(self, size: int) -> bytes:
        found = self._source.read(size) if size else b""
        if found is None:
            raise AudioError(f"{NAME}: does not wait for data: expected an ordinary pipe")
        return found

    def _exactly(self, size: int) -> bytes:
        """Return `size` bytes; fewer only at the end."""
        parts = b""
        while len(parts) < size and (piece := self._read(size - len(parts))):
            parts += piece
        return parts

    def _wav_format(self) -> PcmFormat:
        found = None
        while len(head := self._exactly(8)) == 8:
            kind, size = head[:4], int.from_bytes(head[4:], "little")
            if kind == b"data":
                if found is None:
                    break
                self._left = size if 0 < size < _ENDLESS else float("inf")
                return found
            content = self._exactly(size + size % 2)
            found = _fmt(content) if kind == b"fmt " else found
        raise AudioError(f"{NAME}: its WAV header is cut off, or tells no format before the data")


def _fmt(content: bytes) -> PcmFormat:
    if len(content) < 16:
        raise AudioError(f"{NAME}: its WAV format has {len(content)} bytes: expected at least 16")
    tag, channels, sample_rate, _, _, bits = struct.unpack_from("<HHIIHH", content)
    if tag == _EXTENSIBLE and len(content) >= 26:
        tag = int.from_bytes(content[24:26], "little")
    encoding = _WAV_ENCODINGS.get((tag, bits))
    if encoding is None or not channels or not sample_rate:
        raise AudioError(
            f"{NAME}: WAV of format {tag}, {bits} bits, {channels} channels, {sample_rate} Hz is "
            "not known here: expected PCM or float; convert it, as with ffmpeg -c:a pcm_s16le"
        )
    return PcmFormat(sample_rate, channels, encoding)


def _headless(head: bytes) -> str:
    if not head:
        return f"{NAME}: is empty"
    return (
        f"{NAME}: begins with {head[:4]!r} and not with a WAV header: give --rate if it is raw "
        "PCM, or decode it, as with ffmpeg -i FILE -f wav - | mer listen -"
    )


def _integers(kind: str) -> Callable[[bytes], FloatArray]:
    whole = np.float32(2.0 ** (8 * np.dtype(kind).itemsize - 1))
    return lambda raw: np.frombuffer(raw, dtype=kind).astype(np.float32) / whole


def _floats(kind: str) -> Callable[[bytes], FloatArray]:
    def decode(raw: bytes) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.frombuffer(raw, dtype=kind).astype(np.float32)

    return decode


def _unsigned_bytes(raw: bytes) -> FloatArray:
    return (np.frombuffer(raw, dtype=np.uint8).astype(np.float32) - 128) / np.float32(128)


def _three_bytes(raw: bytes) -> FloatArray:
    wide = np.zeros((len(raw) // 3, 4), dtype=np.uint8)
    wide[:, 1:] = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3)
    return _integers("<i4")(wide.tobytes())


_ENCODINGS: dict[str, tuple[int, Callable[[bytes], FloatArray]]] = {
    "u8": (1, _unsigned_bytes),
    "s16le": (2, _integers("<i2")),
    "s24le": (3, _three_bytes),
    "s32le": (4, _integers("<i4")),
    "f32le": (4, _floats("<f4")),
    "f64le": (8, _floats("<f8")),
}
_WAV_ENCODINGS = {
    (1, 8): "u8",
    (1, 16): "s16le",
    (1, 24): "s24le",
    (1, 32): "s32le",
    (3, 32): "f32le",
    (3, 64): "f64le",
}
