"""mer listen: the values of mer-extract while the music plays, from files and pipes, for ever."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from mer_plugins import EmotionCurve, load_audio
from mer_plugins.cli import mer
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.errors import AudioError, PluginError
from mer_plugins.host import create_extractor
from mer_plugins.listening import BLOCK_S, Listener
from mer_plugins.pcm import PcmFormat, open_pcm

RATE = 44_100
DAMFF = ("--plugin", "damff", "--device", "cpu", "-p", "window_s=2.5", "-p", "hop_s=0.5")
CHEAP = ("--plugin", "mean-trajectory")


class Pipe:
    """Gives bytes in pieces of odd sizes, as a pipe does, and never more than asked for."""

    def __init__(self, content, seed=0):
        self._content, self._rng = io.BytesIO(content), np.random.default_rng(seed)

    def read(self, size):
        return self._content.read(min(size, int(self._rng.integers(1, 30_000))))


def listen(*arguments, content=None):
    result = CliRunner().invoke(mer, ["listen", *map(str, arguments)], input=content)
    assert result.exit_code == 0, result.output
    return result


def values(result):
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return [(r["time"], [r["valence"], r["arousal"]]) for r in rows]


def extracted(path, *options):
    arguments = ["extract", "--engine", "serial", *options, str(path)]
    result = CliRunner().invoke(mer, arguments)
    assert result.exit_code == 0, result.output
    jams = json.loads(path.with_suffix(".jams").read_text())
    return [(o["time"], o["value"]) for o in jams["annotations"][0]["data"]]


def blocks(reader):
    return np.concatenate(list(reader.blocks()))


@pytest.mark.parametrize("options", [CHEAP, DAMFF], ids=["mean-trajectory", "damff"])
@pytest.mark.parametrize("rate", [44_100, 32_000])
def test_a_file_has_the_values_of_mer_extract(song, tmp_path, options, rate):
    path = song(tmp_path / "song.wav", 21.3, sample_rate=rate)
    assert values(listen(path, *options, "--json")) == extracted(path, *options)


@pytest.mark.parametrize("options", [CHEAP, DAMFF], ids=["mean-trajectory", "damff"])
def test_a_pipe_in_pieces_of_any_size_has_the_values_of_mer_extract(
    song, tmp_path, options, monkeypatch
):
    path = song(tmp_path / "song.wav", 21.3)
    expected = extracted(path, *options)
    assert values(listen("-", *options, "--json", content=path.read_bytes())) == expected
    name, parameters = options[1], {"window_s": 2.5, "hop_s": 0.5} if options is DAMFF else {}
    for seed in range(2):
        listener = Listener(create_extractor(name, **parameters))
        reader = open_pcm(Pipe(path.read_bytes(), seed), RATE, block_s=BLOCK_S)
        assert [(p.time_s, list(p.value)) for p in listener.points(reader)] == expected


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_wav_in_a_pipe_has_the_samples_of_the_file(tmp_path, subtype, container):
    path = tmp_path / "song.wav"
    stereo = np.random.default_rng(0).uniform(-1, 1, (9_001, 2))
    soundfile.write(path, stereo, 48_000, subtype=subtype, format=container)
    found = blocks(open_pcm(Pipe(path.read_bytes()), RATE, block_s=0.01))
    np.testing.assert_array_equal(found, load_audio(path, RATE).samples)


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF])
def test_wav_of_unknown_length_is_heard_to_the_end(tmp_path, size):
    path = tmp_path / "song.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 5_000), RATE)
    content = path.read_bytes().replace(
        b"data" + (10_000).to_bytes(4, "little"), b"data" + size.to_bytes(4, "little")
    )
    assert content != path.read_bytes()
    assert len(blocks(open_pcm(Pipe(content), None, block_s=0.01))) == 5_000


def test_what_follows_the_samples_is_not_heard(tmp_path):
    path = tmp_path / "song.wav"
    soundfile.write(path, np.zeros(5_000), RATE)
    content = path.read_bytes() + b"LIST" + (4_000).to_bytes(4, "little") + b"\x7f" * 4_000
    found = blocks(open_pcm(Pipe(content), None, block_s=0.01))
    np.testing.assert_array_equal(found, np.zeros(5_000))


@pytest.mark.parametrize(("encoding", "kind"), [("s16le", "<i2"), ("f32le", "<f4")])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_raw_samples_are_mixed_and_scaled(encoding, kind, channels):
    rng = np.random.default_rng(0)
    whole = rng.integers(-32_768, 32_768, (4_000, channels))
    content = whole.astype(kind) if kind == "<i2" else (whole / 32_768).astype(kind)
    raw = PcmFormat(22_050, channels, encoding)
    # The last, broken frame is no sample.
    found = blocks(open_pcm(Pipe(content.tobytes() + b"\1"), None, raw, block_s=0.01))
    np.testing.assert_allclose(found, whole.mean(axis=1) / 32_768, atol=1e-7)
    assert len(found) == 4_000


def test_raw_options_describe_standard_input():
    content = np.zeros(3 * 8_000 * 2, dtype="<f4").tobytes()
    raw = ("--rate", 8_000, "--channels", 2, "--format", "f32le")
    assert len(values(listen("-", *CHEAP, *raw, "--json", content=content))) == 6


def test_a_wav_header_goes_before_the_raw_options(song, tmp_path):
    content = song(tmp_path / "song.wav", 3.0).read_bytes()
    assert len(values(listen("-", *CHEAP, "--rate", 8_000, "--json", content=content))) == 6


def test_lines_for_people_tell_time_values_latency_and_a_sum(song, tmp_path):
    result = listen(song(tmp_path / "song.wav", 2.0), *CHEAP)
    line = r" +\d+\.\d\d s  valence [+-]0\.\d{6}  arousal [+-]0\.\d{6}  latency 0\.[56]\d s"
    assert all(re.fullmatch(line, found) for found in result.stdout.splitlines())
    assert len(result.stdout.splitlines()) == 4
    assert re.fullmatch(
        r"2\.0 s heard, 4 points, latency mean 0\.5\d s, max 0\.[56]\d s, "
        r"real-time factor 0\.\d{4}\n",
        result.stderr,
    )


def test_an_ensemble_tells_its_deviation(song, tmp_path):
    path = song(tmp_path / "song.wav", 1.0)
    options = ("--plugin", "damff-ensemble", "--device", "cpu")
    first = json.loads(listen(path, *options, "--json").stdout.splitlines()[0])
    assert {"valence_std", "arousal_std"} < first.keys()
    line = listen(path, *options).stdout.splitlines()[0]
    assert f"valence {first['valence']:+.6f} ± {first['valence_std']:.6f}" in line


def test_low_latency_is_sooner_and_the_same_but_for_rounding(song, tmp_path):
    path = song(tmp_path / "song.wav", 40.0)
    plain, prompt = (
        [json.loads(line) for line in listen(path, *DAMFF, "--json", *more).stdout.splitlines()]
        for more in (["-p", "smoothing_s=0"], ["-p", "smoothing_s=0", "--low-latency"])
    )
    assert [row["time"] for row in prompt] == [row["time"] for row in plain]
    for name in ("valence", "arousal"):
        np.testing.assert_allclose([r[name] for r in prompt], [r[name] for r in plain], atol=2e-6)
    # Final once the window is heard, then with each half second (and the reach of its last frame).
    assert max(row["latency_s"] for row in prompt) < 2.5 + 0.2
    assert all(0.5 <= row["latency_s"] < 0.7 for row in prompt[5:-5])
    assert np.mean([row["latency_s"] for row in plain]) > 7


def test_latency_of_damff_as_the_help_states_it(song, tmp_path):
    path = song(tmp_path / "song.wav", 36.0)
    options = ("--plugin", "damff", "--device", "cpu", "--json")
    plain = [json.loads(line) for line in listen(path, *options).stdout.splitlines()]
    prompt, rough = (
        [json.loads(line) for line in listen(path, *options, *more).stdout.splitlines()]
        for more in (["--low-latency"], ["--low-latency", "-p", "smoothing_s=0"])
    )
    assert 16 <= plain[0]["latency_s"] < 16.2
    assert 10 <= prompt[0]["latency_s"] < 10.2
    assert 7 <= max(row["latency_s"] for row in prompt[20:]) < 7.2
    assert 2.5 <= max(row["latency_s"] for row in rough[20:]) < 2.7


def test_memory_does_not_grow_with_the_music():
    class Endless:
        """Twenty minutes or another length of noise, made as it is read."""

        def __init__(self, seconds):
            self._left = seconds * RATE * 2
            self._noise = np.random.default_rng(0).integers(-9_999, 9_999, 4_096, "<i2").tobytes()

        def read(self, size):
            piece = self._noise[: min(size, self._left)]
            self._left -= len(piece)
            return piece

    def peak(seconds):
        listener = Listener(create_extractor("mean-trajectory"))
        reader = open_pcm(Endless(seconds), RATE, PcmFormat(RATE), block_s=BLOCK_S)
        tracemalloc.start()
        count = sum(1 for _ in listener.points(reader))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == seconds * 2
        return found

    peak(5)  # what the first use imports and keeps
    assert peak(1_200) < peak(60) + 50_000 < 1_000_000


def test_real_time_takes_as_long_as_the_music(song, tmp_path):
    path = song(tmp_path / "song.wav", 1.5)
    started = time.monotonic()
    listen(path, *CHEAP, "--real-time")
    assert time.monotonic() - started >= 1.5


class Whole:
    info = ExtractorInfo(name="whole", version="1")

    def __call__(self, audio):
        return EmotionCurve(np.zeros(1), np.zeros((1, 2)), 0.5)


class Falling(Whole):
    def open(self):
        return self

    def feed(self, samples):
        raise ValueError("no such\nmood")

    def finish(self):
        return self(None)


def test_a_plugin_without_a_stream_is_refused():
    with pytest.raises(PluginError, match="'whole' needs the whole recording at once"):
        Listener(Whole())


def test_a_plugin_that_fails_is_named():
    reader = open_pcm(io.BytesIO(bytes(40)), None, PcmFormat(RATE), block_s=0.1)
    with pytest.raises(AudioError, match="standard input: plugin 'whole' failed: .* no such mood"):
        list(Listener(Falling()).points(reader))


@pytest.mark.parametrize(
    ("arguments", "content", "complaint"),
    [
        (["-"], b"", "is empty"),
        (["-"], b"fLaC....", "begins with b'fLaC' and not with a WAV header: give --rate"),
        (["-"], b"RIFF....WAVEfmt ", "its WAV header is cut off"),
        (["-"], b"RIFF....WAVEdata\0\0\0\0", "tells no format before the data"),
        (["-", "--rate", "8000", "--format", "f32le"], b"\xff" * 4_000, "NaN or infinity at 0.000"),
        (["-", "--rate", "44100"], b"\0" * 900, "at least 0.5 s"),
        (["-", "--rate", "44100", "--real-time"], b"", "--real-time is for a FILE"),
        (["nowhere.wav"], b"", "nowhere.wav: not found"),
        (["nowhere.wav", "--rate", "44100"], b"", "mer listen - < nowhere.wav"),
    ],
)
def test_what_cannot_be_heard(arguments, content, complaint):
    found = run([*arguments, *CHEAP], input=content, capture_output=True)
    assert found.returncode == 2
    assert complaint in found.stderr.decode()
    assert b"Traceback" not in found.stderr


def test_unknown_wav_formats_are_named():
    fmt = b"fmt \x10\0\0\0" + bytes([2, 0, 1, 0]) + (8_000).to_bytes(4, "little") + bytes(8)
    with pytest.raises(AudioError, match="format 2, 0 bits, 1 channels, 8000 Hz is not known"):
        open_pcm(io.BytesIO(b"RIFF....WAVE" + fmt), None, block_s=0.1)


CODE = "from mer_plugins.cli import main; main()"


def run(arguments, **options):
    return subprocess.run([sys.executable, "-c", CODE, "listen", *arguments], **options)


def test_ctrl_c_ends_with_what_is_final():
    arguments = [sys.executable, "-c", CODE, "listen", "-", *CHEAP, "--rate", "44100"]
    with subprocess.Popen(arguments, stdin=-1, stdout=-1, stderr=-1) as process:
        process.stdin.write(bytes(RATE * 2 * 2))
        process.stdin.flush()
        lines = [process.stdout.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert all(line.endswith(b" s\n") for line in lines) and out == b""
    assert err.startswith(b"2.0 s heard, 4 points") and err.count(b"\n") == 1


def test_a_reader_that_has_seen_enough_ends_it_quietly(song, tmp_path):
    path = song(tmp_path / "song.wav", 60.0)
    arguments = [sys.executable, "-c", CODE, "listen", path, *CHEAP, "--real-time"]
    with subprocess.Popen(arguments, stdout=-1, stderr=-1) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_lines_come_while_the_sound_is_still_coming():
    arguments = [sys.executable, "-c", CODE, "listen", "-", *CHEAP, "--rate", "44100"]
    with subprocess.Popen(arguments, stdin=-1, stdout=-1, stderr=-1) as process:
        os.write(process.stdin.fileno(), bytes(RATE * 2 * 6 // 10))
        assert process.stdout.readline().startswith(b"    0.00 s")
        process.stdin.close()
        assert process.wait(timeout=60) == 0
