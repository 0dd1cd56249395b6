"""Processes on this machine, each with its own extractors; one job's death harms no other."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import islice
from multiprocessing import get_context

from pebble import ProcessExpired, ProcessPool

from mer_plugins.contracts import J, R


class LocalEngine:
    """Runs jobs in worker processes that are started once and kept.

    Parameters
    ----------
    workers : int
        Processes, of one thread each.
    timeout_s : float, optional
        A job that takes longer is given up and its worker replaced; None waits for ever.
    """

    def __init__(self, workers: int = 1, timeout_s: float | None = None) -> None:
        self.workers = workers
        self.timeout_s = timeout_s

    def run(
        self, work: Callable[[J], R], jobs: Iterable[J], lost: Callable[[J, BaseException], R]
    ) -> Generator[R, None, None]:
        """Yield one result a job as they come; jobs are taken as workers get free.

        When the caller stops early, jobs in hand are given up and no new one is begun.
        """
        pool = ProcessPool(
            max_workers=self.workers,
            context=get_context("spawn"),
            initializer=_become_worker,
            initargs=(os.getpid(),),
        )
        try:
            yield from self._feed(pool, work, iter(jobs), lost)
        finally:
            pool.close()  # type: ignore[no-untyped-call]
            pool.join()

    def _feed(
        self,
        pool: ProcessPool,
        work: Callable[[J], R],
        jobs: Iterator[J],
        lost: Callable[[J, BaseException], R],
    ) -> Iterator[R]:
        waiting: dict[Future[R], J] = {}
        try:
            while True:
                # One job more than workers keeps each busy; a longer queue would only delay Ctrl-C.
                for job in islice(jobs, self.workers + 1 - len(waiting)):
                    waiting[pool.schedule(work, args=[job], timeout=self.timeout_s)] = job
                if not waiting:
                    return
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield _result(future, waiting.pop(future), lost)
        finally:
            # Pebble ends the worker of a running job; what a job writes, it writes in one step.
            for future in waiting:
                future.cancel()


def _result(future: Future[R], job: J, lost: Callable[[J, BaseException], R]) -> R:
    try:
        return future.result()
    except ProcessExpired as exc:
        return lost(job, RuntimeError(f"the worker died ({_death(exc.exitcode)})"))
    except TimeoutError:
        return lost(job, TimeoutError("it took longer than the time-out allows"))
    except Exception as exc:
        return lost(job, exc)


def _death(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    return f"signal {signal.Signals(-exit_code).name}"


def _become_worker(parent: int) -> None:
    # Ctrl-C reaches the whole group; the parent decides what becomes of the tracks in hand.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One thread a worker: cores are filled by workers, and results do not depend on their number.
    os.environ["OMP_NUM_THREADS"] = "1"
    if os.getppid() != parent:
        raise SystemExit("the parent is gone")
