"""Container facts: whether an audio file holds all the audio that it declares.

Decoders take a file that was cut short for a shorter recording and say nothing. Here the headers
are read, and only the headers: no sample is decoded, and no declared size is ever allocated.

Conventions
-----------
A file is cut short where it ends before the audio that it declares, or inside a unit (an Ogg page)
that it began. Whatever follows complete audio (tags, padding, rubbish) is of no interest. A size
that its writer could not know, because it wrote to a pipe, declares nothing. What is not known
here is not judged; the decoder then has the last word.

Sources: RIFF and RF64 (EBU Tech 3306), AIFF 1.3, CAF, Sony Wave64, Sun audio, ASF 1.20,
ISO 14496-12 (boxes), RFC 8794 (EBML), RFC 3533 (Ogg). MPEG audio is in :mod:`mer_plugins.mpeg`.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple


class Extent(NamedTuple):
    """Where audio begins in a file, in bytes, and how many bytes of it the file declares."""

    start: int
    declared: int


Finder = Callable[[BinaryIO], "Extent | None"]


def shortfall(file: BinaryIO) -> str | None:
    """Say what is missing from a recording, judged by its container alone.

    Parameters
    ----------
    file : binary file, seekable
        Its position is moved.

    Returns
    -------
    str or None
        What is missing, as in "8 of 16 bytes of sound are there"; None where nothing is known to
        be missing, which includes every container that is not known here.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    head = read_at(file, 0, 12)
    if head.startswith(b"OggS"):
        return _ogg_shortfall(file)
    find = _mp4_audio if head[4:8] == b"ftyp" else _FINDERS.get(head[:4])
    extent = find(file) if find else None
    if extent is None or _is_unknown(extent.declared):
        return None
    present = max(0, size_of(file) - extent.start)
    if present >= extent.declared:
        return None
    return f"{present} of {extent.declared} bytes of sound are there"


def read_at(file: BinaryIO, position: int, count: int) -> bytes:
    """Read up to `count` bytes from `position` on; fewer, or none, at the end of the file."""
    file.seek(position)
    return file.read(count)


def size_of(file: BinaryIO) -> int:
    """Return the size of a file in bytes; its position is moved."""
    return file.seek(0, os.SEEK_END)


def _is_unknown(size: int) -> bool:
    # Writers to a pipe declare nothing, or the most a field can hold less some header:
    # FFmpeg 0xFFFFFFFF, SoX 0x7FFFF000, arecord 0x80000000, CAF -1.
    near_limit = any(abs(size - limit) <= 4096 for limit in (2**31, 2**32))
    return size <= 0 or size >= 2**62 or near_limit


@dataclass(frozen=True)
class _Chunks:
    """A file of chunks, each with an identifier and a size, one of which holds the audio."""

    first: int
    header: str
    audio: bytes
    size_counts_header: bool = False
    align: int = 1

    def __call__(self, file: BinaryIO) -> Extent | None:
        header = struct.Struct(self.header)
        position, end = self.first, size_of(file)
        while position + header.size <= end:
            name, size = header.unpack(read_at(file, position, header.size))
            position += header.size
            size -= header.size if self.size_counts_header else 0
            if name == self.audio:
                return Extent(position, size)
            if size < 0:
                return None
            position += -(-size // self.align) * self.align
        return None


_riff_audio = _Chunks(12, "<4sI", b"data", align=2)


def _rf64_audio(file: BinaryIO) -> Extent | None:
    # The size proper stands in the ds64 chunk, which comes first.
    ds64 = read_at(file, 12, 24)
    extent = _riff_audio(file)
    if extent is None or len(ds64) < 24 or not ds64.startswith(b"ds64"):
        return extent
    return Extent(extent.start, int.from_bytes(ds64[16:], "little"))


def _sun_audio(file: BinaryIO) -> Extent | None:
    head = read_at(file, 4, 8)
    return Extent(*struct.unpack(">II", head)) if len(head) == 8 else None


def _mp4_audio(file: BinaryIO) -> Extent | None:
    """Find the first box of media or index that runs past the end of the file."""
    position, end = 0, size_of(file)
    while position + 8 <= end:
        size, name, large = struct.unpack(">I4sQ", read_at(file, position, 16).ljust(16, b"\0"))
        size = large if size == 1 else size
        if name in {b"mdat", b"moov", b"moof"} and position + size > end:
            return Extent(position, size)
        if size < 8:
            return None
        position += size
    return None


def _matroska_audio(file: BinaryIO) -> Extent | None:
    header = _ebml_element(file, 0)
    return _ebml_element(file, header.start + header.declared) if header else None


def _ebml_element(file: BinaryIO, position: int) -> Extent | None:
    # Both elements at the top level have identifiers of four bytes.
    head = read_at(file, position, 12)[4:]
    if len(head) < 8 or not head[0]:
        return None
    width = 9 - head[0].bit_length()
    size = int.from_bytes(head[:width], "big") - (1 << 7 * width)
    unknown = size == (1 << 7 * width) - 1
    return Extent(position + 4 + width, 0 if unknown else size)


_W64_AUDIO = bytes.fromhex("64617461f3acd3118cd100c04f8edb8a")
_ASF_AUDIO = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_FINDERS: dict[bytes, Finder] = {
    b"RIFF": _riff_audio,
    b"RIFX": _Chunks(12, ">4sI", b"data", align=2),
    b"RF64": _rf64_audio,
    b"FORM": _Chunks(12, ">4sI", b"SSND", align=2),
    b"caff": _Chunks(8, ">4sq", b"data"),
    b"riff": _Chunks(40, "<16sQ", _W64_AUDIO, size_counts_header=True, align=8),
    b".snd": _sun_audio,
    b"\x30\x26\xb2\x75": _Chunks(0, "<16sQ", _ASF_AUDIO, size_counts_header=True),
    b"\x1a\x45\xdf\xa3": _matroska_audio,
}

_OGG_PAGE = struct.Struct("<4sBBq12xB")  # magic, version, flags, granule position, segments
_OGG_LAST_PAGE = 4
_OGG_TAIL = 2 * 65_307  # a page is at most 65,307 bytes long


def _ogg_shortfall(file: BinaryIO) -> str | None:
    tail = read_at(file, max(0, size_of(file) - _OGG_TAIL), _OGG_TAIL)
    before, magic, rest = tail.rpartition(b"OggS")
    if not magic:
        return None
    page = magic + rest
    if _ogg_page_length(page) > len(page):
        return f"its last page is cut{_ogg_time(file, before)}"
    if not page[5] & _OGG_LAST_PAGE:
        return f"its end is missing{_ogg_time(file, tail)}"
    return None


def _ogg_page_length(page: bytes) -> int:
    if len(page) < _OGG_PAGE.size:
        return _OGG_PAGE.size
    segments = page[_OGG_PAGE.size - 1]
    return _OGG_PAGE.size + segments + sum(page[_OGG_PAGE.size :][:segments])


def _ogg_time(file: BinaryIO, pages: bytes) -> str:
    """Say when the last page ends, for the codecs whose clock is known."""
    rate = _ogg_rate(read_at(file, 0, 128))
    page = pages[pages.rfind(b"OggS") :][: _OGG_PAGE.size]
    if not rate or len(page) < _OGG_PAGE.size:
        return ""
    granule: int = _OGG_PAGE.unpack(page)[3]
    return f", after {granule / rate:.2f} s" if granule >= 0 else ""


def _ogg_rate(head: bytes) -> int:
    if b"OpusHead" in head:
        return 48_000
    _, magic, identification = head.partition(b"\x01vorbis")
    return int.from_bytes(identification[5:9], "little") if magic else 0
