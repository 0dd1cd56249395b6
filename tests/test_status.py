"""``mer status``, stale results and ``--retry-failed``, with a plugin that needs no torch."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from mer_plugins.cli.extract import command as extract_command
from mer_plugins.cli.status import command as status_command
from mer_plugins.jams_store import read

PROBE = Path(__file__).parent / "faults" / "probe"
CHECKPOINT = PROBE / "mer_probe" / "checkpoint.json"
PLUGIN = ("--plugin", "probe")


def invoke(command, *arguments):
    result = CliRunner().invoke(command, [*map(str, arguments)], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, result.stdout, result.stderr


def extract(*arguments):
    return invoke(extract_command, *PLUGIN, "--engine", "serial", *arguments)


def status(*arguments):
    """Return (exit code, {file name: (state, reason)})."""
    code, out, _ = invoke(status_command, "--json", *arguments)
    rows = [json.loads(line) for line in out.splitlines()]
    return code, {os.path.basename(r["audio"]): (r["state"], r["reason"]) for r in rows}


@pytest.fixture(autouse=True)
def probe(monkeypatch):
    monkeypatch.syspath_prepend(PROBE)


@pytest.fixture
def music(tmp_path, song):
    for number, name in enumerate("abc"):
        song(tmp_path / "music" / f"{name}.wav", 1.0, seed=number)
    return tmp_path / "music"


@pytest.fixture
def checkpoint(tmp_path):
    """Return another checkpoint of the plugin, with other values."""
    path = tmp_path / "other.json"
    path.write_text('{"offset": 0.25}')
    return path


def test_each_state_is_told_with_its_reason(music, song):
    extract(music)
    (music / "a.wav").write_bytes(b"no sound at all")
    extract(music)
    song(music / "b.wav", 1.5, seed=9)
    (music / "c.jams").unlink()
    code, found = status(music)
    assert code == 1
    assert {name: state for name, (state, _) in found.items()} == {
        "a.wav": "failed",
        "b.wav": "stale",
        "c.wav": "missing",
    }
    assert "no audio that can be read" in found["a.wav"][1]
    assert found["b.wav"][1] == "the recording was changed"


def test_without_the_index_the_same_states_are_told(music, song, monkeypatch, tmp_path):
    extract(music)
    song(music / "b.wav", 1.5, seed=9)
    (music / "c.jams").unlink()
    with_index = status(music)[1]
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path / "another cache"))
    without = status(music)[1]
    assert {n: s for n, (s, _) in without.items()} == {n: s for n, (s, _) in with_index.items()}
    assert "another recording" in without["b.wav"][1]


def test_all_done_is_exit_code_0_and_one_line_a_plugin(music):
    extract(music)
    code, out, err = invoke(status_command, music)
    assert (code, out, err) == (0, "probe 1.0: done 3, stale 0, failed 0, missing 0\n", "")


def test_nothing_there_is_exit_code_3(tmp_path, music):
    assert invoke(status_command, music)[0] == 3
    (tmp_path / "empty").mkdir()
    assert invoke(status_command, *PLUGIN, tmp_path / "empty")[0] == 3


def test_a_jams_that_cannot_be_read_is_failed(music):
    extract(music)
    (music / "a.jams").write_text("{")
    assert status(*PLUGIN, music)[1]["a.wav"][0] == "failed"


def test_results_of_a_plugin_that_is_gone_are_mentioned(music):
    extract(music)
    found = json.loads((music / "a.jams").read_text())
    found["annotations"][0]["sandbox"]["plugin"] = "long-gone"
    (music / "a.jams").write_text(json.dumps(found))
    _, out, err = invoke(status_command, music)
    assert "'long-gone'" in err and "done 2, stale 0, failed 0, missing 1" in out


def test_another_checkpoint_makes_all_tracks_stale_and_they_are_done_again(music, checkpoint):
    extract(music)
    (before,) = read(music / "a.jams")["annotations"]
    parameter = ("-p", f"checkpoint={checkpoint}")
    code, found = status(*PLUGIN, *parameter, music)
    assert code == 1 and Counter(state for state, _ in found.values()) == {"stale": 3}
    assert all("checkpoint" in reason for _, reason in found.values())
    assert extract(*parameter, music)[1].strip() == "done 3, already done 0, failed 0"
    assert status(*PLUGIN, *parameter, music)[0] == 0
    (after,) = read(music / "a.jams")["annotations"]
    rise = float(after["data"][0]["value"][0] - before["data"][0]["value"][0])
    assert rise == pytest.approx(0.25, abs=1e-5)


def test_another_parameter_makes_all_tracks_stale(music):
    extract(music)
    _, found = status(*PLUGIN, "-p", "gain=0.5", music)
    assert set(found.values()) == {("stale", "made with other parameters")}
    assert extract("-p", "gain=0.5", music)[1].strip() == "done 3, already done 0, failed 0"


def test_a_checkpoint_of_the_same_content_elsewhere_changes_nothing(music, tmp_path):
    extract(music)
    copy = shutil.copy(CHECKPOINT, tmp_path / "copy.json")
    again = extract("-p", f"checkpoint={copy}", music)[1]
    assert again.strip() == "done 0, already done 3, failed 0"


def test_another_version_makes_all_tracks_stale(music):
    extract(music)
    path = music / "b.jams"
    found = json.loads(path.read_text())
    found["annotations"][0]["sandbox"] |= {"plugin_version": "0.9", "fingerprint": "older"}
    path.write_text(json.dumps(found))
    _, states = status(music)
    assert states["b.wav"] == ("stale", "made by version 0.9, now 1.0")
    assert extract(music)[1].strip() == "done 1, already done 2, failed 0"


def test_retry_failed_does_only_what_failed(music, song):
    (music / "a.wav").write_bytes(b"no sound at all")
    assert extract(music)[1].strip() == "done 2, already done 0, failed 1"
    song(music / "a.wav", 1.0)
    song(music / "new.wav", 1.0)
    assert extract("--retry-failed", music)[1].strip() == "done 1, already done 0, failed 0"
    assert not (music / "new.jams").exists()
    code, out, err = extract("--retry-failed", music)
    assert (code, out.strip()) == (3, "done 0, already done 0, failed 0")


def test_an_ordinary_run_tries_again_what_failed(music, song):
    (music / "a.wav").write_bytes(b"no sound at all")
    extract(music)
    assert extract(music)[1].strip() == "done 0, already done 2, failed 1"
    song(music / "a.wav", 1.0)
    assert extract(music)[1].strip() == "done 1, already done 2, failed 0"
    assert status(music)[0] == 0


def test_a_failure_of_a_file_whose_name_is_not_unicode_is_noted(music):
    name = os.path.join(os.fsencode(music), b"caf\xe9.wav")
    try:
        with open(name, "wb") as file:
            file.write(b"no sound at all")
    except OSError:
        pytest.skip("the file system takes no such name")
    assert extract(music)[1].strip() == "done 3, already done 0, failed 1"
    code, out, _ = invoke(status_command, music)
    assert code == 1 and "failed 1" in out and "no audio that can be read" in out
