"""Actors of a Ray cluster, on this machine or on many; no death of one harms another's job.

Each actor is a process of one thread that keeps what its work has loaded, as a local worker does,
and has one job in hand at a time. Jobs and results travel; recordings and JAMS do not: every node
must see the collection under the same path, on a shared file system, and have this package and its
plugins installed. Ray brings the nodes together and tells of deaths; jobs are handed out here, so
that back-pressure, time-outs and lost jobs are what they are with the other engines.
"""

from __future__ import annotations

import os
import textwrap
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Generic

from mer_plugins.contracts import J, R
from mer_plugins.engines.ray_session import places, resources, session
from mer_plugins.errors import PluginError, one_line
from mer_plugins.extras import require

ATTEMPTS = 3
# For the first worker, or the next one where none is left: a cluster may have to grow first.
_START_S = 300.0
# One thread a worker: cores are filled by workers, and results do not depend on their number.
_ONE_THREAD = {"env_vars": {"OMP_NUM_THREADS": "1"}}


class RayEngine:
    """Runs jobs in the actors of a Ray cluster.

    Parameters
    ----------
    workers : int, optional
        Actors, of one CPU each. Those that find no free CPU wait for one, so a number larger than
        today's cluster lets it grow. None takes the cluster's CPUs (its share of GPUs, if
        `num_gpus` is given), or this machine's cores.
    timeout_s : float, optional
        A job that takes longer is given up and its worker replaced; None waits for ever. The time
        a worker needs to start does not count.
    address : str, optional
        Cluster to join: ``auto`` (the one of this machine), ``host:port`` or ``ray://host:port``.
        None takes the one this process has joined already, or else starts one on this machine
        that ends with the run.
    num_gpus : float
        GPUs of each actor; a fraction puts several on one.
    attempts : int
        A job whose worker or node dies is tried again until so many have died; then it is lost.

    Raises
    ------
    PluginError
        If Ray is not installed, no cluster answers, or no worker can start.
    """

    def __init__(
        self,
        workers: int | None = None,
        timeout_s: float | None = None,
        *,
        address: str | None = None,
        num_gpus: float = 0.0,
        attempts: int = ATTEMPTS,
    ) -> None:
        require("engine 'ray'", "ray", extra="ray")
        self.workers = workers
        self.timeout_s = timeout_s
        self.address = address
        self.num_gpus = num_gpus
        self.attempts = attempts

    def run(
        self, work: Callable[[J], R], jobs: Iterable[J], lost: Callable[[J, BaseException], R]
    ) -> Generator[R, None, None]:
        """Yield one result a job as they come; jobs are taken as workers get free.

        When the caller stops early, jobs in hand are given up and no new one is begun. Without a
        job, Ray is not even started.
        """
        remaining = iter(jobs)
        first = list(islice(remaining, 1))
        if not first:
            return
        with session(self.address, self.workers or len(os.sched_getaffinity(0))):
            workers = self.workers or places(self.num_gpus)
            crew = _Crew(_hiring(work, self.num_gpus), workers, self, lost)
            try:
                yield from crew.results(chain(first, remaining))
            finally:
                crew.end()


@dataclass
class _Task(Generic[J]):
    job: J
    deaths: int = 0


class _Slot(Generic[J]):
    """A place for one actor, which is hired when there is a job for it and again after a death."""

    def __init__(self, hire: Callable[[], Any]) -> None:
        self._hire = hire
        self._actor: Any = None
        self.reply: Any = None
        self.task: _Task[J] | None = None
        self.since = 0.0

    @property
    def is_off(self) -> bool:
        return self._actor is None

    @property
    def is_starting(self) -> bool:
        return self.reply is not None and self.task is None

    @property
    def is_idle(self) -> bool:
        return self._actor is not None and self.reply is None

    def start(self) -> None:
        self._actor = self._hire()
        self.reply = self._actor.ready.remote()

    def give(self, task: _Task[J]) -> None:
        """Send a job; raises whatever keeps it from being sent."""
        if self._actor is not None:
            self.reply = self._actor.do.remote(task.job)
            self.task, self.since = task, time.monotonic()

    def take(self) -> tuple[_Task[J] | None, Any]:
        """Return what the actor had in hand, and the reply to it."""
        taken = self.task, self.reply
        self.task = self.reply = None
        return taken

    def end(self) -> None:
        """End the actor at once: what a job writes, it writes in one step."""
        import ray

        if self._actor is not None:
            ray.kill(self._actor)
        self._actor = self.task = self.reply = None


class _Crew(Generic[J, R]):
    """All actors of a run, and the jobs in hand: never more than there are actors."""

    def __init__(
        self,
        hire: Callable[[], Any],
        workers: int,
        rules: RayEngine,
        lost: Callable[[J, BaseException], R],
    ) -> None:
        self._slots: list[_Slot[J]] = [_Slot(hire) for _ in range(workers)]
        self._rules, self._lost = rules, lost
        self._waiting: deque[_Task[J]] = deque()
        self._failed_starts = 0
        self._heard = time.monotonic()

    def results(self, jobs: Iterator[J]) -> Iterator[R]:
        while True:
            self._draw(jobs)
            yield from self._hand_out()
            if not self._in_hand:
                return
            self._start()
            answering = self._answering()
            late = [slot for slot in self._late() if slot not in answering]
            for slot in answering:
                yield from self._receive(slot)
            for slot in late:
                yield from self._give_up(slot)

    def end(self) -> None:
        for slot in self._slots:
            slot.end()

    @property
    def _in_hand(self) -> int:
        return len(self._waiting) + sum(slot.task is not None for slot in self._slots)

    def _draw(self, jobs: Iterator[J]) -> None:
        self._waiting.extend(map(_Task, islice(jobs, len(self._slots) - self._in_hand)))

    def _hand_out(self) -> Iterator[R]:
        for slot in self._slots:
            while slot.is_idle and self._waiting:
                task = self._waiting.popleft()
                try:
                    slot.give(task)
                except Exception as exc:
                    yield self._lost(task.job, exc)

    def _start(self) -> None:
        """Hire for the jobs that nobody will get otherwise."""
        missing = len(self._waiting) - sum(slot.is_starting for slot in self._slots)
        for slot in [slot for slot in self._slots if slot.is_off][: max(0, missing)]:
            slot.start()

    def _answering(self) -> list[_Slot[J]]:
        import ray

        slots = {slot.reply: slot for slot in self._slots if slot.reply is not None}
        if not slots:  # every job handed out just now was lost
            return []
        ray.wait(list(slots), num_returns=1, timeout=self._patience_s())
        ready, _ = ray.wait(list(slots), num_returns=len(slots), timeout=0)
        return [slots[reply] for reply in ready]

    def _patience_s(self) -> float | None:
        """Seconds until something has to be given up; None for ever."""
        begun = [slot.since for slot in self._slots if slot.task is not None]
        if not begun:
            return max(0.0, self._heard + _START_S - time.monotonic())
        if self._rules.timeout_s is None:
            return None
        return max(0.0, min(begun) + self._rules.timeout_s - time.monotonic())

    def _receive(self, slot: _Slot[J]) -> Iterator[R]:
        import ray
        from ray.exceptions import RayError, RayTaskError

        task, reply = slot.take()
        self._heard = time.monotonic()
        try:
            answer, error = ray.get(reply)
        except RayTaskError as exc:
            # The work's own errors come as answers.
            answer, error = None, RuntimeError(f"its result cannot be sent: {one_line(exc.cause)}")
        except RayError as exc:
            slot.end()
            yield from self._died(task, exc)
            return
        except Exception as exc:
            answer, error = None, exc
        self._failed_starts = 0
        if task is not None:
            yield answer if error is None else self._lost(task.job, error)

    def _died(self, task: _Task[J] | None, error: Exception) -> Iterator[R]:
        if task is None:
            self._count_failed_start(error)
            return
        task.deaths += 1
        if task.deaths < self._rules.attempts:
            # First of all those that wait: the next free worker is, as a rule, on another node.
            self._waiting.appendleft(task)
            return
        reason = f"{task.deaths} workers died of it or with it, the last one so: {_death(error)}"
        yield self._lost(task.job, RuntimeError(reason))

    def _count_failed_start(self, error: Exception) -> None:
        self._failed_starts += 1
        if self._failed_starts >= ATTEMPTS + len(self._slots):
            raise PluginError(f"engine 'ray': no worker can start: {_death(error)}") from error

    def _late(self) -> list[_Slot[J]]:
        """Return the actors whose jobs take too long; PluginError if none comes up for any job."""
        limit_s, now = self._rules.timeout_s, time.monotonic()
        busy = [slot for slot in self._slots if slot.task is not None]
        if not busy and now >= self._heard + _START_S:
            raise PluginError(f"engine 'ray': {_too_small(self._rules.num_gpus)}")
        return [slot for slot in busy if limit_s is not None and now >= slot.since + limit_s]

    def _give_up(self, slot: _Slot[J]) -> Iterator[R]:
        task, _ = slot.take()
        self._heard = time.monotonic()
        slot.end()
        reason = f"it took longer than the {self._rules.timeout_s:g} s that the time-out allows"
        if task is not None:
            yield self._lost(task.job, TimeoutError(reason))


class _Worker(Generic[J, R]):
    """What runs in an actor's process; one thread each."""

    def __init__(self, work: Callable[[J], R], folder: str) -> None:
        self._work = work
        # For parameters that name a file; tracks are named by absolute paths.
        with suppress(OSError):
            os.chdir(folder)

    def ready(self) -> tuple[None, None]:
        """Answer once everything that the work needs is imported."""
        return None, None

    def do(self, job: J) -> tuple[R | None, Exception | None]:
        try:
            return self._work(job), None
        except Exception as exc:
            return None, exc


def _hiring(work: Callable[[J], R], num_gpus: float) -> Callable[[], Any]:
    import ray

    actor = ray.remote(_Worker).options(
        num_cpus=1,
        num_gpus=num_gpus,
        max_restarts=0,
        max_task_retries=0,
        scheduling_strategy="SPREAD",
        runtime_env=_ONE_THREAD,
    )
    return lambda: actor.remote(work, os.getcwd())


def _too_small(num_gpus: float) -> str:
    found = resources()
    gpus = f" and {num_gpus:g} GPU" if num_gpus else ""
    return (
        f"no worker could start within {_START_S:g} s: each needs 1 CPU{gpus}, the cluster has "
        f"{found.get('CPU', 0):g} CPU and {found.get('GPU', 0):g} GPU in all, perhaps in use"
    )


def _death(error: Exception) -> str:
    """Return the gist of what Ray tells: of an exit the detail, of a traceback the last line."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    text = lines[-1].rpartition("Worker exit detail: ")[2]
    return textwrap.shorten(text, 200, placeholder=" …")
