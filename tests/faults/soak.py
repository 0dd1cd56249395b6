"""Crash trials and mutated inputs for as long as you like: ``make soak SECONDS=300``.

Half of the time goes to crash trials, the other half to mutated inputs. There are at least
``--kills`` trials that kill -9 a run or a worker and ``--inputs`` inputs, whatever time that takes.
The last lines are ``N inputs, 0 bad`` and ``N trials, 0 lost``; the exit code
is 0 only then. ``--seed`` makes the same trials again.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from itertools import count, cycle, islice
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE / "probe"), str(HERE.parent)]

from crash import HARMS, KILLS, Collection, Lost, trial  # noqa: E402
from fuzz import run_batch  # noqa: E402

from mer_plugins.engines.local import LocalEngine  # noqa: E402

# Of each thousand inputs; kills come oftener than other harm, whose moment matters less.
SHARES = {"audio": 330, "jams": 300, "lists": 200, "parameters": 80, "tables": 70, "checkpoint": 20}
HARMS_IN_TURN = [*KILLS, *KILLS, *KILLS, *HARMS]
NINES = KILLS[:2]
BATCH_S = 300.0


def main() -> int:
    """Run both halves and tell; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-crashes", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mer-soak-") as folder:
        os.environ["MER_CACHE_DIR"] = f"{folder}/cache"
        place, half = Path(folder), options.seconds / 2
        lost = 0 if options.no_crashes else crashes(place, half, options.kills, options.seed)
        bad = inputs(place, half, options.inputs, options.seed)
        return 1 if lost or bad else 0


def harms(seconds: float, kills: int):
    """Yield what to do next: every harm in turn for so long, then the kills that are missing."""
    began, killed = time.monotonic(), 0
    for harm in cycle(HARMS_IN_TURN):
        if time.monotonic() - began > seconds:
            break
        killed += harm in NINES
        yield harm
    yield from islice(cycle(NINES), max(0, kills - killed))


def crashes(folder: Path, seconds: float, kills: int, seed: int) -> int:
    """Do crash trials for so long, and at least so many kills; return how many were lost."""
    collection = Collection.make(folder / "music", seed)
    collection.expect()
    collection.finish()
    trials, losses = Counter[str](), 0
    for harm in harms(seconds, kills):
        trials[harm] += 1
        try:
            trial(collection, harm)
        except Lost as exc:
            losses += 1
            print(f"LOST by {harm}, trial {trials.total()}: {exc}", flush=True)
            collection = Collection.make(folder / f"music{trials.total()}", seed + losses)
        if not trials.total() % 50:
            print(f"{trials.total()} trials so far, {losses} lost", flush=True)
    print(", ".join(f"{harm} {n}" for harm, n in trials.items()))
    print(f"{trials.total()} trials, {losses} lost", flush=True)
    return losses


def inputs(folder: Path, seconds: float, least: int, seed: int) -> int:
    """Feed mutated inputs for so long, and at least so many; return how many ended badly."""
    began, done, bad = time.monotonic(), Counter[str](), 0

    def jobs():
        for thousand in count():
            if thousand * 1000 >= least and time.monotonic() - began > seconds:
                return
            for kind, share in SHARES.items():
                first = seed * 10_000_000 + thousand * share
                yield kind, first, first + share, str(folder)

    def ended_the_worker(job, error):
        number = (Path(folder) / job[0] / "number").read_text()
        return {"result": 0, "error": 0, "bad": {number: f"{job[0]} {number}: {error}"}}

    for found in LocalEngine(1, BATCH_S).run(run_batch, jobs(), ended_the_worker):
        done.update(result=found["result"], error=found["error"], bad=len(found["bad"]))
        for number, how in found["bad"].items():
            print(f"BAD {number}: {how}", flush=True)
            bad += 1
    print(f"{done['result']} gave a result, {done['error']} one line of error")
    print(f"{done.total()} inputs, {bad} bad", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
