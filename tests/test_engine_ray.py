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
from multiprocessing import resource_tracker
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


def wait_until(condition, patience_s=120.0):
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
    # Which stays as long as this process does, must not be taken for one of Ray's.
    resource_tracker.ensure_running()
    # Not below tmp_path: the path of a socket may have no more than 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="mer-ray-", dir="/tmp"))
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
    results = list(make_engine(name, workers=2, timeout_s=3.0).run(do, jobs, tell))
    assert sorted(r for r in results if len(r) == 2) == [(i, "1") for i in range(5)]
    lost = {job: (kind, text) for job, kind, text in (r for r in results if len(r) == 3)}
    assert len(results) == len(jobs)
    assert lost["raise"] == (ValueError, "bad track")
    assert lost["plugin"] == (PluginError, "bad plugin")
    assert lost["hang"][0] is TimeoutError and "3 s that the time-out allows" in lost["hang"][1]
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


@pytest.fixture
def annotate():
    """Return a function that starts the command as people do; it runs on."""
    started = []

    def start(*arguments):
        argv = [sys.executable, "-c", EXTRACT, "--plugin", "damff", "--device", "cpu", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(list(map(str, argv)), start_new_session=True, **pipes))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def undisturbed(*arguments):
    argv = ["--plugin", "damff", "--device", "cpu", *map(str, arguments)]
    return CliRunner().invoke(command, argv, standalone_mode=False).stdout


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.jams")}


@pytest.mark.ray
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_with_a_node_killed_midway_a_collection_ends_as_with_the_local_engine(
    cluster, annotate, tmp_path, song
):
    music, log = tmp_path / "music", tmp_path / "log.jsonl"
    for i in range(8):
        song(music / f"{i}.wav", 20.0, seed=i)
    (music / "text.wav").write_text("this is no sound\n" * 100)
    expected, out = tmp_path / "local", tmp_path / "ray"
    undisturbed("-j", 1, "-o", expected, music)
    doomed = cluster.add_node(num_cpus=1)
    many = ("--engine", "ray", "--address", cluster.address, "-q", "-o", out, music)
    running = annotate(*many, "--log-json", log)
    assert wait_until(lambda: len(contents(out)) > 1)
    cluster.remove_node(doomed, allow_graceful=False)
    stdout, stderr = running.communicate(timeout=120)
    assert stdout == "done 8, already done 0, failed 1\n", stderr
    assert running.returncode == 1
    assert [line.partition(": ")[0] for line in stderr.splitlines()] == [str(music / "text.wav")]
    told = [json.loads(line) for line in log.read_text().splitlines()]
    assert sorted(Path(record["audio"]).name for record in told) == [
        *(f"{i}.wav" for i in range(8)),
        "text.wav",
    ]
    assert contents(out) == contents(expected) and len(contents(out)) == 8
    (music / "text.wav").unlink()
    again, _ = annotate(*many).communicate(timeout=120)
    assert again == "done 0, already done 8, failed 0\n"


@pytest.mark.ray
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_on_this_machine_alone_ctrl_c_leaves_no_process_and_the_next_run_goes_on(
    annotate, tmp_path, song, monkeypatch
):
    music = tmp_path / "music"
    for i in range(30):
        song(music / f"{i:02}.wav", 10.0, seed=i)
    folder = Path(tempfile.mkdtemp(prefix="mer-ray-", dir="/tmp"))
    monkeypatch.setenv("RAY_TMPDIR", str(folder))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    try:
        running = annotate("--engine", "ray", "-j", 1, music)
        assert wait_until(lambda: contents(music))
        os.killpg(running.pid, signal.SIGINT)
        stdout, stderr = running.communicate(timeout=120)
    finally:
        left = end_all(folder)
    assert running.returncode == 130, stderr
    assert "run the same command again" in stderr and "Traceback" not in stderr
    assert stdout == ""
    assert not left
    done = len(contents(music))
    told = undisturbed("--engine", "serial", "-q", music)
    assert told == f"done {30 - done}, already done {done}, failed 0\n"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--engine", "local", "--address", "auto"], "engine 'local' takes no parameter 'address'"),
        (["--engine", "local", "--engine-option", "colour=red"], "no parameter 'colour'"),
    ],
)
def test_options_that_an_engine_does_not_take(tmp_path, options, complaint):
    argv = ["--plugin", "global-mean", *options, str(tmp_path)]
    with pytest.raises(PluginError, match=complaint):
        CliRunner().invoke(command, argv, standalone_mode=False, catch_exceptions=False)


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr("mer_plugins.extras.find_spec", lambda name: None)
    with pytest.raises(PluginError, match=r"pip install 'mer-plugins\[ray\]'"):
        RayEngine()


@pytest.mark.ray
@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
def test_where_no_cluster_answers_it_is_one_line():
    with pytest.raises(PluginError, match="^no Ray cluster answers at '127.*': .+") as told:
        list(RayEngine(address="127.0.0.1:1").run(do, [0], tell))
    assert "\n" not in str(told.value)


def test_help_and_lists_do_not_import_ray():
    code = "import sys; from mer_plugins.cli.extract import command; command(['--help'], standalone_mode=False); sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL).returncode == 0
