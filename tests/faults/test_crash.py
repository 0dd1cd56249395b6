"""A few trials of each kind; ``make soak`` does them for as long as you like."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from mer_plugins.cli.extract import command
from mer_plugins.engines.local import LocalEngine
from mer_plugins.jams_store import read

sys.path.insert(0, str(Path(__file__).parent))
from crash import HARMS, KILLS, Collection, trial

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize("harm", [*KILLS, *KILLS[:2], *HARMS])
def test_nothing_is_lost(tmp_path, harm, request):
    collection = Collection.make(
        tmp_path / "music", seed=sum(map(ord, request.node.name)), tracks=4
    )
    collection.gain += 1
    collection.expect()
    collection.finish()
    trial(collection, harm)


def _process_id(job):
    time.sleep(0.01)
    return os.getpid()


def test_workers_killed_between_jobs_and_while_they_start_cost_no_more_than_their_job():
    results = []
    engine = LocalEngine(workers=2)
    run = engine.run(_process_id, range(12), lambda job, error: str(error))
    for result in run:
        results.append(result)
        if isinstance(result, int) and len(results) in (2, 5, 8):
            os.kill(result, signal.SIGKILL)
    assert len(results) == 12
    assert all("signal SIGKILL" in r for r in results if isinstance(r, str))
    assert sum(isinstance(r, int) for r in results) >= 9


def test_a_small_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        collection = Collection.make(tmp_path / "music", seed=1, tracks=4)
        collection.expect()
        fill = disk / "fill"
        with pytest.raises(OSError), fill.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4096)
        output = ("-o", str(disk), "--engine", "serial")
        argv = collection.arguments(*output)
        result = CliRunner().invoke(command, argv, standalone_mode=False)
        assert (result.exception, result.return_value) == (None, 1)
        assert result.stderr.count("No space left") == 4
        assert [p.name for p in disk.iterdir()] == ["fill"]
        fill.unlink()
        assert CliRunner().invoke(command, argv, standalone_mode=False).return_value == 0
        assert len([read(p) for p in disk.glob("*.jams")]) == 4
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


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


@pytest.fixture
def open_folder():
    """Return a folder that everybody can reach, as pytest's own is not."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_folders_and_files_without_permission_cost_their_tracks_only(open_folder):
    collection = Collection.make(open_folder / "music", seed=2, tracks=3)
    for name in ("read-only", "free"):
        (open_folder / name).mkdir(mode=0o755)
    (open_folder / "free").chmod(0o777)
    collection.expect()
    (collection.folder / "2.wav").chmod(0)
    before = {p.name: p.read_bytes() for p in collection.folder.glob("*.jams")}
    for output, failed in (("read-only", 3), ("free", 1), ("", 3)):
        where = ["-o", str(open_folder / output)] if output else []
        argv = collection.arguments("--engine", "serial", *where)
        with as_nobody():
            result = CliRunner().invoke(command, argv, standalone_mode=False)
        assert (result.exception, result.return_value) == (None, 1)
        assert f"failed {failed}\n" in result.stdout
        assert result.stderr.count("Permission denied") + result.stderr.count("read-only;") >= 1
    assert {p.name: p.read_bytes() for p in collection.folder.glob("*.jams")} == before
    (collection.folder / "2.wav").chmod(0o644)
    collection.finish()
