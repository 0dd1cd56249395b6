"""Processes on this machine, each with its own extractors; one job's death harms no other.

Each worker has a pipe of its own and shares nothing with the others: no queue and no lock that a
worker killed at a bad moment could take with it. (``concurrent.futures`` gives the whole pool up
when one worker dies; Pebble does so when it dies between two jobs.)
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, Generic

from mer_plugins.contracts import J, R
from mer_plugins.errors import MerError

if sys.platform != "win32":
    from multiprocessing import resource_tracker

_PATIENCE_S = 5.0
# To start and to import what the work needs, which is no job's own time.
_START_S = 300.0
_CONTEXT = get_context("spawn")
_BEGUN = "begun"
_ENDING = {getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)}


class LocalEngine:
    """Runs jobs in worker processes that are started once and kept.

    Parameters
    ----------
    workers : int
        Processes, of one thread each.
    timeout_s : float, optional
        A job that takes longer is given up and its worker replaced; None waits for ever. The time
        a worker needs to start does not count.
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
        workers = [_Worker(work, lost, self.timeout_s) for _ in range(self.workers)]
        try:
            yield from _feed(workers, iter(jobs))
        finally:
            with _signals_held_back():
                for worker in workers:
                    worker.end()


class _Worker(Generic[J, R]):
    """One process, started with its first job and again after each death."""

    def __init__(
        self,
        work: Callable[[J], R],
        lost: Callable[[J, BaseException], R],
        timeout_s: float | None,
    ) -> None:
        self._work, self._lost, self._timeout_s = work, lost, timeout_s
        self._process: BaseProcess | None = None
        self._pipe: Connection[Any, Any] | None = None
        self._job: list[J] = []
        self._begun = 0.0

    @property
    def is_busy(self) -> bool:
        return bool(self._job)

    @property
    def pipe(self) -> Connection[Any, Any]:
        if self._pipe is None:
            self._pipe, theirs = _CONTEXT.Pipe()
            with theirs:
                process = _CONTEXT.Process(target=_serve, args=(theirs,))
                with _signals_held_back():
                    _start(process)
                    self._process = process
        return self._pipe

    @property
    def left_s(self) -> float:
        """Seconds until the job in hand is given up."""
        if self._timeout_s is None:
            return float("inf")
        return self._begun + self._timeout_s - time.monotonic()

    def take(self, job: J) -> list[R]:
        """Begin a job; return a result only if it cannot even be sent."""
        try:
            self._send(job)
        except MerError:
            raise
        except Exception as exc:
            return [self._lost(job, exc)]
        self._job, self._begun = [job], time.monotonic() + _START_S
        return []

    def _send(self, job: J) -> None:
        try:
            self.pipe.send((self._work, job))
        except OSError:
            # It died while it had nothing to do: no job is to blame, the next process takes it.
            self.end()
            self.pipe.send((self._work, job))

    def receive(self) -> list[R]:
        """Return what the worker has sent, if it is a result, or what stands in for it."""
        try:
            answer, error = self.pipe.recv()
        except (EOFError, OSError):
            error = RuntimeError(f"the worker died ({self._death()})")
        except Exception as exc:
            error = exc
        if error == _BEGUN:
            self._begun = time.monotonic()
            return []
        job = self._job.pop()
        return [answer if error is None else self._lost(job, error)]

    def give_up(self) -> R:
        """End the worker of a job that takes too long."""
        job = self._job.pop()
        self.end()
        reason = f"it took longer than the {self._timeout_s:g} s that the time-out allows"
        return self._lost(job, TimeoutError(reason))

    def _death(self) -> str:
        process = self._process
        if process is not None:
            process.join(_PATIENCE_S)
        self.end()
        code = None if process is None else process.exitcode
        if code is None or code >= 0:
            return f"exit code {code}"
        return f"signal {signal.Signals(-code).name}"

    def end(self) -> None:
        """End the process at once: what a job writes, it writes in one step."""
        if self._process is not None:
            # Not SIGTERM: a library may hold it off, and a hanging decoder would never see it.
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _start(process: BaseProcess) -> None:
    try:
        process.start()
    except RuntimeError as exc:
        # A worker imports the script that started it, and so would start workers of its own.
        raise MerError(
            "a script that starts workers must do so below `if __name__ == '__main__':`, "
            "since each worker imports it"
        ) from exc


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let signals that end the run wait until a process is wholly started, or wholly ended.

    A process started within never gets Ctrl-C, which reaches the whole group.
    """
    if sys.platform == "win32":
        yield
        return
    # The first process of a run starts this one before, and lifts the mask when it has.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *_ENDING})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _feed(workers: list[_Worker[J, R]], jobs: Iterator[J]) -> Iterator[R]:
    while True:
        for worker in workers:
            yield from _begun(worker, jobs)
        busy = {worker.pipe: worker for worker in workers if worker.is_busy}
        if not busy:
            return
        left_s = min(worker.left_s for worker in busy.values())
        ready = wait(list(busy), None if left_s == float("inf") else max(0.0, left_s))
        for pipe, worker in busy.items():
            if pipe in ready:
                yield from worker.receive()
            elif worker.left_s <= 0:
                yield worker.give_up()


def _begun(worker: _Worker[J, R], jobs: Iterator[J]) -> Iterator[R]:
    """Begin the next job that can be begun; yield results of those that cannot."""
    while not worker.is_busy:
        try:
            job = next(jobs)
        except StopIteration:
            return
        yield from worker.take(job)


def _serve(pipe: Connection[Any, Any]) -> None:
    # Where it cannot be blocked. The parent decides what becomes of the tracks in hand.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
    # One thread a worker: cores are filled by workers, and results do not depend on their number.
    os.environ["OMP_NUM_THREADS"] = "1"
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        while True:
            work, job = pipe.recv()
            pipe.send((None, _BEGUN))
            _answer(pipe, work, job)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent is gone, or needs no more


def _answer(pipe: Connection[Any, Any], work: Callable[[J], R], job: J) -> None:
    try:
        answer: tuple[R | None, BaseException | None] = (work(job), None)
    except Exception as exc:
        answer = (None, exc)
    try:
        pipe.send(answer)
    except OSError:
        raise
    except Exception as exc:
        pipe.send((None, RuntimeError(f"its result cannot be sent: {exc} ({answer[1]!r})")))


def _end_with_parent() -> None:
    # A parent that was killed cannot end its workers; one that hangs would stay for ever.
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
