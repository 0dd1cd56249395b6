"""A few hundred mutated inputs of every kind, and the memory that the worst files take."""

from __future__ import annotations

import os
import resource
import struct
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from mer_plugins.audio import open_audio
from mer_plugins.collection import find_tracks
from mer_plugins.engines.local import LocalEngine
from mer_plugins.errors import AudioError, JamsError
from mer_plugins.jams_store import read, store

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from fuzz import KINDS, annotation, jams_seed, others, run_batch

COUNTS = {
    "audio": 600,
    "jams": 400,
    "lists": 300,
    "checkpoint": 30,
    "parameters": 150,
    "tables": 150,
}
ROOM = 400 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory by RLIMIT_AS")
@pytest.mark.parametrize("kind", KINDS)
def test_each_case_ends_in_a_result_or_one_error(tmp_path, kind):
    # In a worker, so that a crash of a library is a failure of this test and not of pytest.
    jobs = [(kind, 0, COUNTS[kind], str(tmp_path))]
    engine = LocalEngine(workers=1, timeout_s=250)
    (found,) = engine.run(run_batch, jobs, lambda job, error: {"bad": {"batch": str(error)}})
    assert found["bad"] == {}
    # Bad lines of a list are reported one by one, and never end the search.
    assert found["error"] or kind == "lists"
    assert found["result"] + found["error"] == COUNTS[kind]


def wav(channels, rate, declared, content):
    head = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * channels * 2, channels * 2, 16)
    size = min(declared + 36, 0xFFFFFFFF)
    return b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + head + b"data" + content


def declaring_a_gigabyte(path):
    path.write_bytes(wav(2, 44_100, 1 << 30, struct.pack("<I", 1 << 30))[:44])


def at_384_khz(path):
    soundfile.write(path, np.zeros(384_000 * 20), 384_000, subtype="PCM_16")


def of_64_channels(path):
    soundfile.write(path, np.zeros((44_100 * 5, 64)), 44_100, subtype="PCM_16")


def hours_of_silence(path):
    with soundfile.SoundFile(path, "w", 8000, 1, format="FLAC") as file:
        for _ in range(60 * 10):
            file.write(np.zeros(8000 * 60, dtype=np.int16))


WORST = {
    f.__name__: f for f in (declaring_a_gigabyte, at_384_khz, of_64_channels, hours_of_silence)
}


def decode_in_little_room(job):
    """Decode with 400 MiB of address space more than the interpreter has; return seconds."""
    import av  # noqa: F401  # what the libraries take is no matter of the file
    import soxr  # noqa: F401

    name, path = job
    used = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, hard))
    try:
        # Ten hours at their own rate: resampling them adds minutes and no memory.
        with open_audio(path, None if name == "hours_of_silence" else 44_100) as reader:
            return sum(map(len, reader.blocks())) / reader.sample_rate
    except AudioError as exc:
        return str(exc)


@pytest.mark.skipif(sys.platform != "linux", reason="bounds memory by RLIMIT_AS")
def test_the_worst_files_take_bounded_memory(tmp_path):
    jobs = []
    for name, make in WORST.items():
        path = tmp_path / (f"{name}.flac" if "silence" in name else f"{name}.wav")
        make(path)
        jobs.append((name, str(path)))
    engine = LocalEngine(workers=1, timeout_s=250)
    found = dict(zip(WORST, engine.run(decode_in_little_room, jobs, lost), strict=True))
    assert "cut off" in str(found.pop("declaring_a_gigabyte"))
    assert found == pytest.approx(
        {"at_384_khz": 20, "of_64_channels": 5, "hours_of_silence": 36_000}
    )


def lost(job, error):
    return repr(error)


ODD_JAMS = {
    "a mark ahead": (b"\xef\xbb\xbf" + jams_seed().encode(), None),
    "a key twice": (
        jams_seed().replace('"annotations"', '"annotations": [], "annotations"').encode(),
        None,
    ),
    "Latin-1": (jams_seed().replace('"a"', '"\xfc"').encode("latin-1"), "is not UTF-8"),
    "deep": (jams_seed().replace("0.25", "[" * 99_999 + "]" * 99_999, 1).encode(), "too deeply"),
}


@pytest.mark.parametrize("name", ODD_JAMS)
def test_odd_jams_are_kept_or_refused_whole(tmp_path, name):
    raw, refusal = ODD_JAMS[name]
    path = tmp_path / "song.jams"
    path.write_bytes(raw)
    if refusal:
        with pytest.raises(JamsError, match=refusal):
            store(path, [annotation("probe")], duration_s=1.5)
        assert path.read_bytes() == raw
    else:
        before = others(read(path))
        store(path, [annotation("probe")], duration_s=1.5)
        assert others(read(path)) == before != []


def test_a_jams_of_100_mb_is_extended(tmp_path):
    path = tmp_path / "song.jams"
    beat = '{"time":0.5,"duration":0.0,"value":1,"confidence":0.5}'
    rows = ",".join([beat] * 40_000)
    part = '{"namespace":"beat","data":[' + rows + "]}"
    filler = "x" * (98 << 20)
    path.write_text('{"annotations":[' + part + '],"sandbox":{"filler":"' + filler + '"}}')
    assert path.stat().st_size > 100e6
    store(path, [annotation("probe")], duration_s=1.5)
    found = read(path)
    assert len(found["annotations"]) == 2 and len(found["annotations"][0]["data"]) == 40_000
    assert found["sandbox"]["filler"] == filler


def test_samples_that_become_infinite_by_resampling_are_one_error(tmp_path):
    level = float(np.finfo(np.float32).max) * 0.999
    square = np.where(np.arange(8000) % 40 < 20, level, -level)
    soundfile.write(tmp_path / "loud.wav", square, 8000, subtype="FLOAT")
    with (
        open_audio(tmp_path / "loud.wav", 44_100) as reader,
        pytest.raises(AudioError, match="holds NaN or infinity at 0"),
    ):
        list(reader.blocks())


@pytest.mark.parametrize(
    "line", [b"file://[::1", b"file:///\xff\x97.wav", b"../a\0b.wav", b"x" * 5000 + b".wav"]
)
def test_a_playlist_costs_its_bad_lines_only(tmp_path, song, line):
    song(tmp_path / "a.wav", 0.1)
    (tmp_path / "list.m3u").write_bytes(b"a.wav\n" + line + b"\n")
    problems = []
    found = find_tracks(
        [str(tmp_path / "list.m3u")], problem=lambda shown, reason: problems.append(reason)
    )
    assert [track.audio.name for track in found] == ["a.wav"]
    assert len(problems) == 1 and "\n" not in problems[0]


LAYOUTS = {2: "stereo", 7: "6.1", 8: "7.1", 16: "hexadecagonal", 24: "22.2"}


@pytest.mark.parametrize("channels", LAYOUTS)
def test_any_number_of_channels_by_ffmpeg(tmp_path, channels):
    """Each channel holds its own number; PyAV miscounts eight planes and more."""
    levels = np.arange(1, channels + 1) / 64
    path = tmp_path / "many.mka"
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("pcm_f32le", rate=8000)
        stream.layout = LAYOUTS[channels]
        row = np.tile(levels, 4000)[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(row, "flt", LAYOUTS[channels])
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_audio(path) as reader:
        assert (reader.channels, reader.decoder[:4]) == (channels, "PyAV")
        samples = np.concatenate(list(reader.blocks()))
    np.testing.assert_allclose(samples, np.full(4000, levels.mean()), rtol=1e-6)
