"""MPEG audio (MP3 and its layers I and II), frame by frame: what is there, what is declared.

An MPEG file is a bare row of frames, each with a header of four bytes that gives its length, so
the row can be walked without decoding: 1 hour takes some 50 ms. The walk tells whether a file is
MPEG at all (text named ``.mp3`` is not), whether it was cut, and how much a decoder must deliver.

Conventions
-----------
Tags (ID3v1, ID3v2, APEv2), zero padding and rubbish between, before or after frames are skipped.
Frames of the free format (no bit rate in the header) cannot be walked and are not recognised.

Sources: ISO 11172-3 and 13818-3 (headers); the Xing/LAME and VBRI info tags as written by LAME,
FFmpeg and Fraunhofer; ID3v2.4 section 3.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import BinaryIO

from mer_plugins.containers import read_at, size_of

_SEARCH = 1 << 16
_WINDOW = 1 << 20
_KBPS = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
_VERSIONS = {3: (1, 1), 2: (2, 2), 0: (2, 4)}  # header bits: standard, divisor of the rate
_LAME_TRIM = 2 * 4095  # most samples that a LAME tag can take off both ends


@dataclass(frozen=True)
class MpegFacts:
    """What a walk over the frames found.

    Parameters
    ----------
    frames : int
        Complete audio frames, the info frame not counted.
    declared_frames : int or None
        What the info frame (Xing, Info or VBRI) declares; None where there is none.
    samples_per_frame, sample_rate : int
        Samples of one frame and samples per second.
    is_broken : bool
        Whether the file ends inside a frame.
    is_interrupted : bool
        Whether there is something else between frames (a tag, rubbish or damage), or behind them
        all (padding, a tag other than ID3v1) where no info frame says where they end.
    """

    frames: int
    declared_frames: int | None
    samples_per_frame: int
    sample_rate: int
    is_broken: bool
    is_interrupted: bool = False

    @property
    def shortfall(self) -> str | None:
        """What is missing, as in "1.00 of 2.00 s are there"; None if nothing is known to be."""
        held = f"{self._seconds(self.frames):.2f}"
        # Files that were joined hold more than the first of them declares.
        if self.declared_frames is None or self.frames > self.declared_frames:
            return f"its last frame is cut, after {held} s" if self.is_broken else None
        # Some writers count the info frame as well: one frame too few is no evidence alone.
        missing = self.declared_frames - self.frames
        if missing <= (0 if self.is_broken else 1):
            return None
        declared = self._seconds(self.declared_frames)
        return f"{held} of {declared:.2f} s are there"

    @property
    def is_plain(self) -> bool:
        """Whether it is one unbroken row of frames, as many as its info frame declares."""
        is_joined = self.declared_frames is not None and self.frames > self.declared_frames + 1
        return not (self.shortfall or self.is_interrupted or is_joined)

    def outlasts(self, samples: int) -> bool:
        """Whether the frames hold more than `samples`, beyond what decoders trim at the ends."""
        trim = self.samples_per_frame if self.declared_frames is None else _LAME_TRIM
        return self.frames * self.samples_per_frame - samples > trim

    def _seconds(self, frames: int) -> float:
        return frames * self.samples_per_frame / self.sample_rate


@dataclass(frozen=True)
class _Kind:
    """One version, layer and sampling rate; `lengths` gives a frame's bytes by its header."""

    samples_per_frame: int
    sample_rate: int
    lengths: dict[bytes, int]


def inspect(file: BinaryIO) -> MpegFacts | None:
    """Walk all frames of a file; None if it does not begin with MPEG audio.

    Parameters
    ----------
    file : binary file, seekable
        Its position is moved. Up to 64 KiB of tags' padding or rubbish may precede the frames.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    found = _first_frame(file, 0)
    if found is None:
        return None
    position, kind = found
    has_info, declared = _info_frame(read_at(file, position, 256))
    frames, end = _walk(file, position, kind)
    size, first_end = size_of(file), end
    while end < size and (found := _first_frame(file, end)) and found[1] == kind:
        more, end = _walk(file, found[0], kind)
        frames += more
    return MpegFacts(
        frames=frames - has_info,
        declared_frames=declared,
        samples_per_frame=kind.samples_per_frame,
        sample_rate=kind.sample_rate,
        is_broken=end > size and not _ends_with_tag(file, size),
        is_interrupted=end != first_end or (declared is None and _has_rest(file, end, size)),
    )


def _first_frame(file: BinaryIO, position: int) -> tuple[int, _Kind] | None:
    start = _after_id3(file, position)
    window = read_at(file, start, _SEARCH)
    for sync in re.finditer(rb"\xff(?=[\xe2-\xff])", window):
        kind = _kind(window[sync.start() : sync.start() + 3])
        if kind and _begins_row(window, sync.start(), kind):
            return start + sync.start(), kind
    return None


def _after_id3(file: BinaryIO, position: int) -> int:
    while (tag := read_at(file, position, 10)).startswith(b"ID3") and len(tag) == 10:
        footer = 10 if tag[5] & 0x10 else 0
        position += 10 + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]) + footer
    return position


def _begins_row(window: bytes, position: int, kind: _Kind) -> bool:
    """Whether three frames follow one another here, or fewer that end with the file."""
    for count in range(3):
        length = kind.lengths.get(window[position : position + 3])
        if length is None:
            return count > 0 and len(window) < _SEARCH and position == len(window)
        position += length
    return True


def _walk(file: BinaryIO, position: int, kind: _Kind) -> tuple[int, int]:
    """Count frames from `position` on; return the count of complete ones and where they end."""
    frames, size = 0, size_of(file)
    while True:
        window, offset, before = read_at(file, position, _WINDOW), 0, frames
        while length := kind.lengths.get(window[offset : offset + 3]):
            offset += length
            frames += 1
        position += offset
        if frames == before or position > size:
            return frames - (position > size), position


def _kind(header: bytes) -> _Kind | None:
    """Read the fixed part of a header, three bytes; None if it is not one."""
    if len(header) < 3:
        return None
    version, divisor = _VERSIONS.get(header[1] >> 3 & 3, (0, 1))
    layer, rate_index = 4 - (header[1] >> 1 & 3), header[2] >> 2 & 3
    if not version or layer == 4 or rate_index == 3 or header[2] >> 4 in (0, 15):
        return None
    rate = _RATES[rate_index] // divisor
    return _Kind(_samples_per_frame(version, layer), rate, _lengths(version, layer, rate, header))


def _lengths(version: int, layer: int, rate: int, header: bytes) -> dict[bytes, int]:
    fixed, rate_bits, slot = header[1] & 0xFE, header[2] & 0x0C, 4 if layer == 1 else 1
    factor = _samples_per_frame(version, layer) // 8 // slot
    return {
        bytes((0xFF, fixed | crc, index << 4 | rate_bits | padding << 1 | private)): (
            factor * kbps * 1000 // rate + padding
        )
        * slot
        for index, kbps in enumerate(_KBPS[version, layer], start=1)
        for crc in (0, 1)
        for padding in (0, 1)
        for private in (0, 1)
    }


def _samples_per_frame(version: int, layer: int) -> int:
    if layer == 1:
        return 384
    return 576 if layer == 3 and version != 1 else 1152


def _info_frame(frame: bytes) -> tuple[bool, int | None]:
    """Whether the first frame is an info frame, and how many frames it declares."""
    tag = re.search(rb"(?:Xing|Info)\x00\x00\x00(.)(....)|VBRI.{10}(....)", frame, re.DOTALL)
    if tag is None:
        return False, None
    if tag[3] is None and not tag[1][0] & 1:
        return True, None
    return True, int.from_bytes(tag[3] or tag[2], "big") or None


def _has_rest(file: BinaryIO, end: int, size: int) -> bool:
    # libmpg123 knows ID3v1 alone; on 1 KiB of anything else it gives up and delivers nothing.
    return end < size and not (size - end == 128 and read_at(file, end, 3) == b"TAG")


def _ends_with_tag(file: BinaryIO, size: int) -> bool:
    # A tag at the very end was written after the audio: the file itself is whole.
    tail = read_at(file, max(0, size - 128), 128)
    return tail.startswith(b"TAG") or tail[-32:].startswith(b"APETAGEX")
