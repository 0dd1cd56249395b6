from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from mer_plugins.contracts import ExtractorInfo
from mer_plugins.done_index import DoneIndex, Stamp, default_index_path
from mer_plugins.errors import AudioError, PluginError
from mer_plugins.fingerprints import audio_digest, fingerprint, settings_digest

INFO = ExtractorInfo(name="damff", version="1.0", checkpoint_sha256="c" * 64)


# Fingerprints


def test_the_audio_digest_is_blake2b_of_the_content_of_a_large_file(tmp_path):
    content = np.random.default_rng(0).bytes((1 << 20) * 2 + 17)
    (tmp_path / "a.wav").write_bytes(content)
    expected = hashlib.blake2b(content, digest_size=16).hexdigest()
    assert audio_digest(tmp_path / "a.wav") == expected


def test_a_recording_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(AudioError, match=r"gone\.wav: cannot be read \(No such file"):
        audio_digest(tmp_path / "gone.wav")


@pytest.mark.parametrize(
    ("info", "parameters", "audio"),
    [
        (ExtractorInfo(name="other", version="1.0", checkpoint_sha256="c" * 64), {"hop": 0.5}, "d"),
        (ExtractorInfo(name="damff", version="1.1", checkpoint_sha256="c" * 64), {"hop": 0.5}, "d"),
        (ExtractorInfo(name="damff", version="1.0", checkpoint_sha256="e" * 64), {"hop": 0.5}, "d"),
        (INFO, {"hop": 0.25}, "d"),
        (INFO, {"hop": 0.5, "window": 3}, "d"),
        (INFO, {"hop": 0.5}, "e"),
    ],
)
def test_whatever_alters_the_result_alters_the_fingerprint(info, parameters, audio):
    assert fingerprint(info, parameters, audio) != fingerprint(INFO, {"hop": 0.5}, "d")


def test_neither_order_nor_kind_of_number_alters_the_fingerprint():
    one = {"hop": 0.5, "checkpoint": Path("a/b"), "bands": (1, 2)}
    other = {"bands": np.array([1, 2]), "checkpoint": "a/b", "hop": np.float64(0.5)}
    assert fingerprint(INFO, one, "d") == fingerprint(INFO, other, "d")
    assert settings_digest(INFO, one) == settings_digest(INFO, other)
    assert settings_digest(INFO, one) != fingerprint(INFO, one, "d")


def test_the_fingerprint_stays_the_same_over_releases():
    # A change here makes every collection that was ever annotated look out of date.
    assert fingerprint(INFO, {"hop": 0.5}, "d") == (
        "64d20a1c4fc52e2ef771b839c4b094d64af3d9b7e94a58769032bed404aebb79"
    )


def test_a_parameter_without_a_stable_text_is_refused():
    with pytest.raises(PluginError, match="a parameter is <object"):
        fingerprint(INFO, {"callback": object()}, "d")


# The index


@pytest.fixture
def pair(tmp_path):
    audio, jams = tmp_path / "song.wav", tmp_path / "song.jams"
    audio.write_bytes(b"audio")
    jams.write_bytes(b"jams")
    return audio, jams


def known(index_path, audio, jams, plugin="damff", settings="s") -> bool:
    with DoneIndex(index_path) as index:
        assert index.problem == ""
        return index.is_done(jams, plugin, settings, Stamp.of(audio))


@pytest.fixture
def index_path(tmp_path, pair):
    path = tmp_path / "cache" / "index.sqlite"
    audio, jams = pair
    with DoneIndex(path) as index:
        assert not index.is_done(jams, "damff", "s", Stamp.of(audio))
        index.remember(jams, "damff", "s", Stamp.of(audio))
        assert index.is_done(jams, "damff", "s", Stamp.of(audio))
    return path


def test_what_was_remembered_is_known_to_the_next_run(index_path, pair):
    assert known(index_path, *pair)


def test_a_relative_path_is_the_same_track(index_path, pair, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert known(index_path, pair[0], Path("song.jams"))


def test_other_settings_and_other_plugins_are_unknown(index_path, pair):
    assert not known(index_path, *pair, settings="t")
    assert not known(index_path, *pair, plugin="damff-small")


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("change", ["content", "time", "gone"])
def test_a_changed_recording_or_jams_is_unknown(index_path, pair, which, change):
    audio, jams = pair
    before, stamp = pair[which].stat(), Stamp.of(audio)
    if change == "content":
        pair[which].write_bytes(b"longer than before")
        os.utime(pair[which], ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "time":
        os.utime(pair[which], ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    elif which == 1:
        jams.unlink()
    else:
        stamp = Stamp(0, 0)
    with DoneIndex(index_path) as index:
        stamp = Stamp.of(audio) if change != "gone" else stamp
        assert not index.is_done(jams, "damff", "s", stamp)


def test_a_recording_replaced_while_it_was_read_is_unknown(index_path, pair):
    audio, jams = pair
    before = Stamp.of(audio)
    audio.write_bytes(b"another recording")
    with DoneIndex(index_path) as index:
        index.remember(jams, "damff", "s", before)
        assert not index.is_done(jams, "damff", "s", Stamp.of(audio))


def test_a_file_name_that_is_not_utf8_is_remembered(tmp_path, pair):
    jams = tmp_path / os.fsdecode(b"caf\xe9.jams")
    jams.write_bytes(b"jams")
    with DoneIndex(tmp_path / "index.sqlite") as index:
        index.remember(jams, "damff", "s", Stamp.of(pair[0]))
    assert known(tmp_path / "index.sqlite", pair[0], jams)


def test_many_notes_are_written_before_the_end(tmp_path, pair):
    path = tmp_path / "index.sqlite"
    with DoneIndex(path) as index:
        for number in range(1000):
            index.remember(pair[1], f"plugin{number}", "s", Stamp.of(pair[0]))
        with DoneIndex(path) as meanwhile:
            assert meanwhile.is_done(pair[1], "plugin0", "s", Stamp.of(pair[0]))
    assert known(path, *pair, plugin="plugin999")


def test_two_runs_may_share_the_index(tmp_path, pair):
    path, stamp = tmp_path / "index.sqlite", Stamp.of(pair[0])
    with DoneIndex(path) as one:
        one.remember(pair[1], "one", "s", stamp)
        assert not one.is_done(pair[1], "other", "s", stamp)
        with DoneIndex(path) as other:
            other.remember(pair[1], "other", "s", stamp)
    assert one.problem == other.problem == ""
    assert known(path, *pair, plugin="one")
    assert known(path, *pair, plugin="other")


@pytest.mark.parametrize("harm", ["not a database", "another table", "a folder", "no folder"])
def test_an_index_that_cannot_be_used_stops_nothing(tmp_path, pair, harm):
    path = tmp_path / "index.sqlite"
    if harm == "not a database":
        path.write_bytes(b"no SQLite in here, only text" * 100)
    elif harm == "another table":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE done_1 (something_else TEXT)")
        database.close()
    elif harm == "a folder":
        path.mkdir()
    else:
        path = pair[0] / "index.sqlite"
    with DoneIndex(path) as index:
        index.remember(pair[1], "damff", "s", Stamp.of(pair[0]))
        index.is_done(pair[1], "damff", "s", Stamp.of(pair[0]))
        assert str(path) in index.problem
        assert "\n" not in index.problem


def test_an_index_damaged_in_its_middle_stops_nothing(tmp_path, pair):
    path = tmp_path / "index.sqlite"
    stamp = Stamp.of(pair[0])
    with DoneIndex(path) as index:
        for number in range(5000):
            index.remember(pair[1], f"plugin{number}", "s", stamp)
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * len(content[8192:])
    path.write_bytes(content)
    with DoneIndex(path) as index:
        found = [index.is_done(pair[1], f"plugin{number}", "s", stamp) for number in range(5000)]
        assert not any(found)
        assert "is not used" in index.problem


def test_an_index_that_another_process_keeps_locked_stops_nothing(tmp_path, pair, monkeypatch):
    monkeypatch.setattr("mer_plugins.done_index._PATIENCE_S", 0.05)
    path = tmp_path / "index.sqlite"
    with DoneIndex(path) as index:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        index.remember(pair[1], "damff", "s", Stamp.of(pair[0]))
        index.close()
        assert "locked" in index.problem
        other.close()


def test_the_index_lies_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path))
    assert default_index_path() == tmp_path / "index.sqlite"
    monkeypatch.delenv("MER_CACHE_DIR")
    assert default_index_path().name == "index.sqlite"
    assert default_index_path().parent.name == "mer_plugins"
