"""One job after the other, in this process: for debugging, notebooks and tests."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from mer_plugins.contracts import J, R


class SerialEngine:
    """Runs jobs in this process; a job that kills the process ends the run.

    Parameters
    ----------
    workers, timeout_s : int, float, optional
        Ignored; every engine takes them.
    """

    def __init__(self, workers: int = 1, timeout_s: float | None = None) -> None:
        self.workers = 1

    def run(
        self, work: Callable[[J], R], jobs: Iterable[J], lost: Callable[[J, BaseException], R]
    ) -> Generator[R, None, None]:
        """Yield one result a job, in order."""
        for job in jobs:
            try:
                result = work(job)
            except Exception as exc:
                result = lost(job, exc)
            yield result
