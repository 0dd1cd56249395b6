"""Truncation from container facts alone: whole files pass, cut files do not, rubbish is no matter."""

from __future__ import annotations

import io
import struct
from functools import cache

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_plugins import containers, mpeg

RATE = 44_100
SNDFILE = {
    "wav": {"format": "WAV"},
    "rifx": {"format": "WAV", "endian": "BIG"},
    "rf64": {"format": "RF64"},
    "aiff": {"format": "AIFF"},
    "w64": {"format": "W64"},
    "caf": {"format": "CAF"},
    "au": {"format": "AU"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
}
MAGICS = [b"RIFF", b"RIFX", b"RF64", b"FORM", b"caff", b"riff", b".snd", b"\0\0\0\x08ftyp"]
MAGICS += [b"\x30\x26\xb2\x75", b"\x1a\x45\xdf\xa3"]
FFMPEG = {"m4a": ("ipod", "aac"), "mka": ("matroska", "aac"), "wma": ("asf", "wmav2")}


def noise(seconds=2.0, rate=RATE):
    return 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))


def by_sndfile(samples, rate=RATE, **kind):
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, **kind) as file:
        for start in range(0, len(samples), 10_000):
            file.write(samples[start : start + 10_000])
    return buffer.getvalue()


def by_ffmpeg(samples, container_format, codec, options=None):
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container_format, options=options or {}) as container:
        stream = container.add_stream(codec, rate=RATE, layout="mono")
        stream.bit_rate = 96_000
        row = samples[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(row, format="flt", layout="mono")
        frame.sample_rate = RATE
        fit = av.AudioResampler(stream.format, stream.layout, RATE, stream.frame_size)
        for part in [*fit.resample(frame), *fit.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def files():
    made = {name: by_sndfile(noise(rate=48_000), 48_000, **kind) for name, kind in SNDFILE.items()}
    made |= {name: by_ffmpeg(noise(), *kind) for name, kind in FFMPEG.items()}
    return made


@pytest.fixture(scope="module")
def mp3():
    return declaring_mp3()


@pytest.fixture(scope="module")
def bare_mp3():
    return by_ffmpeg(noise(), "mp3", "libmp3lame", {"write_xing": "0", "id3v2_version": "0"})


def shortfall(content):
    return containers.shortfall(io.BytesIO(content))


def inspect(content):
    return mpeg.inspect(io.BytesIO(content))


@pytest.mark.parametrize("name", [*SNDFILE, *FFMPEG])
@pytest.mark.parametrize("behind", [b"", b"TAG" + bytes(125), bytes(5000)])
def test_whole_files_lack_nothing_whatever_follows(files, name, behind):
    assert shortfall(files[name] + behind) is None


@pytest.mark.parametrize("name", [*SNDFILE, *FFMPEG])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_cut_files_lack_something(files, name, share):
    assert shortfall(files[name][: round(len(files[name]) * share)])


def test_it_says_how_much_is_there():
    content = by_sndfile(np.zeros(1000), format="WAV")
    assert shortfall(content[:-500]) == "1500 of 2000 bytes of sound are there"


@cache
def long_ogg():
    return by_sndfile(noise(20), **SNDFILE["ogg"])


@given(share=st.floats(0.05, 0.999))
@settings(deadline=None)
def test_an_ogg_lacks_its_end_wherever_it_is_cut(share):
    content = long_ogg()
    found = shortfall(content[: int(len(content) * share)])
    assert found.startswith(("its last page is cut", "its end is missing"))


@pytest.mark.parametrize(("name", "rate"), [("ogg", 48_000), ("opus", 48_000)])
def test_a_cut_ogg_tells_its_time(files, name, rate):
    # Two seconds of sound fill one page or two, so a longer recording is cut here.
    content = by_sndfile(noise(20, rate), rate, **SNDFILE[name])
    found = shortfall(content[: len(content) // 2])
    assert float(found.split("after ")[1].removesuffix(" s")) == pytest.approx(10, abs=1.5)


@pytest.mark.parametrize(
    "size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF - 36]
)
def test_a_wav_from_a_pipe_declares_nothing(files, size):
    content = bytearray(files["wav"])
    at = content.index(b"data") + 4
    content[at : at + 4] = size.to_bytes(4, "little")
    assert shortfall(bytes(content)) is None


def test_a_webm_from_a_pipe_declares_nothing(files):
    content = files["mka"]
    at = content.index(b"\x18\x53\x80\x67") + 4
    assert shortfall(content[:at] + b"\x01" + b"\xff" * 7 + content[at + 8 : -100]) is None


@given(content=st.binary(max_size=200), magic=st.sampled_from([b"", b"OggS", *MAGICS]))
def test_any_bytes_are_judged_without_an_error(content, magic):
    found = shortfall(magic + content)
    assert found is None or found.endswith("are there") or found.startswith("its ")


def test_frames_are_counted_as_ffmpeg_counts_packets(mp3, bare_mp3):
    with av.open(io.BytesIO(bare_mp3)) as container:
        packets = sum(packet.size > 0 for packet in container.demux(audio=0))
    facts = inspect(bare_mp3)
    assert facts.frames == packets and facts.declared_frames is None and facts.is_plain
    facts = inspect(mp3)
    assert facts.frames == facts.declared_frames and facts.is_plain


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_every_rate_of_layer_3(rate):
    facts = inspect(by_sndfile(noise(1, rate), rate, format="MP3"))
    assert facts.sample_rate == rate and facts.is_plain
    assert facts.frames * facts.samples_per_frame / rate == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize("subtype", ["MPEG_LAYER_III"])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_every_bit_rate(subtype, mode):
    for level in (0, 0.3, 0.6, 0.99):
        kind = {"subtype": subtype, "bitrate_mode": mode, "compression_level": level}
        assert inspect(by_sndfile(noise(0.5), format="MP3", **kind)).is_plain


def test_layer_2():
    content = by_ffmpeg(noise(), "mp2", "mp2")
    facts = inspect(content)
    assert (facts.samples_per_frame, facts.shortfall) == (1152, None)
    assert facts.frames == pytest.approx(2 * RATE / 1152, abs=1)
    assert inspect(content[:-9]).shortfall.startswith("its last frame is cut, after 1.9")


@cache
def declaring_mp3():
    return by_sndfile(noise(), format="MP3")


@given(lost=st.integers(1_000, 12_000))
def test_an_mp3_that_declares_its_frames_lacks_them_wherever_it_is_cut(lost):
    assert inspect(declaring_mp3()[:-lost]).shortfall.endswith("s are there")


def test_a_bare_mp3_lacks_its_last_frame(bare_mp3):
    assert "last frame is cut" in inspect(bare_mp3[:-1]).shortfall
    assert "last frame is cut" in inspect(bare_mp3[:-300]).shortfall


def test_an_info_frame_may_count_itself(mp3):
    count = inspect(mp3).declared_frames
    at = mp3.index((count).to_bytes(4, "big"))
    more = (count + 1).to_bytes(4, "big")
    assert inspect(mp3[:at] + more + mp3[at + 4 :]).shortfall is None
    much_more = (count + 2).to_bytes(4, "big")
    assert inspect(mp3[:at] + much_more + mp3[at + 4 :]).shortfall


def id3v2(size):
    return b"ID3\x03\0\0" + bytes([0, 0, size >> 7, size & 0x7F]) + b"\xff\xfb" * (size // 2)


# One item and a footer, whose size counts both.
APEV2 = bytes((4, 0, 0, 0, 0, 0, 0, 0)) + b"Title\0Song"
APEV2 += b"APETAGEX" + struct.pack("<IIII8x", 2_000, len(APEV2) + 32, 1, 0)


@pytest.mark.parametrize("before", [b"", id3v2(10_000), id3v2(400) * 2, bytes(3_000)])
@pytest.mark.parametrize(
    "behind",
    [
        b"",
        b"TAG" + bytes(125),
        APEV2,
        APEV2 + b"TAG" + bytes(125),
        bytes(4_096),
        b"\xff\xfa\0rubbish",
    ],
)
def test_tags_around_mpeg_frames_are_no_sound(mp3, before, behind):
    facts = inspect(before + mp3 + behind)
    assert facts.frames == inspect(mp3).frames and facts.is_plain


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), APEV2], ids=["ID3v1", "APEv2"])
def test_a_tag_behind_a_cut_frame_shows_that_the_file_is_whole(bare_mp3, tag):
    assert inspect(bare_mp3[:-300] + tag).shortfall is None


def test_tags_and_damage_between_frames_are_stepped_over(bare_mp3):
    facts, middle = inspect(bare_mp3), len(bare_mp3) // 2
    joined = inspect(bare_mp3 + id3v2(400) + bare_mp3)
    assert joined.frames == 2 * facts.frames and joined.is_interrupted
    damaged = inspect(bare_mp3[:middle] + bytes(2_000) + bare_mp3[middle + 2_000 :])
    assert facts.frames - 15 < damaged.frames < facts.frames and not damaged.is_plain


def test_a_long_row_is_walked_through(bare_mp3):
    times = 2_100_000 // len(bare_mp3)
    facts = inspect(bare_mp3 * times)
    assert facts.frames == times * inspect(bare_mp3).frames and facts.is_plain


def test_what_is_joined_is_not_plain(mp3):
    facts = inspect(mp3 + mp3)
    assert facts.frames > 2 * facts.declared_frames and not facts.is_plain
    assert facts.shortfall is None and inspect((mp3 + mp3)[:-1]).shortfall


@pytest.mark.parametrize("declared", [None, 100])
def test_a_decoder_may_trim_the_ends_only(declared):
    facts = mpeg.MpegFacts(100, declared, 1152, RATE, is_broken=False)
    assert not facts.outlasts(100 * 1152 - 1105)
    assert facts.outlasts(90 * 1152)


@pytest.mark.parametrize("seed", range(20))
def test_rubbish_is_not_mpeg(seed):
    assert inspect(np.random.default_rng(seed).bytes(100_000)) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"\xff\xfb\x90", b"ID3", b"\xff" * 9_999, "Dear diary".encode("utf-16") * 999],
)
def test_what_only_begins_like_mpeg_is_not(content):
    assert inspect(content) is None
