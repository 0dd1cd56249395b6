"""Files to written results: mer-extract against what else there is, on the same files by turns.

Peers: Essentia's MusiCNN with the DEAM head (--essentia-python, --models), openSMILE's eGeMAPS
low-level features (--opensmile-python), and the paper's sliding window taken literally, where every
window is encoded afresh: with the log-mel and the encoder of mer-extract, and as a script of
librosa and PyTorch. A peer whose Python or models are not there is left out.

"One core": one recording, all processes bound to one core. "All cores": as many recordings as
cores; mer-extract with a worker a core, the peers with a process a core or with one process for all
recordings, whichever is faster. Whole runs of a command, start-up included.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from machine import Timing, figure, mer_extract, parser, run_command, table, write_section
from sounds import CACHE, copies, looped

PEERS = Path(__file__).resolve().parent / "peers"
MODELS = os.environ.get(
    "MER_ESSENTIA_MODELS", Path(__file__).resolve().parents[2] / "shared" / "models" / "essentia"
)
# Essentia's default of 1.5 s between patches, and one patch a half second as ours.
HOPS = {"Essentia MusiCNN, a value each 1.5 s": 93, "Essentia MusiCNN, each 0.5 s": 31}
KINDS = ("mp3", "flac")
OURS, OURS_30 = "mer-extract", "mer-extract --window 30"
NAIVE = "naive window of 30 s, hop 0.5 s"
SCRIPT = "the same by librosa and PyTorch"
# Left out for an hour of audio: they would take hours.
SLOW = {NAIVE, SCRIPT, "Essentia MusiCNN, each 0.5 s"}
LONGEST_SLOW_S = 300
# A run as long as this needs no median.
LONG_RUN_S = 20
System = Callable[[list[Path], int, Path], list[list[list[str]]]]


def ours(*options: str) -> System:
    """Return what runs mer-extract: the only way is a worker a core."""

    def ways(recordings: list[Path], cores: int, out: Path) -> list[list[list[str]]]:
        fixed = ["--plugin", "damff", "--overwrite", "--device", "cpu", "-o", out, "-j", cores]
        return [[mer_extract(*fixed, *options, *recordings)]]

    return ways


def peer(python: str, script: str, *arguments: object) -> System:
    """Return what runs a peer's script: in one process, or in one a core."""

    def ways(recordings: list[Path], cores: int, out: Path) -> list[list[list[str]]]:
        start = [python, str(PEERS / script), *map(str, arguments), str(out)]
        shares = [recordings[i::cores] for i in range(cores)]
        apart = [[*start, *map(str, share)] for share in shares if share]
        together = [[*start, *map(str, recordings)]]
        return [apart] if cores == 1 else [apart, together]

    return ways


def systems(options: argparse.Namespace) -> dict[str, System]:
    found = {OURS: ours(), OURS_30: ours("--window", "30", "--hop", "0.5")}
    found[NAIVE] = peer(sys.executable, "naive_window.py", 30)
    if find_spec("librosa") and find_spec("torch"):
        found[SCRIPT] = peer(sys.executable, "naive_torch.py", 30)
    if is_there(options.essentia_python) and is_there(options.models):
        for name, hop in HOPS.items():
            arguments = (options.essentia_python, "essentia_musicnn.py", options.models, hop)
            found[name] = peer(*arguments)
    if is_there(options.opensmile_python):
        found["openSMILE eGeMAPS"] = peer(options.opensmile_python, "opensmile_features.py")
    return found


def is_there(path: str | Path | None) -> bool:
    if path and Path(path).exists():
        return True
    print(f"{path or 'its Python'}: not there, the peer is left out", file=sys.stderr)
    return False


def measure(
    found: dict[str, System], seconds: float, kind: str, cores: int, repeats: int
) -> dict[str, Timing]:
    """Run all systems by turns; of a peer's ways with all cores the faster one counts."""
    source = looped(seconds, kind)
    recordings = copies(source, cores, CACHE / f"{source.stem}-{kind}-copies")
    timings: dict[str, list[Timing]] = {}
    for _ in range(repeats):
        for name, ways in found.items():
            if name in SLOW and seconds > LONGEST_SLOW_S:
                continue
            with tempfile.TemporaryDirectory() as out:
                commands = ways(recordings, cores, Path(out))
                kept = timings.setdefault(name, [Timing() for _ in commands])
                # No index of done tracks of another run, and none left behind.
                own = {"XDG_CACHE_HOME": str(Path(out, ".cache"))}
                if cores == 1:
                    own["OMP_NUM_THREADS"] = "1"
                ways_of = zip(kept, commands, strict=True)
                left = [pair for pair in ways_of if not _was_long(pair[0])]
                for timing, way in left:
                    run_command(timing, *way, cores=cores, environment=own)
                    print(f"  {name}: {timing.wall[-1]:.2f} s", file=sys.stderr, flush=True)
                if left:
                    _require_results(name, Path(out), recordings)
    return {name: min(kept, key=lambda timing: timing.wall_s) for name, kept in timings.items()}


def _was_long(timing: Timing) -> bool:
    return bool(timing.wall) and timing.wall[-1] > LONG_RUN_S


def _require_results(name: str, out: Path, recordings: list[Path]) -> None:
    written = {path.stem for path in out.rglob("*") if path.suffix in {".jams", ".csv"}}
    if missing := {path.stem for path in recordings} - written:
        raise SystemExit(f"{name}: wrote no result for {', '.join(sorted(missing))}")


def rows(timings: dict[str, Timing], what: str, audio_s: float) -> list[list[str]]:
    made = []
    for name, timing in timings.items():
        base = timings[OURS_30 if name in (NAIVE, SCRIPT) else OURS]
        ratios = (timing.wall_s / base.wall_s, timing.cpu_s / base.cpu_s)
        times = [f"{timing.wall_s:.2f}", f"{timing.cpu_s:.2f}"]
        speeds = [figure(audio_s / timing.wall_s), figure(audio_s / timing.cpu_s)]
        made.append([what, name, *times, *speeds, *(f"{ratio:.1f}" for ratio in ratios)])
    return made


def main() -> None:
    made = parser(__doc__, repeats=3)
    made.add_argument("--essentia-python", default=os.environ.get("MER_ESSENTIA_PYTHON"))
    made.add_argument("--opensmile-python", default=os.environ.get("MER_OPENSMILE_PYTHON"))
    made.add_argument("--models", type=Path, default=MODELS, help="folder of Essentia's models")
    made.add_argument("--seconds", type=float, nargs="+", help="lengths of the recordings")
    made.add_argument("--kinds", nargs="+", choices=KINDS, help="formats of the recordings")
    options = made.parse_args()
    lengths = options.seconds or ([60] if options.quick else [60, 300, 3600])
    kinds = options.kinds or (KINDS[:1] if options.quick else KINDS)
    all_rows, found, every = [], systems(options), len(os.sched_getaffinity(0))
    for seconds in lengths:
        repeats = 1 if options.quick else options.repeats
        for kind in kinds:
            for cores in dict.fromkeys((1, every)):
                print(f"{seconds:g} s {kind}, {cores} core(s) ...", file=sys.stderr, flush=True)
                timings = measure(found, seconds, kind, cores, repeats)
                what = f"{seconds:g} s {kind} x {cores}, {cores} core{'s' * (cores > 1)}"
                all_rows += rows(timings, what, seconds * cores)
    headings = ["recordings", "system", "wall s", "CPU s", "x (wall)", "x (CPU)"]
    headings += ["times ours, wall", "times ours, CPU"]
    notes = (
        "Times ours: how much longer than `mer-extract`; the naive windows against "
        f"`mer-extract --window 30`. Runs of over {LONG_RUN_S} s are made once. "
        + " ".join(__doc__.split("\n\n")[2].split())
    )
    body = f"{notes}\n\n{table(headings, all_rows)}"
    write_section(options.page, "end-to-end", "End to end", body, quick=options.quick)


if __name__ == "__main__":
    main()
