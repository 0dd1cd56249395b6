"""Time and memory of mer-extract against the number of tracks, where the tracks cost nothing.

Made-up WAV files of 0.6 s, each with bytes of its own, 1,000 a folder, with `global-mean`, which
does not listen: what is left is the cost of a track as such. Each size is told what to do by
`--dry-run`, annotated by a worker a core, and run again with nothing to do. "ms a track" is what a
run takes beyond that of the smallest collection, divided by the tracks it has more. Memory is the
peak of the first process, which hands out the work, and of the largest worker.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from machine import Timing, parser, run_command, table, write_section

SIZES = (10, 100, 1_000, 10_000, 100_000)
QUICK_SIZES = (10, 100, 1_000)
RATE, SECONDS, A_FOLDER = 8_000, 0.6, 1_000
# Below, the noise of starting is larger.
WORTH_DIVIDING = 1_000
# The goal of a run that finds everything done.
NO_WORK = (100_000, 10.0)
KINDS = ("dry run", "first run", "second run")
# Its own peak and processor time: what wait4 tells includes the workers.
EXTRACT = """
import os
import time
from pathlib import Path
from mer_plugins.cli import extract_main
try:
    extract_main()
finally:
    peak = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    Path(os.environ["MER_BENCH_OWN"]).write_text(f"{peak} {time.process_time()}")
"""


@dataclass
class Runs:
    """The runs of one kind over one collection, and of these the first process's part."""

    timing: Timing = field(default_factory=Timing)
    first: Timing = field(default_factory=Timing)


def make_tracks(folder: Path, count: int) -> None:
    """Make recordings of noise; the first ones are the same whatever the count."""
    for i in range(count):
        place = folder / f"{i // A_FOLDER:04}"
        place.mkdir(exist_ok=True)
        noise = np.random.default_rng(i).integers(-2000, 2000, round(RATE * SECONDS), np.int16)
        soundfile.write(place / f"{i:07}.wav", noise, RATE)


def extract(runs: Runs, collection: Path, cache: Path, *options: object) -> None:
    """Run a fresh command over the collection."""
    told = cache / "own"
    fixed = ("--plugin", "global-mean", "--quiet", *options, collection)
    own = {"MER_CACHE_DIR": str(cache), "MER_BENCH_OWN": str(told)}
    run_command(runs.timing, [sys.executable, "-c", EXTRACT, *map(str, fixed)], environment=own)
    peak_kib, cpu_s = map(float, told.read_text().split())
    runs.first.rss.append(peak_kib / 1024)
    runs.first.cpu.append(cpu_s)


def measure(count: int, options: list[object], repeats: int) -> dict[str, Runs]:
    """Make a collection and run over it; the run with nothing to do `repeats` times."""
    runs = {kind: Runs() for kind in KINDS}
    with tempfile.TemporaryDirectory() as kept:
        collection, cache = Path(kept, "collection"), Path(kept, "cache")
        collection.mkdir()
        cache.mkdir()
        make_tracks(collection, count)
        extract(runs["dry run"], collection, cache, *options, "--dry-run")
        extract(runs["first run"], collection, cache, *options)
        written = sum(1 for _ in collection.rglob("*.jams"))
        if written != count:
            raise SystemExit(f"{written} JAMS were written: expected {count}")
        for _ in range(repeats):
            extract(runs["second run"], collection, cache, *options)
    return runs


def growth_table(found: dict[int, dict[str, Runs]], kind: str) -> str:
    (least, start), *_ = ((count, runs[kind]) for count, runs in found.items())
    rows = []
    for count, runs in found.items():
        own, timing = runs[kind], runs[kind].timing
        spent = (
            timing.wall_s - start.timing.wall_s,
            timing.cpu_s - start.timing.cpu_s,
            own.first.cpu_s - start.first.cpu_s,
        )
        each = [
            f"{1000 * s / (count - least):.3f}" if count >= WORTH_DIVIDING else "" for s in spent
        ]
        whole = [f"{timing.wall_s:.2f}", f"{timing.cpu_s:.2f}"]
        peaks = [f"{own.first.rss_mib:.0f}", f"{timing.rss_mib:.0f}"]
        rows.append([f"{count:,}", *whole, *each, *peaks])
    headings = ["tracks", "wall s", "CPU s", "ms a track, wall", "ms a track, CPU"]
    memory = ["first process, MiB", "largest process, MiB"]
    return table([*headings, "of it the first process", *memory], rows)


def verdict(found: dict[int, dict[str, Runs]]) -> str:
    count, most_s = NO_WORK
    runs = {n: found[n]["second run"] for n in found}
    largest = max(runs)
    memory = runs[largest].first.rss_mib - runs[min(runs)].first.rss_mib
    told = f"Nothing to do: {runs[largest].timing.wall_s:.1f} s over {largest:,} tracks"
    goal = f" (goal: at most {most_s:g} s over {count:,})"
    return f"{told}{goal}, with {memory:+.0f} MiB against {min(runs)} tracks."


def main() -> None:
    made = parser(__doc__, repeats=3)
    made.add_argument("--sizes", type=int, nargs="+", help="numbers of tracks")
    made.add_argument("-j", "--workers", type=int, default=len(os.sched_getaffinity(0)))
    options = made.parse_args()
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)
    found = {}
    for count in sizes:
        found[count] = measure(count, ["-j", options.workers], options.repeats)
        print(count, {kind: runs.timing.wall for kind, runs in found[count].items()}, flush=True)
    told = " ".join(__doc__.split("\n\n")[1].split())
    parts = [told, f"Workers: {options.workers}."]
    for kind in KINDS:
        parts += [f"### {kind.capitalize()}", growth_table(found, kind)]
    body = "\n\n".join([*parts, verdict(found)])
    write_section(options.page, "tracks", "Number of tracks", body, quick=options.quick)


if __name__ == "__main__":
    main()
