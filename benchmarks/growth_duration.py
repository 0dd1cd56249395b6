"""Time and memory of mer-extract against the length of a recording, and how soon it starts.

Mono FLAC files, written in blocks, from a minute to ten hours; one worker. Time a minute of audio
is what a run takes beyond one on ten seconds, divided by what the recording is longer than these:
start-up is told apart. Memory is the peak of the largest process.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from machine import Timing, figure, mer_extract, parser, run_command, table, write_section
from sounds import looped

MINUTES = (1, 2, 10, 60, 120, 600)
QUICK_MINUTES = (1, 2, 10)
# Whose run is all start-up.
SHORTEST = 1 / 6
# A run of an hour and more is long enough to need no median.
LONG_MINUTES = 60


def extract(timing: Timing, recording: Path) -> None:
    """Annotate a recording by a fresh command, into a folder of its own."""
    with tempfile.TemporaryDirectory() as out:
        own = {"XDG_CACHE_HOME": str(Path(out, ".cache"))}
        fixed = ("--plugin", "damff", "--device", "cpu", "-j", 1, "-o", out)
        run_command(timing, mer_extract(*fixed, recording), environment=own)
        if not any(Path(out).rglob("*.jams")):
            raise SystemExit(f"{recording}: no JAMS was written")


def growth(minutes: tuple[int, ...], repeats: int) -> dict[float, Timing]:
    """Run each length, in minutes, by turns, the shortest first."""
    lengths = (SHORTEST, *minutes)
    files = {length: looped(60 * length, "flac", channels=1) for length in lengths}
    timings = {length: Timing() for length in files}
    for turn in range(repeats):
        for length, file in files.items():
            if turn == 0 or length < LONG_MINUTES:
                extract(timings[length], file)
    return timings


def a_minute(timings: dict[float, Timing], length: float) -> tuple[float, float]:
    """Return the wall and processor time that a minute more takes, in ms."""
    start, timing = timings[SHORTEST], timings[length]
    spent = (timing.wall_s - start.wall_s, timing.cpu_s - start.cpu_s)
    return tuple(1000 * seconds / (length - SHORTEST) for seconds in spent)


def growth_table(timings: dict[float, Timing]) -> str:
    rows = []
    for length, timing in timings.items():
        growing = [f"{ms:.0f}" for ms in a_minute(timings, length)] if length >= 1 else ["", ""]
        name = f"{length:g} min" if length >= 1 else f"{60 * length:.0f} s"
        whole = [f"{timing.wall_s:.2f}", f"{timing.cpu_s:.2f}"]
        rows.append([name, *whole, *growing, f"{timing.rss_mib:.0f}"])
    headings = ["length", "wall s", "CPU s", "ms a minute, wall", "ms a minute, CPU", "peak MiB"]
    return table(headings, rows)


def verdict(timings: dict[float, Timing]) -> str:
    lengths = [length for length in timings if length >= 1]
    costs = [a_minute(timings, length)[1] for length in lengths]
    long = 120 if 120 in timings else lengths[-1]
    return (
        f"Processor time a minute: the dearest {max(costs) / min(costs):.2f} times the cheapest "
        f"(goal: at most 1.1). Memory: {timings[long].rss_mib / timings[2].rss_mib:.2f} times as "
        f"much for {long} minutes as for 2 (goal: at most 1.2 for 120)."
    )


def start_up(repeats: int) -> str:
    """Measure `mer-extract --help`, and the first curve of a clip of 30 s."""
    clip, help_time, first = looped(30, "flac", channels=1), Timing(), Timing()
    for _ in range(repeats):
        run_command(help_time, mer_extract("--help"))
        extract(first, clip)
    rows = [
        [what, f"{timing.wall_s:.2f}", f"{timing.cpu_s:.2f}", figure(goal)]
        for what, timing, goal in (
            ("`mer-extract --help`", help_time, 0.25),
            ("first curve of a clip of 30 s", first, 3.0),
        )
    ]
    return table(["start", "wall s", "CPU s", "goal, wall s"], rows)


def main() -> None:
    options = parser(__doc__, repeats=5).parse_args()
    repeats = 1 if options.quick else options.repeats
    timings = growth(QUICK_MINUTES if options.quick else MINUTES, repeats)
    told = " ".join(__doc__.split("\n\n")[1].split())
    body = "\n\n".join((told, growth_table(timings), verdict(timings), start_up(repeats)))
    write_section(options.page, "duration", "Length and start-up", body, quick=options.quick)


if __name__ == "__main__":
    main()
