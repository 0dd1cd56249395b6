"""Two processes that add to one JAMS lose nothing, with ``flock`` and where there is none."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import jams
import pytest

from mer_plugins import atomic
from mer_plugins.errors import JamsError
from mer_plugins.jams_store import find_fingerprint, read, store

FLOCK = {"flock": "", "no flock": "atomic.HAS_FLOCK = False"}
CHILD = """
import sys
import numpy as np
from mer_plugins import atomic
from mer_plugins.curves import EmotionCurve
from mer_plugins.jams_store import Provenance, store, to_annotation

{flock}

def made(plugin, n):
    curve = EmotionCurve(np.arange(n) * 0.5, np.full((n, 2), 0.5), 0.5)
    return to_annotation(curve, Provenance(plugin, "1", "f", "", "", 0.5, "", ""))

print("ready", flush=True)
{work}
"""
STORE_MANY = """
for number in range(30):
    store(sys.argv[1], [made(f"{sys.argv[2]}{number}", 5)], duration_s=2.5)
"""
STORE_FOR_EVER = """
while True:
    store(sys.argv[1], [made(sys.argv[2], 400)], duration_s=200)
"""


def child(work, flock, *arguments):
    code = CHILD.replace("{flock}", FLOCK[flock]).replace("{work}", work)
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE
    )


def annotation(plugin):
    sandbox = {"plugin": plugin, "fingerprint": "f"}
    metadata = {"data_source": "program"}
    return {
        "namespace": "mood_thayer",
        "data": [],
        "sandbox": sandbox,
        "annotation_metadata": metadata,
    }


@pytest.mark.parametrize("flock", FLOCK)
def test_two_processes_adding_to_one_jams_lose_nothing(tmp_path, flock):
    path = tmp_path / "song.jams"
    with child(STORE_MANY, flock, path, "a") as one, child(STORE_MANY, flock, path, "b") as other:
        assert (one.wait(), other.wait()) == (0, 0)
    plugins = {a["sandbox"]["plugin"] for a in read(path)["annotations"]}
    assert plugins == {f"{name}{number}" for name in "ab" for number in range(30)}
    assert len(jams.load(str(path), strict=True).annotations) == 60
    assert os.listdir(tmp_path) == ["song.jams"]


@pytest.mark.parametrize("flock", FLOCK)
def test_the_lock_of_a_killed_writer_is_taken_over_and_its_leftovers_go(
    tmp_path, flock, monkeypatch
):
    path = tmp_path / "song.jams"
    if flock == "no flock":
        monkeypatch.setattr(atomic, "HAS_FLOCK", False)
    moment = random.Random(0)
    for number in range(4):
        with child(STORE_FOR_EVER, flock, path, "loop") as writer:
            writer.stdout.readline()
            time.sleep(0.05 + moment.uniform(0, 0.05))
            writer.send_signal(signal.SIGKILL)
        store(path, [annotation(f"after{number}")], duration_s=200)
        assert os.listdir(tmp_path) == ["song.jams"]
    assert all(find_fingerprint(read(path), f"after{n}") == "f" for n in range(4))


def test_a_lock_whose_maker_died_before_it_could_sign_is_cleared_away(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "HAS_FLOCK", False)
    path = tmp_path / "song.jams"
    atomic.lock_path(path).touch()
    store(path, [annotation("a")], duration_s=1)
    assert os.listdir(tmp_path) == ["song.jams"]


def test_a_lock_of_another_machine_is_waited_for_and_named(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "HAS_FLOCK", False)
    monkeypatch.setattr(atomic, "_LONGEST_WAIT_S", 0.3)
    path = tmp_path / "song.jams"
    lock = atomic.lock_path(path)
    lock.write_text(f"{os.getpid()}\nanother-machine\n")
    with pytest.raises(JamsError, match=r"\.song\.jams\.lock"):
        store(path, [annotation("a")], duration_s=1)
    lock.unlink()
    store(path, [annotation("a")], duration_s=1)
    assert os.listdir(tmp_path) == ["song.jams"]


def test_the_longest_file_name_has_a_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "HAS_FLOCK", False)
    path = tmp_path / ("x" * 250 + ".jams")
    store(path, [annotation("a")], duration_s=1)
    assert os.listdir(tmp_path) == [path.name]
