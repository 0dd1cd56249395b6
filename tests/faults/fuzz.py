"""Mutated input of every kind: each ends in a result or one MerError, soon and in bounded memory.

A case is (kind, number): the number seeds everything, so a case can be made again by itself.
"""

from __future__ import annotations

import copy
import io
import json
import os
import random
import resource
import shutil
import traceback
from functools import cache
from pathlib import Path

import av
import click
import numpy as np
import soundfile

from mer_plugins.annotate import PluginChoice
from mer_plugins.audio import open_audio
from mer_plugins.cli.options import parse_parameters
from mer_plugins.collection import find_tracks
from mer_plugins.curves import EmotionCurve
from mer_plugins.dataset_import import import_dataset
from mer_plugins.errors import MerError
from mer_plugins.fingerprints import settings_digest
from mer_plugins.host import plugin_host
from mer_plugins.jams_store import Provenance, curves, read, store, to_annotation
from mer_plugins.mood import is_own
from mer_plugins.status import plugins_of
from mer_plugins.track_lists import sources

RATE = 8000
ROOM = 3 << 30
SNDFILE = {
    "wav": {"format": "WAV"},
    "float.wav": {"format": "WAV", "subtype": "FLOAT"},
    "adpcm.wav": {"format": "WAV", "subtype": "IMA_ADPCM"},
    "rf64": {"format": "RF64"},
    "aiff": {"format": "AIFF"},
    "au": {"format": "AU"},
    "caf": {"format": "CAF"},
    "w64": {"format": "W64"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {"format": "MP3"},
}
FFMPEG = {
    "m4a": ("ipod", "aac"),
    "aac": ("adts", "aac"),
    "wma": ("asf", "wmav2"),
    "webm": ("webm", "libopus"),
    "mka": ("matroska", "aac"),
    "ac3": ("ac3", "ac3"),
    "tta": ("tta", "tta"),
    "wv": ("wv", "wavpack"),
    "mp2": ("mp2", "mp2"),
}
NUMBERS = [
    b"\0" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x80\0\0\0",
    b"\0\x10",
]
ODD = [
    None, True, -1, 0, 1e308, -1e308, 10**30, "", "x" * 10_000, [], {}, [[]], {"": {}}, "NaN",
    float("nan"), float("inf"), {"valence": 1}, [1, 2, 3], [None, None], "\ud800", "mood_thayer",
]  # fmt: skip


@cache
def audio_seeds() -> dict[str, bytes]:
    """Return a short recording in every format that is read."""
    noise = 0.2 * np.random.default_rng(0).standard_normal(RATE)
    found = {}
    for name, kind in SNDFILE.items():
        buffer = io.BytesIO()
        soundfile.write(buffer, noise, RATE, **kind)
        found[name] = buffer.getvalue()
    for name, (container, codec) in FFMPEG.items():
        found[name] = _by_ffmpeg(noise, container, codec)
    return found


def _by_ffmpeg(samples, container_format: str, codec: str) -> bytes:
    buffer, rate = io.BytesIO(), 48_000
    with av.open(buffer, "w", format=container_format) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout, stream.bit_rate = "mono", 64_000
        frame = av.AudioFrame.from_ndarray(
            np.tile(samples, 4)[None].astype(np.float32), "fltp", "mono"
        )
        frame.sample_rate = rate
        convert = av.AudioResampler(stream.format, "mono", rate, stream.frame_size or 1024)
        for part in [*convert.resample(frame), *convert.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def mutated(rng: random.Random, content: bytes, others: list[bytes]) -> bytes:
    """Return `content` with one to eight changes, most of them near its head."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 4, 8])):
        span = len(data) if rng.random() < 0.5 else min(len(data), 200)
        at = rng.randrange(span + 1)
        change = rng.randrange(8)
        if change == 0 and data:
            data[min(at, len(data) - 1)] ^= 1 << rng.randrange(8)
        elif change == 1:
            number = rng.choice(NUMBERS)
            data[at : at + len(number)] = number
        elif change == 2:
            data[at : at + rng.randrange(1, 64)] = b""
        elif change == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 64))
        elif change == 4:
            data[at : at + 16] = rng.randbytes(16)
        elif change == 5 and rng.random() < 0.5:
            del data[at:]
        elif change == 6:
            data[at:at] = data[at : at + rng.randrange(1, 2000)]
        elif change == 7 and rng.random() < 0.3:
            other = rng.choice(others)
            data[at:] = other[rng.randrange(len(other)) :]
    return bytes(data)


def fuzz_audio(rng: random.Random, folder: Path) -> None:
    seeds = audio_seeds()
    name = rng.choice(sorted(seeds))
    suffix = rng.choice([name, name, name, "mp3", "wav", "flac"]).rsplit(".", 1)[-1]
    path = folder / f"case.{suffix}"
    path.write_bytes(mutated(rng, seeds[name], list(seeds.values())))
    rate = rng.choice([None, 44_100])
    with open_audio(path, rate, allow_truncated=rng.random() < 0.5) as reader:
        for block in reader.blocks():
            assert block.dtype == np.float32 and np.isfinite(block).all()
        assert reader.duration_s > 0


def annotation(plugin: str) -> dict:
    curve = EmotionCurve(np.arange(3) * 0.5, np.full((3, 2), 0.25), 0.5)
    return to_annotation(curve, Provenance(plugin, "1", "f1", "", "", 0.5, "", ""))


@cache
def jams_seed() -> str:
    metadata = {"title": "a", "artist": "", "release": "", "duration": 1.5, "identifiers": {}}
    beat = {"time": 0.5, "duration": 0, "value": 1, "confidence": None}
    human = {"namespace": "mood_thayer", "data": [{**beat, "value": [0.1, 0.2]}] * 2}
    content = {
        "file_metadata": {**metadata, "jams_version": "0.3.5"},
        "annotations": [annotation("probe"), {"namespace": "beat", "data": [beat]}, human],
        "sandbox": {"scale": "(valence, arousal) in [-1, 1]"},
    }
    return json.dumps(content)


def odd_jams(rng: random.Random) -> bytes:
    """Return a JAMS with something wrong in its structure, its text or its encoding."""
    content = json.loads(jams_seed())
    for _ in range(rng.choice([1, 1, 2, 5])):
        _replace_somewhere(rng, content)
    text = json.dumps(content)
    change = rng.randrange(9)
    if change == 0:
        text = text.replace("0.25", rng.choice(["1e999", "9" * 5000, "-0", "1e-999", "NaN"]), 1)
    elif change == 1:
        depth = rng.choice([50, 900, 20_000])
        text = text.replace("0.25", "[" * depth + "]" * depth, 1)
    elif change == 2:
        text = text.replace('"annotations":', '"annotations": [], "annotations":', 1)
    elif change == 3:
        return "\ufeff".encode() + text.encode()
    elif change == 4:
        return text.replace('"a"', '"\u00fc"').encode("latin-1", "replace")
    elif change == 5:
        return mutated(rng, text.encode(), [b"{}[]", b'{"a": 1}'])
    elif change == 6:
        return text.encode(rng.choice(["utf-16", "utf-32", "utf-7"]))
    return text.encode()


def _replace_somewhere(rng: random.Random, content: object) -> None:
    while True:
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))  # type: ignore[arg-type]
        if not keys:
            return
        key = rng.choice(keys)
        inner = content[key]  # type: ignore[index]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.2:
            content[key] = copy.deepcopy(rng.choice(ODD))  # type: ignore[index]
            return
        content = inner


def fuzz_jams(rng: random.Random, folder: Path) -> None:
    path = folder / "case.jams"
    raw = odd_jams(rng)
    path.write_bytes(raw)
    try:
        before = read(path)
        curves(before, problem=lambda label, reason: None)
    except MerError:
        before = None
    plugins_of(next(iter(find_tracks_beside(folder))))
    try:
        store(path, [annotation("probe")], duration_s=1.5)
    except MerError:
        assert path.read_bytes() == raw
        raise
    assert before is not None
    after = read(path)
    assert repr(others(after)) == repr(others(before))
    assert after.keys() >= before.keys()


def others(content: dict) -> list:
    """Return all annotations but ours."""
    return [a for a in content.get("annotations") or [] if not is_own(a, "probe")]


def find_tracks_beside(folder: Path) -> list:
    (folder / "case.wav").write_bytes(b"")
    return list(find_tracks([str(folder / "case.wav")]))


def fuzz_lists(rng: random.Random, folder: Path) -> None:
    (folder / "a.wav").write_bytes(b"x")
    lines = [b"a.wav", b"../a.wav", b"/etc/passwd", b"#EXTM3U", b"file:///etc/hosts", b"", b"\0"]
    lines += [b"http://h/a.mp3", b"file://[::1", b"-", b"@list.txt", b"x" * 5000 + b".wav", b"."]
    raw = rng.choice([b"\n", b"\r\n", b"\r"]).join(rng.choices(lines, k=rng.randrange(1, 9)))
    if rng.random() < 0.7:
        raw = mutated(rng, raw, [b"a.wav\n", b"\xef\xbb\xbf"])
    path = folder / rng.choice(["case.m3u", "case.m3u8", "case.txt"])
    path.write_bytes(raw)
    given = f"@{path}" if path.suffix == ".txt" else str(path)
    for source in sources([given], None, lambda shown, reason: None):
        # A line that has become "/" is right to walk the whole disk, which is not asked here.
        if os.path.isdir(source.path) and not source.path.startswith(str(folder)):
            return
    for track in find_tracks([given], problem=lambda shown, reason: None):
        assert track.audio.is_absolute() and track.jams.suffix == ".jams"


@cache
def checkpoint_seed() -> bytes:
    from mer_plugins.host import resource_path

    info = plugin_host().info("damff")
    return resource_path(info.checkpoint).read_bytes()


def fuzz_checkpoint(rng: random.Random, folder: Path) -> None:
    import pickle

    path = folder / "case.safetensors"
    raw = checkpoint_seed()
    length = int.from_bytes(raw[:8], "little")
    choice = rng.randrange(4)
    if choice == 0:
        path.write_bytes(pickle.dumps({"weights": [1.0]}))
    elif choice == 1:
        path.write_bytes(raw[: rng.randrange(len(raw))])
    else:
        head = json.loads(raw[8 : 8 + length])
        _replace_somewhere(rng, head)
        if choice == 2 and isinstance(head.get("__metadata__"), dict):
            settings = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"]["settings"])
            _replace_somewhere(rng, settings)
            head["__metadata__"]["settings"] = json.dumps(settings)
        text = json.dumps(head).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + raw[8 + length :])
    plugin_host().create("damff", device="cpu", checkpoint=str(path))


def fuzz_parameters(rng: random.Random, folder: Path) -> None:
    keys = ["gain", "checkpoint", "nope", "", "a.b", "gain ", "self", "__class__", "lambda"]
    values = [
        "1",
        "x",
        "[1",
        "[1]",
        "{}",
        "1e999",
        "NaN",
        "null",
        "\ud800",
        "=",
        "9" * 5000,
        "[" * 9999,
    ]
    pairs = [f"{rng.choice(keys)}{rng.choice(['=', '=', '=', ''])}{rng.choice(values)}"]
    parameters = parse_parameters(pairs)
    info = plugin_host().info("probe", parameters)
    choice = PluginChoice(info, json.dumps(parameters))
    settings_digest(info, choice.decisive)
    plugin_host().create("probe", **parameters)


DATASETS = ("deam", "emomusic", "pmemo", "mer1101", "four_q", "vgmidi")
CELLS = ["", " ", "nan", "inf", "-1e999", "1e308", "9" * 5000, "x", "\ud7ff", '"', "1,5", "../../a",
         "/etc/hosts", "\0", "=1+1", "<script>", "-0", "0x10", "1_000", "\u0661", "True"]  # fmt: skip


@cache
def dataset_seed(folder: Path, name: str) -> tuple[Path, dict[Path, bytes]]:
    """Return a small copy of a data set, and what each of its tables holds."""
    import fake_datasets

    root = getattr(fake_datasets, name)(folder / name)
    tables = {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.suffix in (".csv", ".json")}
    return root, tables


def odd_table(rng: random.Random, content: bytes) -> bytes:
    """Return a table with a cell, a row, its text or its encoding gone wrong."""
    lines = content.decode().splitlines()
    at = rng.randrange(len(lines))
    change = rng.randrange(8)
    if change < 3:
        cells = lines[at].split(",")
        cells[rng.randrange(len(cells))] = rng.choice(CELLS)
        lines[at] = ",".join(cells)
    elif change == 3:
        lines[at : at + 1] = rng.choice([[], [lines[at]] * 2, [lines[at] + ",7" * 99], [""]])
    elif change == 4:
        return "\r".join(lines).encode(rng.choice(["utf-8-sig", "utf-16", "utf-32"]))
    elif change == 5:
        return content.replace(b",", rng.choice([b";", b"\t", b"\xfc,"]))
    else:
        return mutated(rng, content, [b'"', b"a,b\n1,2\n", b"{}"])
    return "\n".join(lines).encode()


def fuzz_tables(rng: random.Random, folder: Path) -> None:
    name = rng.choice(DATASETS)
    root, tables = dataset_seed(folder, name)
    path = rng.choice(list(tables))
    path.write_bytes(odd_table(rng, tables[path]))
    out = folder / "out"
    try:
        dataset = plugin_host().open_dataset("4q" if name == "four_q" else name, root)
        dataset.counts()
        # A piece of VGMIDI is rendered by another program, whose input is no table.
        outcomes = [] if name == "vgmidi" else list(import_dataset(dataset, out))
        assert not any("\n" in outcome.reason for outcome in outcomes)
        assert all(p.resolve().is_relative_to(out) for p in out.rglob("*"))
        for track_id in dataset.track_ids:
            dataset.track(track_id)
    finally:
        path.write_bytes(tables[path])
        shutil.rmtree(out, ignore_errors=True)


KINDS = {
    "audio": fuzz_audio,
    "jams": fuzz_jams,
    "lists": fuzz_lists,
    "checkpoint": fuzz_checkpoint,
    "parameters": fuzz_parameters,
    "tables": fuzz_tables,
}


def run_case(kind: str, number: int, folder: Path) -> str:
    """Return how a case ended: ``result``, ``error``, or what must not be."""
    try:
        KINDS[kind](random.Random(f"{kind} {number}"), folder)
    except (MerError, click.ClickException) as exc:
        return "error" if "\n" not in str(exc) else f"an error of several lines: {exc}"
    except Exception:
        return traceback.format_exc()
    return "result"


def run_batch(job: tuple[str, int, int, str]) -> dict:
    """Run cases [first, end) of a kind; return how many gave a result and an error, and the rest."""
    kind, first, end, folder = job
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (ROOM + (20 << 30) * (kind == "checkpoint"), hard))
    place = Path(folder, kind)
    place.mkdir(parents=True, exist_ok=True)
    found: dict = {"result": 0, "error": 0, "bad": {}}
    for number in range(first, end):
        Path(place, "number").write_text(str(number))
        how = run_case(kind, number, place)
        if how in found:
            found[how] += 1
        else:
            found["bad"][number] = how
    return found
