"""Decoding: the same samples in blocks of any size, all of them, and nothing that is no sound."""

from __future__ import annotations

import os
import struct
from contextlib import contextmanager

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mer_plugins.audio import AUDIO_SUFFIXES, Audio, load_audio, open_audio
from mer_plugins.decoders import mix
from mer_plugins.errors import AudioError

RATE = 44_100


def music(seconds=2.0, rate=RATE, channels=1):
    rng = np.random.default_rng(0)
    n = round(seconds * rate)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(n) / rate)
    return (tone[:, None] + 0.05 * rng.standard_normal((n, channels))).astype(np.float32)


def write(path, samples, rate=RATE, **kind):
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], **kind) as file:
        for start in range(0, len(samples), 10_000):
            file.write(samples[start : start + 10_000])
    return path


def encode(path, samples, codec, sample_format="flt", rate=48_000, options=None):
    layout = {1: "mono", 2: "stereo"}[samples.shape[1]]
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        row = np.ascontiguousarray(samples.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(row, format=sample_format, layout=layout)
        frame.sample_rate = rate
        fit = av.AudioResampler(stream.format, stream.layout, rate, stream.frame_size or 1024)
        for part in [*fit.resample(frame), *fit.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def in_blocks(path, rate, block_s, **options):
    with open_audio(path, rate, block_s=block_s, **options) as reader:
        return np.concatenate(list(reader.blocks()))


MAKERS = {
    "wav": lambda p: write(p / "a.wav", music(channels=2), subtype="FLOAT"),
    "flac": lambda p: write(p / "a.flac", music(channels=6)),
    "vorbis": lambda p: write(p / "a.ogg", music(), format="OGG", subtype="VORBIS"),
    "opus": lambda p: write(p / "a.opus", music(rate=48_000), 48_000, format="OGG", subtype="OPUS"),
    "mp3": lambda p: write(p / "a.mp3", music(channels=2)),
    "mpeg2": lambda p: write(p / "a.mp3", music(rate=22_050), 22_050),
    "vbr": lambda p: write(p / "a.mp3", music(), bitrate_mode="VARIABLE", compression_level=0.5),
    "m4a": lambda p: encode(p / "a.m4a", music(rate=48_000, channels=2), "aac"),
    "webm": lambda p: encode(p / "a.webm", music(rate=48_000), "libopus"),
}


@pytest.mark.parametrize("rate", [None, 16_000])
@pytest.mark.parametrize("kind", MAKERS)
def test_blocks_of_any_size_hold_the_same_samples_bit_for_bit(tmp_path, kind, rate):
    path = MAKERS[kind](tmp_path)
    whole = load_audio(path, rate).samples
    for block_s in (0.003, 0.1, 0.77, 5.0):
        np.testing.assert_array_equal(in_blocks(path, rate, block_s), whole)


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    return write(tmp_path_factory.mktemp("wide") / "a.wav", music(0.2, channels=8))


@given(block_s=st.floats(1e-9, 1), rate=st.sampled_from([8_000, 11_025, RATE, 48_000, 192_000]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_so_do_blocks_of_random_size(wide, block_s, rate):
    block_s = max(block_s, 20 / RATE)
    np.testing.assert_array_equal(in_blocks(wide, rate, block_s), load_audio(wide, rate).samples)


@pytest.mark.parametrize(
    ("suffix", "codec", "sample_format", "full_scale"),
    [
        (".m4a", "alac", "s16", 2**15),
        (".mka", "pcm_s32le", "s32", 2**31),
        (".mka", "pcm_u8", "u8", None),
        (".mka", "pcm_f64le", "dbl", 1),
    ],
)
def test_every_sample_format_of_ffmpeg(tmp_path, suffix, codec, sample_format, full_scale):
    samples = music(0.5, 48_000, channels=2).astype(np.float64)
    if full_scale is None:
        native, expected = (samples * 128 + 128).astype(np.uint8), None
        expected = (native.astype(float) - 128) / 128
    elif full_scale == 1:
        native = expected = samples
    else:
        native = (samples * full_scale).astype(np.int16 if full_scale == 2**15 else np.int32)
        expected = native / full_scale
    path = encode(tmp_path / f"a{suffix}", native, codec, sample_format)
    np.testing.assert_allclose(load_audio(path).samples, expected.mean(axis=1), atol=1e-7)


def test_an_mp3_whose_bit_rate_falls_is_read_to_its_end(tmp_path):
    samples = np.concatenate([music(1) * 3, np.zeros((9 * RATE, 1), np.float32)])
    path = write(tmp_path / "a.mp3", samples, bitrate_mode="VARIABLE", compression_level=0.1)
    content = path.read_bytes()
    path.write_bytes(content[content.index(content[:2], 2) :])  # without its info frame
    assert load_audio(path).duration_s == pytest.approx(10, abs=0.1)


def test_joined_mp3s_are_read_to_their_end(tmp_path):
    path = write(tmp_path / "a.mp3", music())
    path.write_bytes(path.read_bytes() * 3)
    assert load_audio(path).duration_s == pytest.approx(6, abs=0.3)


def test_a_wav_from_a_pipe_may_declare_no_data(tmp_path):
    path = write(tmp_path / "a.wav", music())
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = bytes(4)
    path.write_bytes(content)
    assert load_audio(path).duration_s == 2


def unsized(path):
    """Take the count of samples, the last 36 of 64 bits, from a FLAC, as a pipe leaves it."""
    content = bytearray(path.read_bytes())
    at = content.index(b"fLaC") + 8 + 10
    (bits,) = struct.unpack_from(">Q", content, at)
    struct.pack_into(">Q", content, at, bits >> 36 << 36)
    path.write_bytes(content)
    return path


def test_a_flac_from_a_pipe_is_read_to_its_end(tmp_path):
    path = unsized(write(tmp_path / "a.flac", music()))
    assert len(in_blocks(path, None, 0.3)) == 2 * RATE


@pytest.mark.parametrize("size_it", [lambda path: path, unsized], ids=["sized", "unsized"])
def test_all_that_is_left_of_a_cut_flac_is_taken(tmp_path, size_it):
    path = size_it(write(tmp_path / "a.flac", music(10)))
    whole, content = load_audio(path).samples, path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"a\.flac: is cut off: .* s .*--allow-truncated"):
        in_blocks(path, None, 1.0)
    found = [in_blocks(path, None, block_s, allow_truncated=True) for block_s in (0.1, 1, 20)]
    assert 4.5 * RATE < len(found[0]) < 5.5 * RATE
    for part in found:
        np.testing.assert_array_equal(part, whole[: len(found[0])])


def test_no_library_talks_of_a_cut_mp3(tmp_path, capfd):
    path = write(tmp_path / "a.mp3", music(10))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert load_audio(path, allow_truncated=True).duration_s == pytest.approx(5, abs=0.2)
    assert capfd.readouterr() == ("", "")


def test_a_cut_m4a_with_its_index_ahead_is_refused_or_taken(tmp_path):
    options = {"movflags": "faststart"}
    path = encode(tmp_path / "a.m4a", music(10, 48_000), "aac", options=options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"is cut off: \d+ of \d+ bytes .*--allow-truncated"):
        open_audio(path)
    assert load_audio(path, allow_truncated=True).duration_s == pytest.approx(5, abs=1)


TEXTS = {
    "letter": b"Dear diary,\ntoday I heard a song.\n" * 300,
    "utf16": ("Dear diary, today I heard a song.\n" * 300).encode("utf-16"),
    "subtitles": b"1\n00:00:01,000 --> 00:00:02,000\nhum\n\n" * 50,
    "tagged": b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + b"Dear diary, " * 9_000,
}


@pytest.mark.parametrize("suffix", sorted(AUDIO_SUFFIXES))
@pytest.mark.parametrize("text", TEXTS)
def test_text_is_never_sound_and_no_library_talks(tmp_path, capfd, text, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(TEXTS[text])
    with pytest.raises(AudioError, match="no audio that can be read") as caught:
        load_audio(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "form", ["#EXTM3U\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {}\n"]
)
def test_a_play_list_opens_no_other_file(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    other = write(tmp_path / "a.wav", music())
    path = tmp_path / "a.m4a"
    path.write_text(form.format(other.name))
    with pytest.raises(AudioError, match="no audio that can be read"):
        load_audio(path)


def test_a_video_without_sound(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10, width=32, height=32, pix_fmt="yuv420p")
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="holds no sound"):
        load_audio(tmp_path / "a.mp4")


@contextmanager
def as_nobody():
    """Step down from root, whom no permission stops."""
    if os.geteuid():
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's here")
def test_a_file_that_may_not_be_read(tmp_path):
    path = write(tmp_path / "a.wav", music())
    path.chmod(0)
    with as_nobody(), pytest.raises(AudioError, match=r"cannot be read \(Permission denied\)"):
        load_audio(path)


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such names")
def test_a_name_that_is_not_unicode(tmp_path):
    path = write(tmp_path / "a.wav", music())
    odd = os.fsencode(tmp_path) + b"/\xff.wav"
    os.rename(path, odd)
    assert load_audio(os.fsdecode(odd)).duration_s == 2


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(AudioError, match="no regular file"):
        load_audio(tmp_path / "a.wav")


def test_a_reader_counts_and_reads_once(tmp_path):
    path = write(tmp_path / "a.wav", music(channels=2))
    with open_audio(path, 22_050, block_s=0.5) as reader:
        facts = (reader.path, reader.sample_rate, reader.native_rate, reader.channels)
        assert facts == (path, 22_050, RATE, 2)
        assert reader.decoder.startswith(f"soundfile {soundfile.__version__} / libsndfile-")
        assert sum(map(len, reader.blocks())) == reader.frames_delivered == RATE
        assert reader.duration_s == 2
        with pytest.raises(AudioError, match="read already"):
            next(reader.blocks())


def test_too_short_for_a_lower_rate(tmp_path):
    path = write(tmp_path / "a.wav", np.ones((1, 1)))
    with pytest.raises(AudioError, match="holds 1 samples at 44100 Hz: .* one at 8000 Hz"):
        load_audio(path, 8_000)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rate", [RATE, 16_000])
def test_nan_is_found_wherever_it_is(tmp_path, value, rate):
    samples = music(channels=2)
    samples[int(1.5 * RATE), 1] = value
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"a\.wav: holds NaN or infinity at 1\.500 s"):
        in_blocks(path, rate, 0.4)


@pytest.mark.parametrize("rate", [0, -1, 44_100.0, "44100"])
def test_rates_that_are_none(tmp_path, rate):
    path = write(tmp_path / "a.wav", music(0.1))
    with pytest.raises(AudioError, match="sample_rate is"):
        open_audio(path, rate)
    with pytest.raises(AudioError, match="sample_rate is"):
        Audio(np.zeros(9), rate)


@pytest.mark.parametrize("block_s", [0, -1, np.nan, np.inf])
def test_blocks_that_have_no_length(tmp_path, block_s):
    with pytest.raises(AudioError, match="block_s is"):
        open_audio(write(tmp_path / "a.wav", music(0.1)), block_s=block_s)


def test_audio_in_memory():
    stereo = Audio(np.array([[0.0, 0.5], [1.0, 0.0]]), 2)
    assert stereo.samples.dtype == np.float32 and stereo.duration_s == 1
    np.testing.assert_array_equal(stereo.mono().samples, [0.5, 0.25])
    assert stereo.resampled(2) is stereo and stereo.mono().mono().samples.ndim == 1
    assert Audio(music(channels=2).T, RATE).resampled(22_050).samples.shape == (2, RATE)
    with pytest.raises(AudioError, match="transpose"):
        Audio(music(channels=2), RATE)


@given(channels=st.integers(1, 40), n=st.integers(1, 50))
def test_mixing_is_the_mean_and_leaves_the_channels_alone(channels, n):
    samples = np.random.default_rng(channels).standard_normal((channels, n)).astype(np.float32)
    before = samples.copy()
    np.testing.assert_allclose(mix(samples), samples.mean(axis=0, dtype=float), atol=1e-6)
    np.testing.assert_array_equal(samples, before)
