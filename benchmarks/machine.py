"""What the benchmarks share: timing by turns, the machine's name, and docs/performance.md.

Everything is measured by turns (A, B, A, B, ...) and told as the median, so that a busy machine
slows all alike. Times are wall and processor time: where other programs run, trust the second.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
HEADER = """# Performance

Written by `make bench`, a section a script; medians of runs by turns. "x" is times real time:
seconds of audio a second. Wall time tells what one waits, processor time (all processes and threads
together) what it costs; on a busy machine only the second means much.
"""
PACKAGES = ("numpy", "ducc0", "soundfile", "soxr", "onnxruntime", "torch")


@dataclass
class Timing:
    """Seconds of each run, and the largest process's peak memory in MiB where it is known."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)

    @property
    def wall_s(self) -> float:
        return statistics.median(self.wall)

    @property
    def cpu_s(self) -> float:
        return statistics.median(self.cpu)

    @property
    def rss_mib(self) -> float:
        return max(self.rss)


def by_turns(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Timing]:
    """Run each function of this process `repeats` times, by turns, after one run to warm up."""
    timings = {name: Timing() for name in works}
    for work in works.values():
        work()
    for _ in range(repeats):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            timings[name].wall.append(time.perf_counter() - wall)
            timings[name].cpu.append(time.process_time() - cpu)
    return timings


def run_command(
    timing: Timing, *commands: Sequence[str], cores: int = 0, environment: Mapping[str, str] = {}
) -> None:
    """Run commands at once, on the first `cores` cores (0: all), and wait; any failure is raised.

    Processor time includes what their own processes used, if they waited for them.
    """
    allowed = set(sorted(os.sched_getaffinity(0))[: cores or None])
    before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    running = [
        subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: os.sched_setaffinity(0, allowed),
        )
        for command in commands
    ]
    peaks = [_finish(process) for process in running]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    timing.wall.append(time.perf_counter() - wall)
    timing.cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    timing.rss.append(max(peaks))


def _finish(process: subprocess.Popen) -> float:
    error = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, process.args))}: failed\n{error[-2000:]}")
    return usage.ru_maxrss / 1024


def mer_extract(*arguments: object) -> list[str]:
    """Return the command that runs this checkout's ``mer-extract``."""
    start = "from mer_plugins.cli import extract_main; extract_main()"
    return [sys.executable, "-c", start, *map(str, arguments)]


def machine_line() -> str:
    """Name processor, cores, load, versions and day in one line."""
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    versions = ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))
    return (
        f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores, load {load}; "
        f"Python {platform.python_version()}, {versions}; {date.today().isoformat()}"
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _cpu_model() -> str:
    facts = Path("/proc/cpuinfo")
    text = facts.read_text() if facts.exists() else ""
    model = re.search(r"model name\s*: (.+)", text)
    widest = next((flag for flag in ("avx512_bf16", "avx512f", "avx2") if flag in text), "")
    return f"{model[1] if model else platform.processor()} {widest}".strip()


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; all columns but the first are figures."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def figure(value: float) -> str:
    """Three digits, or whole thousands."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def parser(doc: str, repeats: int) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--quick", action="store_true", help="short files, few runs: about a minute")
    made.add_argument("--repeats", type=int, default=repeats, help=f"runs [default: {repeats}]")
    made.add_argument("--page", type=Path, default=PAGE, help="page to write into [docs]")
    return made


def write_section(page: Path, name: str, title: str, body: str, *, quick: bool) -> None:
    """Print a section, and put it in the place of the former one of this name, or at the end."""
    kind = " Short form (`--quick`): few runs, short files." if quick else ""
    section = f"## {title}\n\n{machine_line()}.{kind}\n\n{body}"
    put_section(page, name, section, HEADER)
    print(section)


def put_section(page: Path, name: str, section: str, header: str) -> None:
    """Put a section in the place of the former one of this name, or at the end of the page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    marked = f"{begin}\n\n{section}\n\n{end}"
    text = page.read_text(encoding="utf-8") if page.exists() else header
    former = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if former.search(text):
        text = former.sub(lambda _: marked, text)
    else:
        text = f"{text.rstrip()}\n\n{marked}\n"
    page.write_text(text, encoding="utf-8")
