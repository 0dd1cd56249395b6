"""What every engine owes the host, held against the local one and against a real Ray cluster.

The cluster is of three nodes, processes of this machine: a head without a worker, and two with one
each. Its files are in a folder of its own, and none of its processes outlives the tests.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import pytest
from click.testing import CliRunner

from mer_plugins.cli.extract import command
from mer_plugins.engines.local import LocalEngine
from mer_plugins.engines.ray import RayEngine
from mer_plugins.errors import PluginError

ray_is_needed = [
    pytest.mark.ray,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]
needs_ray = [pytest.param("ray", marks=ray_is_needed)]
EXTRACT = "from mer_plugins.cli import extract_main; extract_main()"
# How soon the head takes a silent node for dead; half a minute as Ray is set up.
HEALTH = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 4,
}


def started_with(folder):
    """Return the processes whose environment names the folder Ray was started with."""
    wanted, found = f"RAY_TMPDIR={folder}".encode(), []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # ended meanwhile, or another person's
            continue
    return found


def wait_until(condition, patience_s=60.0):
    deadline = time.monotonic() + patience_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def end_all(folder):
    """End what is left of Ray; tell what there was."""
    wait_until(lambda: not started_with(folder), 15)
    left = started_with(folder)
    for process in left:
        os.kill(process, signal.SIGKILL)
    shutil.rmtree(folder)
    return left


@pytest.fixture(scope="module")
def ray_folder():
    # Not below tmp_path: the path of a socket may have no more than 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="mer-ray-", dir="/tmp"))  # noqa: S108
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", str(folder))
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield folder
        left = end_all(folder)
    assert not left, "processes of Ray outlived the tests"


@pytest.fixture(scope="module")
def cluster(ray_folder):
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": HEALTH},
    )
    try:
        for _ in range(2):
            made.add_node(num_cpus=1)
        yield made
    finally:
        made.shutdown()


@pytest.fixture
def make_engine(request):
    """Return a function that makes an engine by its name."""

    def make(name, **options):
        if name == "local":
            return LocalEngine(**options)
        address = request.getfixturevalue("cluster").address
        return RayEngine(address=address, **options)

    return make


def tell(job, error):
    return job, type(error), str(error)


def do(job):
    if job == "raise":
        raise ValueError("bad track")
    if job == "plugin":
        raise PluginError("bad plugin")
    if job == "unsendable":
        return Lock()
    if job == "die":
        os._exit(3)
    if job == "hang":
        time.sleep(300)
    return job, os.environ["OMP_NUM_THREADS"]


@pytest.mark.parametrize("name", ["local", *needs_ray])
def test_whatever_a_job_does_it_costs_that_job_only(make_engine, name):
    lock = Lock()
    jobs = [0, "raise", "die", 1, "plugin", "hang", 2, "unsendable", lock, 3, 4]
    results = list(make_engine(name, workers=2, timeout_s=5.0).run(do, jobs, tell))
    assert sorted(r for r in results if len(r) == 2) == [(i, "1") for i in range(5)]
    lost = {job: (kind, text) for job, kind, text in (r for r in results if len(r) == 3)}
    assert len(results) == len(jobs)
    assert lost["raise"] == (ValueError, "bad track")
    assert lost["plugin"] == (PluginError, "bad plugin")
    assert lost["hang"][0] is TimeoutError and "5 s that the time-out allows" in lost["hang"][1]
    assert "cannot be sent" in lost["unsendable"][1]
    assert "died" in lost["die"][1]
    assert "pickle" in lost[lock][1]


def stay(folder):
    path = folder / str(os.getpid())
    path.touch()
    time.sleep(0 if len(list(folder.iterdir())) < 2 else 300)
    return 1


@pytest.mark.parametrize("name", ["local", *needs_ray])
def test_closed_early_it_takes_no_more_jobs_and_ends_its_workers(make_engine, name, tmp_path):
    taken = []

    def jobs():
        for i in range(1_000_000):
            taken.append(i)
            yield tmp_path

    results = make_engine(name, workers=2).run(stay, jobs(), tell)
    assert next(results) == 1
    workers = [Path("/proc") / path.name for path in tmp_path.iterdir()]
    assert workers and len(taken) <= 3
    results.close()
    assert wait_until(lambda: not any(path.exists() for path in workers), 20)
    assert len(taken) <= 3


@pytest.mark.parametrize("name", ["local", *needs_ray])
def test_without_a_job_nothing_is_started(name):
    engine = LocalEngine(1) if name == "local" else RayEngine(address="127.0.0.1:1")
    assert list(engine.run(do, [], tell)) == []


def wait_with_the_doomed(job):
    """Hold the doomed node's job until the node dies, and the others' until it has one in hand."""
    import ray

    number, folder, doomed = job
    held = folder / "held"
    if ray.get_runtime_context().get_node_id() == doomed:
        held.write_text(str(number))
        time.sleep(300)
    wait_until(held.exists)
    return number


@pytest.mark.ray
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_the_job_in_hand_of_a_node_that_is_killed_is_done_elsewhere(cluster, tmp_path):
    doomed = cluster.add_node(num_cpus=1)
    jobs = ((number, tmp_path, doomed.node_id) for number in range(8))
    results = []
    for result in RayEngine(address=cluster.address).run(wait_with_the_doomed, jobs, tell):
        results.append(result)
        if len(results) == 1:
            cluster.remove_node(doomed, allow_graceful=False)
    assert sorted(results) == list(range(8))
    assert int((tmp_path / "held").read_text()) in results
