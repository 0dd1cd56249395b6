"""Reading recordings: every container, odd rates and channels, and everything that is no recording."""

from __future__ import annotations

import subprocess
import sys

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


def write_by_ffmpeg(path, samples, codec, rate=48_000):
    with av.open(str(path), "w") as container:
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
        ("a.ogg", {"format": "OGG", "subtype": "VORBIS"}, 0.2),
    ],
)
def test_what_libsndfile_reads(tmp_path, name, kind, tolerance):
    samples = music()
    found = load_audio(write(tmp_path / name, samples, **kind))
    assert found.sample_rate == RATE and found.samples.dtype == np.float32
    np.testing.assert_allclose(found.samples, samples[:, 0], atol=tolerance)


def test_mp3(tmp_path):
    found = load_audio(write(tmp_path / "a.mp3", music()))
    assert found.duration_s == pytest.approx(2, abs=0.06)
    assert np.sqrt(np.mean(found.samples**2)) == pytest.approx(0.287, abs=0.02)


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
        ("noise.mp3", np.random.default_rng(0).bytes(9_000), "."),
        ("picture.mp3", b"\x89PNG\r\n\x1a\n" + bytes(500), "."),
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


def made(folder, kind):
    if kind == "m4a":
        return write_by_ffmpeg(folder / "a.m4a", music(rate=48_000), "aac")
    formats = {"ogg": {"format": "OGG", "subtype": "VORBIS"}}
    return write(folder / f"a.{kind}", music(), **formats.get(kind, {}))


@pytest.mark.parametrize("share", [0.3, 0.62, 0.9])
@pytest.mark.parametrize("kind", ["wav", "aiff", "flac", "ogg", "mp3", "m4a"])
def test_what_is_cut_off_is_an_error(tmp_path, kind, share):
    path = made(tmp_path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: round(len(content) * share)])
    with pytest.raises(AudioError, match=r"--allow-truncated|cannot be decoded|no audio"):
        load_audio(path)


@pytest.mark.parametrize("kind", ["wav", "aiff", "ogg", "mp3"])
def test_on_request_what_is_there_is_taken(tmp_path, kind):
    path = made(tmp_path, kind)
    whole, content = load_audio(path).samples, path.read_bytes()
    path.write_bytes(content[: round(len(content) * 0.6)])
    found = load_audio(path, allow_truncated=True).samples
    assert 0.3 < len(found) / len(whole) < 0.7
    # A cut MP3 goes to the other decoder.
    np.testing.assert_allclose(found[:10_000], whole[:10_000], atol=1e-5)


@pytest.mark.parametrize(
    "tag", [b"TAG" + bytes(125), bytes(4_096), b"rubbish" * 50], ids=["ID3v1", "zeros", "rubbish"]
)
def test_what_follows_the_sound_of_an_mp3_does_no_harm(tmp_path, tag):
    path = made(tmp_path, "mp3")
    path.write_bytes(path.read_bytes() + tag)
    assert load_audio(path).duration_s == pytest.approx(2, abs=0.06)


def test_a_streamed_wav_is_whole(tmp_path):
    path = made(tmp_path, "wav")
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert load_audio(path).duration_s == 2


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


def test_the_libraries_chatter_does_not_reach_the_terminal(tmp_path, capfd):
    path = made(tmp_path, "mp3")
    content = bytearray(path.read_bytes())
    content[4_000:9_000] = bytes(5_000)
    path.write_bytes(content)
    try:
        load_audio(path)
    except AudioError as exc:
        assert "\n" not in str(exc)
    assert capfd.readouterr().err == ""


def test_decoders_are_imported_when_used():
    code = "import sys, mer_plugins.audio; print({'soundfile', 'av', 'soxr'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.shared
def test_whole_real_recordings_are_accepted(shared):
    clips = sorted((shared / "data" / "deam" / "clips").glob("*.ogg"))[::60]
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
