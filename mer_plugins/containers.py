"""Whether a recording is cut off, as far as its container tells.

Decoders play what is there and stay silent about what is missing; an annotation of half a song
that looks like one of the whole is worse than an error. Each check here answers None where the
container does not tell.

Sources: RIFF/WAVE and AIFF-C chunk layout; RFC 3533 (Ogg pages); ISO/IEC 11172-3 and 13818-3 (MPEG
audio frame headers); ID3v2.4, section 3.1.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Callable
from pathlib import Path

Bytes = bytes | mmap.mmap

# Sizes that programs write when they cannot know: "streamed" files are complete as they stand.
_UNKNOWN_SIZES = range(0x7FFF_0000, 0x1_0000_0000)

_BITRATES_KBIT = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = (44_100, 48_000, 32_000)


def find_truncation(path: str | os.PathLike[str]) -> str | None:
    """Tell in a few words what is missing of a WAV, AIFF, Ogg or MP3 file; None if nothing is.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    with Path(path).open("rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for magic, check in _CHECKS.items():
                if content[: len(magic)] == magic:
                    return check(content)
            return _mp3(content) if Path(path).suffix.lower() == ".mp3" else None


def mp3_declares_length(path: str | os.PathLike[str]) -> bool:
    """Tell whether an MP3 file's first frame is a Xing, Info or VBRI header with a frame count."""
    with Path(path).open("rb") as file:
        head = file.read(10)
        file.seek(_id3v2_size(head))
        frame = file.read(2048)
    return any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))


def _wav(content: Bytes) -> str | None:
    return _chunk(content, b"data", "<I")


def _aiff(content: Bytes) -> str | None:
    return _chunk(content, b"SSND", ">I")


def _chunk(content: Bytes, wanted: bytes, size_format: str) -> str | None:
    """Walk the chunks of a RIFF or FORM file to the one that holds the samples."""
    position = 12
    while position + 8 <= len(content):
        name = content[position : position + 4]
        (size,) = struct.unpack(size_format, content[position + 4 : position + 8])
        if name == wanted:
            there = len(content) - position - 8
            is_cut = size > there and size not in _UNKNOWN_SIZES
            return f"{there} of {size} bytes of sound are there" if is_cut else None
        position += 8 + size + size % 2
    return None


def _ogg(content: Bytes) -> str | None:
    page = content.rfind(b"OggS")
    header = content[page : page + 27]
    if len(header) < 27:
        return "its last page is cut"
    sizes = content[page + 27 : page + 27 + header[26]]
    if len(sizes) < header[26] or page + 27 + len(sizes) + sum(sizes) > len(content):
        return "its last page is cut"
    return None if header[5] & 4 else "its end is missing"


def _mp3(content: Bytes) -> str | None:
    """Walk the frames; where they are interrupted by anything else, nothing can be told."""
    end = _mp3_end(content)
    position = _id3v2_size(content[:10])
    while position + 4 <= end:
        length = _mpeg_frame_length(content[position : position + 4])
        if length is None:
            return None
        if position + length > end:
            return "its last frame is cut"
        position += length
    return None


def _mp3_end(content: Bytes) -> int:
    """Find where sound ends: tags and zero padding behind it do not count."""
    end = len(content)
    if content[max(0, end - 128) : end - 125] == b"TAG":
        end -= 128
    footer = content[max(0, end - 32) : end]
    if footer[:8] == b"APETAGEX":
        size, _, flags = struct.unpack("<III", footer[12:24])
        end -= size + (32 if flags & 0x8000_0000 else 0)
    return max(end, 0)


def _id3v2_size(head: bytes) -> int:
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return size + 10 + (10 if head[5] & 0x10 else 0)


def _mpeg_frame_length(header: bytes) -> int | None:
    """Return the bytes of the frame that begins with `header`; None if that begins no frame."""
    word = int.from_bytes(header, "big")
    version_bits, layer_bits = word >> 19 & 3, word >> 17 & 3
    bitrate_index, rate_index, padding = word >> 12 & 15, word >> 10 & 3, word >> 9 & 1
    in_sync = word >> 21 == 0x7FF and version_bits != 1 and layer_bits != 0
    if not in_sync or bitrate_index in (0, 15) or rate_index == 3:
        return None
    layer: int = 4 - layer_bits
    bitrate: int = _BITRATES_KBIT[1 if version_bits == 3 else 2, layer][bitrate_index - 1] * 1000
    rate: int = _RATES_HZ[rate_index] >> {3: 0, 2: 1, 0: 2}[version_bits]
    if layer == 1:
        return (12 * bitrate // rate + padding) * 4
    samples = 576 if layer == 3 and version_bits != 3 else 1152
    return samples // 8 * bitrate // rate + padding


_CHECKS: dict[bytes, Callable[[Bytes], str | None]] = {
    b"RIFF": _wav,
    b"FORM": _aiff,
    b"OggS": _ogg,
    b"ID3": _mp3,
}
