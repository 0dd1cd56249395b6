"""One trial after the other: start a run, do it harm, look at every JAMS, let the next run finish.

A trial is lost if a JAMS is neither the old nor the new one, if anything foreign in it changed, if
it does not load strictly, if the next run does not finish the rest, or if a run hangs.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import jams
import numpy as np
import soundfile
from click.testing import CliRunner

from mer_plugins import load_audio
from mer_plugins.cli.extract import command
from mer_plugins.fingerprints import audio_digest, fingerprint
from mer_plugins.host import plugin_host
from mer_plugins.jams_store import read

PROBE = Path(__file__).parent / "probe"
LONG_S, LONG_ABOVE_S = 3.0, 2.0
PATIENCE_S = 120.0
CUT_OFF = ("EOFError", "_pickle.UnpicklingError")
KILLS = ("kill the run", "kill a worker", "interrupt", "terminate")
HARMS = ("vanish", "change", "full disk", "hang", "out of memory", "die", "raise", "rivals")
TROUBLES = {"hang": "hang", "out of memory": "eat", "die": "die", "raise": "raise"}


class Lost(Exception):
    """Something that must not happen has happened."""


@dataclass
class Collection:
    """Recordings, JAMS with foreign content, and every result that may ever stand in them."""

    folder: Path
    rng: random.Random
    foreign: dict[str, object] = field(default_factory=dict)
    expected: dict[str, list[list[float]]] = field(default_factory=dict)
    gain: int = 0

    @classmethod
    def make(cls, folder: Path, seed: int, tracks: int = 6) -> Collection:
        made = cls(folder, random.Random(seed))
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(tracks):
            made.record(f"{number}.wav", LONG_S if number == 1 else 0.5 + 0.1 * number)
            if number % 2:
                made.lay_foreign(f"{number}.jams")
        return made

    def record(self, name: str, duration_s: float) -> None:
        noise = np.random.default_rng(self.rng.getrandbits(32)).uniform(-0.5, 0.5, 8000 * 4)
        part = self.folder / f".{name}.part"
        soundfile.write(part, noise[: round(8000 * duration_s)], 8000, format="WAV")
        os.replace(part, self.folder / name)

    def lay_foreign(self, name: str) -> None:
        beat = {"time": 0.5, "duration": 0.0, "value": 1.0, "confidence": 0.123456789012345678}
        chord = {"time": 0, "duration": 1, "value": "C:maj", "confidence": None}
        content = {
            "file_metadata": {"title": "ü", "duration": 1.25, "jams_version": "0.3.5"},
            "annotations": [
                {"namespace": "beat", "data": [beat] * 50, "sandbox": {"own": [1e-30, None]}},
                {"namespace": "chord", "data": [chord], "annotation_metadata": {}},
            ],
            "sandbox": {"anything": {"goes": True}},
        }
        (self.folder / name).write_text(json.dumps(content))
        self.foreign[name] = without_ours(read(self.folder / name))

    def expect(self) -> None:
        """Note what today's recordings give with today's gain."""
        from mer_probe.extractor import Probe

        probe = Probe(gain=self.gain / 1000)
        for name in ("probe", "probe-other"):
            info = plugin_host().info(name)
            for path in sorted(self.folder.glob("*.wav")):
                audio = load_audio(path)
                values = probe.curve(audio.samples, audio.sample_rate).values
                key = fingerprint(info, {"gain": self.gain / 1000}, audio_digest(path))
                self.expected[key] = np.round(values, 6).tolist()

    def arguments(self, *more: str, plugin: str = "probe") -> list[str]:
        gain = f"gain={self.gain / 1000}"
        return ["--plugin", plugin, "-p", gain, *more, str(self.folder)]

    def check(self) -> None:
        """Raise Lost unless each JAMS is whole, and an old or a new one."""
        for path in sorted(self.folder.glob("*.jams")):
            found = read(path)
            jams.load(str(path), strict=True)
            if path.name in self.foreign and without_ours(found) != self.foreign[path.name]:
                raise Lost(f"{path.name}: foreign content was changed")
            for annotation in filter(is_ours, found["annotations"]):
                self._check_ours(path, annotation)

    def _check_ours(self, path: Path, annotation: dict) -> None:
        expected = self.expected.get(annotation["sandbox"]["fingerprint"])
        values = [[float(x) for x in row["value"]] for row in annotation["data"]]
        if expected is None or not np.allclose(values, expected, atol=2e-6):
            raise Lost(f"{path.name}: holds what no run has ever made")

    def finish(self, plugin: str = "probe") -> None:
        """Let the next run do the rest, and raise Lost unless all is there."""
        arguments = self.arguments("--engine", "serial", plugin=plugin)
        result = CliRunner().invoke(command, arguments, standalone_mode=False)
        if result.exception or result.return_value != 0:
            raise Lost(f"the next run does not finish: {result.output} {result.exception!r}")
        self.check()
        info = plugin_host().info(plugin)
        for audio in sorted(self.folder.glob("*.wav")):
            today = fingerprint(info, {"gain": self.gain / 1000}, audio_digest(audio))
            ours = filter(is_ours, read(audio.with_suffix(".jams"))["annotations"])
            if today not in {a["sandbox"]["fingerprint"] for a in ours}:
                raise Lost(f"{audio.name}: the next run has left it out")
        left = [p.name for p in self.folder.iterdir() if p.name.endswith((".tmp", ".lock", ".new"))]
        if left:
            raise Lost(f"left behind: {left}")


def is_ours(annotation: dict) -> bool:
    return str(annotation.get("sandbox", {}).get("plugin", "")).startswith("probe")


def without_ours(content: dict) -> dict:
    return {**content, "annotations": [a for a in content["annotations"] if not is_ours(a)]}


def start(arguments: list[str], *, preexec=None, **environment: str) -> subprocess.Popen:
    """Start ``mer-extract`` in a session of its own, with the default handling of Ctrl-C."""
    paths = [str(PROBE), *filter(None, [os.environ.get("PYTHONPATH")])]
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from mer_plugins.cli import extract_main; extract_main()"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, "-j", "2", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=preexec,
    )


def ended(run: subprocess.Popen, codes: set[int]) -> str:
    """Wait for a run; raise Lost if it hangs, ends otherwise than by `codes`, or with a traceback."""
    try:
        text, _ = run.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired as exc:
        os.killpg(run.pid, signal.SIGKILL)
        raise Lost("a run hangs") from exc
    if run.returncode not in codes or ("Traceback" in text and not _only_cut_off(run, text)):
        raise Lost(f"a run ended with {run.returncode}: {text[-2000:]}")
    return text


def _only_cut_off(run: subprocess.Popen, text: str) -> bool:
    """Tell whether a run was killed while Python itself still handed a worker its first message.

    That worker's interpreter then ends with ``Ran out of input``, before any code of ours runs.
    """
    told = [line for line in text.splitlines() if line and not line[0].isspace()]
    errors = [line for line in told if line.split(":")[0] in CUT_OFF]
    from_us = any(f"{part}{os.sep}" in text for part in ("mer_plugins", "mer_probe"))
    cut_off = text.count("Traceback") == len(errors) == text.count("in spawn_main")
    return run.returncode == -signal.SIGKILL and cut_off and not from_us


def workers_of(run: subprocess.Popen) -> list[int]:
    """Return the worker processes of a run; Linux only."""
    found = []
    with contextlib.suppress(OSError):
        for pid in Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(int(pid))
    return found


def trial(collection: Collection, harm: str) -> None:
    """Do one trial; Lost if anything is."""
    collection.gain += 1
    collection.expect()
    if harm in KILLS:
        _kill(collection, harm)
    elif harm in TROUBLES:
        _trouble(collection, harm)
    else:
        {
            "vanish": _vanish,
            "change": _change,
            "full disk": _full_disk,
            "rivals": _rivals,
        }[harm](collection)
    collection.check()
    collection.finish()


def _wait_for_a_moment(
    collection: Collection, run: subprocess.Popen, share_begun: float = 0.85
) -> None:
    """Wait until workers are there, most times, and then for a moment more."""
    if collection.rng.random() < share_begun:
        deadline = time.monotonic() + PATIENCE_S
        while run.poll() is None and not workers_of(run) and time.monotonic() < deadline:
            time.sleep(0.01)
    time.sleep(collection.rng.uniform(0, 1.2))


def _kill(collection: Collection, how: str) -> None:
    run = start(collection.arguments(), MER_PROBE_DELAY_S="0.05")
    # Ctrl-C while the interpreter itself still starts is answered by Python, with a traceback.
    _wait_for_a_moment(collection, run, 1.0 if how == "interrupt" else 0.85)
    if how == "kill a worker":
        for pid in workers_of(run)[: collection.rng.choice([1, 2])]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended(run, {0, 1})
        return
    number = {"interrupt": signal.SIGINT, "terminate": signal.SIGTERM}.get(how, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        # Ctrl-C reaches the whole group; kill and SIGTERM the process that was asked for.
        (os.killpg if how == "interrupt" else os.kill)(run.pid, number)
    # Before the run proper has begun, SIGTERM ends it as it ends any other program.
    codes = {0, 130, -signal.SIGTERM, -signal.SIGKILL}
    text = ended(run, codes | {-signal.SIGINT})
    if run.returncode == -signal.SIGINT and ", failed 0" not in text:
        raise Lost(f"Ctrl-C is not answered: {text}")  # but once all is done, nobody is there to
    _gone(run)


def _gone(run: subprocess.Popen) -> None:
    """Wait until no worker of a dead run is left."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.killpg(run.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise Lost("workers outlive their run")


def _trouble(collection: Collection, harm: str) -> None:
    trouble = f"{TROUBLES[harm]}:{LONG_ABOVE_S}"
    run = start(collection.arguments("--timeout", "3"), MER_PROBE_TROUBLE=trouble)
    text = ended(run, {1})
    tracks = len(list(collection.folder.glob("*.wav")))
    if f"done {tracks - 1}, already done 0, failed 1" not in text:
        raise Lost(f"{harm}: {text}")


def _victim(collection: Collection) -> Path:
    return collection.rng.choice(sorted(collection.folder.glob("[2-9].wav")))


def _vanish(collection: Collection) -> None:
    run = start(collection.arguments(), MER_PROBE_DELAY_S="0.05")
    _wait_for_a_moment(collection, run)
    victim = _victim(collection)
    content = victim.read_bytes()
    victim.unlink()
    ended(run, {0, 1})
    victim.write_bytes(content)


def _change(collection: Collection) -> None:
    run = start(collection.arguments(), MER_PROBE_DELAY_S="0.05")
    _wait_for_a_moment(collection, run)
    collection.record(_victim(collection).name, collection.rng.uniform(0.5, 1.5))
    ended(run, {0, 1})
    collection.expect()


def _full_disk(collection: Collection) -> None:
    # A file-size limit cuts a write short as a full disk does, and needs no rights.
    most = collection.rng.randrange(0, 6000)
    with contextlib.ExitStack() as stack:
        cache = stack.enter_context(_cache_elsewhere(collection.folder))
        run = start(
            collection.arguments(),
            preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
            MER_CACHE_DIR=str(cache),
        )
        ended(run, {0, 1})


@contextlib.contextmanager
def _cache_elsewhere(folder: Path):
    cache = folder.with_name(f"{folder.name} cache")
    cache.mkdir(exist_ok=True)
    yield cache


def _rivals(collection: Collection) -> None:
    """Two runs of one plugin and one of another, at once, on the same JAMS."""
    runs = [
        start(collection.arguments(), MER_PROBE_DELAY_S="0.02"),
        start(collection.arguments(), MER_PROBE_DELAY_S="0.02"),
        start(collection.arguments(plugin="probe-other"), MER_PROBE_DELAY_S="0.02"),
    ]
    for run in runs:
        ended(run, {0})
    for path in sorted(collection.folder.glob("*.jams")):
        ours = [a["sandbox"]["plugin"] for a in read(path)["annotations"] if is_ours(a)]
        if sorted(ours) != ["probe", "probe-other"]:
            raise Lost(f"{path.name}: {ours} are there after three runs at once")
    collection.finish("probe-other")
