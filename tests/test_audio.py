"""Reading recordings: every container, odd rates and channels, and everything that is no recording."""

from __future__ import annotations

import contextlib
import struct
import subprocess
import sys
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
import soundfile
import soxr

from mer_plugins.audio import Audio, load_audio, open_audio
from mer_plugins.errors import AudioError

RATE = 44_100


def music(seconds=2.0, rate=RATE, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    tone = 0.4 * np.sin(2 * np.pi * 440 * np.arange(n) / rate)
    return (tone[:, None] + 0.05 * rng.standard_normal((n, channels))).astype(np.float32)


def write(path, samples, rate=RATE, **kind):
    with soundfile.SoundFile(path, "w", rate, samples.shape[1], **kind) as file:
        for start in range(0, len(samples), 10_000):
            file.write(samples[start : start + 10_000])
    return path


def write_by_ffmpeg(path, samples, codec, rate=48_000, options=None):
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 96_000
        frame = av.AudioFrame.from_ndarray(samples.T.copy(), format="flt", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format, stream.layout, rate, stream.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "kind", "tolerance"),
    [
        ("a.wav", {"subtype": "PCM_16"}, 1e-4),
        ("b.wav", {"subtype": "PCM_24"}, 1e-6),
        ("c.wav", {"subtype": "FLOAT"}, 0),
        ("a.flac", {}, 1e-4),
        ("a.aiff", {}, 1e-4),
        ("a.ogg", {"format": "OGG", "subtype": "VORBIS"}, 0.12),
    ],
)
def test_what_libsndfile_reads(tmp_path, name, kind, tolerance):
    samples = music()
    found = load_audio(write(tmp_path / name, samples, **kind))
    assert found.sample_rate == RATE and found.samples.dtype == np.float32
    np.testing.assert_allclose(found.samples, samples[:, 0], atol=tolerance)


def likeness(found, samples, most_lag=0):
    """Return the best correlation with the original, which may come up to `most_lag` later."""
    middle = samples[20_000:60_000, 0]
    lags = range(-most_lag, most_lag + 1, 32) if most_lag else [0]
    parts = (found[20_000 + lag : 60_000 + lag] for lag in lags)
    return max(np.corrcoef(part, middle)[0, 1] for part in parts)


def test_mp3(tmp_path):
    samples = music()
    found = load_audio(write(tmp_path / "a.mp3", samples))
    assert found.duration_s == pytest.approx(2, abs=0.06)
    assert np.sqrt(np.mean(found.samples**2)) == pytest.approx(0.287, abs=0.02)
    assert likeness(found.samples, samples) > 0.98


def test_ogg_opus(tmp_path):
    samples = music(rate=48_000)
    path = write(tmp_path / "a.opus", samples, 48_000, format="OGG", subtype="OPUS")
    found = load_audio(path)
    assert found.sample_rate == 48_000 and found.duration_s == 2
    assert likeness(found.samples, samples) > 0.98


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus"), ("a.wma", "wmav2")]
)
def test_what_ffmpeg_reads(tmp_path, name, codec):
    samples = music(rate=48_000)
    with open_audio(write_by_ffmpeg(tmp_path / name, samples, codec)) as reader:
        found = np.concatenate(list(reader.blocks()))
        assert "PyAV" in reader.decoder
    assert len(found) / reader.native_rate == pytest.approx(2, abs=0.1)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(0.287, abs=0.03)
    # WMA drops its first block; M4A as written here does not say how much its encoder put ahead.
    assert likeness(found, samples, most_lag=2_048) > 0.98


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 192_000])
def test_other_rates_are_resampled_as_soxr_does_whole(tmp_path, rate):
    samples = music(rate=rate)
    path = write(tmp_path / "a.wav", samples, rate, subtype="FLOAT")
    found = load_audio(path, RATE).samples
    expected = soxr.resample(samples[:, 0], rate, RATE, quality="HQ")
    assert abs(len(found) - len(expected)) <= 1
    n = min(len(found), len(expected))
    np.testing.assert_allclose(found[:n], expected[:n], atol=1e-5)


@pytest.mark.parametrize("rate", [RATE, 16_000])
@pytest.mark.parametrize("block_s", [0.01, 0.37, 1.0])
def test_the_size_of_blocks_does_not_alter_a_sample(tmp_path, rate, block_s):
    path = write(tmp_path / "a.wav", music(), subtype="FLOAT")
    with open_audio(path, rate, block_s=block_s) as reader:
        found = np.concatenate(list(reader.blocks()))
    np.testing.assert_allclose(found, load_audio(path, rate).samples, atol=1e-6)


def test_channels_are_mixed_to_their_mean(tmp_path):
    samples = music(channels=8)
    found = load_audio(write(tmp_path / "a.wav", samples, subtype="FLOAT"))
    np.testing.assert_allclose(found.samples, samples.mean(axis=1), atol=1e-6)


def a_picture():
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 32, 32, "rgb24", Fraction(1, 10)
    frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def test_silence_and_a_single_sample(tmp_path):
    silence = load_audio(write(tmp_path / "silence.wav", np.zeros((RATE, 1))))
    assert not silence.samples.any() and silence.duration_s == 1
    assert len(load_audio(write(tmp_path / "one.wav", np.ones((1, 1)))).samples) == 1


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("empty.mp3", b"", "is empty"),
        ("text.mp3", b"Dear diary,\ntoday I heard a song.\n" * 99, "text"),
        ("noise.wav", bytes(range(256)) * 40, "no audio that can be read"),
        ("noise.mp3", np.random.default_rng(0).bytes(9_000), "no audio that can be read"),
        ("noise.ogg", np.random.default_rng(1).bytes(9_000), "no audio that can be read"),
        ("picture.mp3", a_picture(), "no audio that can be read"),
        (
            "header.wav",
            b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x44\xac\0\0\x88\x58\1\0\2\0\x10\0"
            b"data\0\0\0\0",
            "no sound",
        ),
        (
            "giga.wav",
            b"RIFF\xff\xff\xff\x3fWAVEfmt \x10\0\0\0\1\0\1\0\x44\xac\0\0\x88\x58\1\0\2\0\x10\0"
            b"data\x00\xca\x9a\x3b",
            "cut off: 0 of 1000000000 bytes",
        ),
    ],
)
def test_what_is_no_recording_is_one_line(tmp_path, name, content, complaint):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(AudioError, match=complaint) as caught:
        load_audio(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(AudioError, match="not found"):
        load_audio(tmp_path / "no.wav")
    with pytest.raises(AudioError, match="no regular file"):
        load_audio(tmp_path)


def test_nan_in_a_float_file_says_where(tmp_path):
    samples = music()
    samples[RATE] = np.nan
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"NaN or infinity at 1\.000 s"):
        load_audio(path)


# All are past the headers, and none falls between two frames of a bare MP3: such a cut leaves a
# file that is whole by all that can be known of it.
SHARES = [0.07, 0.11, 0.251, 0.3, 0.42, 0.501, 0.62, 0.71, 0.83, 0.9, 0.97, 0.995]
MAKERS = {
    "wav": lambda p: write(p / "a.wav", music(4)),
    "float": lambda p: write(p / "a.wav", music(4), subtype="FLOAT"),
    "aiff": lambda p: write(p / "a.aiff", music(4)),
    "flac": lambda p: write(p / "a.flac", music(4)),
    "ogg": lambda p: write(p / "a.ogg", music(20), format="OGG", subtype="VORBIS"),
    "opus": lambda p: write(p / "a.opus", music(20, 48_000), 48_000, format="OGG", subtype="OPUS"),
    "mp3": lambda p: write(p / "a.mp3", music(4)),
    "bare": lambda p: write_by_ffmpeg(
        p / "a.mp3",
        music(4, 48_000),
        "libmp3lame",
        options={"write_xing": "0", "id3v2_version": "0"},
    ),
    "m4a": lambda p: write_by_ffmpeg(p / "a.m4a", music(4, 48_000), "aac"),
    "ahead": lambda p: write_by_ffmpeg(
        p / "a.m4a", music(4, 48_000), "aac", options={"movflags": "faststart"}
    ),
}


@pytest.fixture(scope="module")
def wholes(tmp_path_factory):
    """Return one whole file of every kind."""
    return {kind: make(tmp_path_factory.mktemp(kind)) for kind, make in MAKERS.items()}


def cut(tmp_path, whole, length):
    path = tmp_path / f"cut{whole.suffix}"
    path.write_bytes(whole.read_bytes()[:length])
    return path


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize("kind", MAKERS)
def test_what_is_cut_off_is_an_error(tmp_path, wholes, kind, share):
    path = cut(tmp_path, wholes[kind], round(wholes[kind].stat().st_size * share))
    with pytest.raises(AudioError, match=r"is cut off: .* --allow-truncated") as caught:
        load_audio(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("lost", [1, 2, 9, 100])
@pytest.mark.parametrize("kind", MAKERS)
def test_so_is_what_lacks_its_last_bytes(tmp_path, wholes, kind, lost):
    path = cut(tmp_path, wholes[kind], -lost)
    with pytest.raises(AudioError, match="--allow-truncated"):
        load_audio(path)


@pytest.mark.parametrize("length", [1, 4, 11, 20, 30])
@pytest.mark.parametrize("kind", MAKERS)
def test_a_piece_of_a_header_is_one_line(tmp_path, wholes, kind, length):
    path = cut(tmp_path, wholes[kind], length)
    complaint = "--allow-truncated|no audio that can be read"
    for allow_truncated in (False, True):
        with pytest.raises(AudioError, match=complaint) as caught:
            load_audio(path, allow_truncated=allow_truncated)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", SHARES[2:])
@pytest.mark.parametrize("kind", ["wav", "float", "aiff", "flac", "ogg", "opus", "mp3", "bare"])
def test_on_request_what_is_there_is_taken(tmp_path, wholes, kind, share):
    whole = load_audio(wholes[kind]).samples
    path = cut(tmp_path, wholes[kind], round(wholes[kind].stat().st_size * share))
    found = load_audio(path, allow_truncated=True).samples
    assert share - 0.16 < len(found) / len(whole) < share + 0.06
    # The frame that an MP3 is cut in has no true end, and a cut MP3 goes to the other decoder.
    n = len(found) - (1152 if kind in ("mp3", "bare") else 0)
    np.testing.assert_allclose(found[:n], whole[:n], atol=1e-5)


ID3V2 = b"ID3\x03\0\0\0\0\x07\x68" + bytes(1_000)
# One item, "Title", and a footer: version, size with the footer, count of items, flags.
APE_ITEM = struct.pack("<II", 4, 0) + b"Title\0Song"
APETAG = APE_ITEM + b"APETAGEX" + struct.pack("<IIII8x", 2_000, len(APE_ITEM) + 32, 1, 0)


@pytest.mark.parametrize("kind", ["mp3", "bare"])
@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (b"", b"TAG" + bytes(125)),
        (b"", b"TAG" + b"Song \xff\xfb\x90 title".ljust(125)),
        (b"", bytes(500)),
        (b"", bytes(50_000)),
        (b"", b"rubbish" * 50),
        (b"", APETAG),
        (b"", APETAG + b"TAG" + bytes(125)),
        (ID3V2, b""),
        (ID3V2, APETAG + b"TAG" + bytes(125)),
    ],
    ids=[
        "ID3v1",
        "ID3v1 sync",
        "zeros",
        "many zeros",
        "rubbish",
        "APEv2",
        "APEv2 ID3v1",
        "ID3v2",
        "all",
    ],
)
def test_what_surrounds_the_sound_of_an_mp3_does_no_harm(tmp_path, wholes, kind, before, behind):
    path = tmp_path / "a.mp3"
    path.write_bytes(before + wholes[kind].read_bytes() + behind)
    found, plain = load_audio(path).samples, load_audio(wholes[kind]).samples
    np.testing.assert_allclose(found[: len(plain)], plain, atol=1e-5)
    assert abs(len(found) - len(plain)) <= 1152


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF024, 0])
def test_a_streamed_wav_is_whole(tmp_path, wholes, size):
    content = bytearray(wholes["wav"].read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = content[4:8] = size.to_bytes(4, "little")
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    found, expected = load_audio(path).samples, load_audio(wholes["wav"]).samples
    np.testing.assert_array_equal(found, expected)


@pytest.fixture
def thrift():
    """Fail where the test has more than 10 MB in use at any time."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_a_declared_gigabyte_is_not_allocated(tmp_path, wholes, thrift):
    content = bytearray(wholes["wav"].read_bytes()[:20_044])
    content[40:44] = (10**9).to_bytes(4, "little")
    path = tmp_path / "giga.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match="cut off: 20000 of 1000000000 bytes"):
        load_audio(path)
    assert len(load_audio(path, allow_truncated=True).samples) == 10_000
    path.write_bytes(content[:44])
    with pytest.raises(AudioError, match="cut off: 0 of 1000000000 bytes"):
        load_audio(path)
    with pytest.raises(AudioError, match="no audio that can be read"):
        load_audio(path, allow_truncated=True)


@pytest.mark.parametrize(
    ("samples", "rate", "complaint"),
    [
        (np.zeros((1, 1, 1)), 1, "shape"),
        (np.zeros(3, dtype=int), 1, "int64"),
        (np.zeros(0), 1, "no samples"),
        (np.zeros(3), 0, "rate is 0"),
        (np.array([0, np.inf]), 2, r"at 0\.500 s"),
    ],
)
def test_samples_that_are_none(samples, rate, complaint):
    with pytest.raises(AudioError, match=complaint):
        Audio(samples, rate)


def damaged(content, damage):
    """Damage an MP3 with the generator's seed fixed; "bodies" leaves every frame its header."""
    rng = np.random.default_rng(0)
    if damage == "hole":
        content[4_000:9_000] = bytes(5_000)
    elif damage == "noise":
        content[4_000:9_000] = rng.bytes(5_000)
    elif damage == "loss":
        del content[4_000:4_321]
    else:
        for at in range(10 * 288, len(content), 288):
            content[at + 4 : at + 40] = rng.bytes(36)
    return content


LOUD = pytest.mark.xfail(strict=True, reason="libmpg123 talks of damage behind sound headers")


@pytest.mark.parametrize(
    "damage", ["hole", "noise", "loss", pytest.param("bodies", marks=LOUD, id="bodies")]
)
def test_the_libraries_chatter_does_not_reach_the_terminal(tmp_path, wholes, damage, capfd):
    path = tmp_path / "a.mp3"
    path.write_bytes(damaged(bytearray(wholes["bare"].read_bytes()), damage))
    for allow_truncated in (False, True):
        with contextlib.suppress(AudioError):
            load_audio(path, allow_truncated=allow_truncated)
    assert capfd.readouterr() == ("", "")


def test_decoders_are_imported_when_used():
    code = "import sys, mer_plugins.audio; print({'soundfile', 'av', 'soxr'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.shared
def test_whole_real_recordings_are_accepted(shared):
    clips = sorted((shared / "data" / "deam" / "clips").glob("*.ogg"))[::40]
    others = [
        *(shared / "data" / "deam" / "full45").glob("*.mp3"),
        *(shared / "data" / "free_music").glob("*.ogg"),
        *sorted((shared / "data" / "4q" / "clips").glob("*.ogg"))[::60],
    ]
    for path in [*clips, *others]:
        assert load_audio(path).duration_s > 4


@pytest.mark.shared
def test_real_recordings_cut_anywhere_are_refused(shared, tmp_path):
    rng = np.random.default_rng(0)
    for path in sorted((shared / "data" / "deam" / "full45").glob("*.mp3")):
        content = path.read_bytes()
        cut = tmp_path / "cut.mp3"
        cut.write_bytes(content[: int(rng.integers(len(content) // 10, len(content) * 9 // 10))])
        with pytest.raises(AudioError):
            load_audio(cut)
