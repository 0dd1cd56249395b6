"""What every progress display has in common: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn, TaskID

T = TypeVar("T")


class BarOrLines:
    """A bar on stderr where that is a terminal, and lines that do not break it.

    Parameters
    ----------
    quiet : bool
        Whether to show no bar and no plain lines of progress.
    plain_every_s : float
        Distance of plain lines where there is no bar, in seconds.
    """

    def __init__(self, *, quiet: bool, plain_every_s: float) -> None:
        self._quiet, self._plain_every_s = quiet, plain_every_s
        self._told = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away; may be called twice."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _begin(self, text: str, *columns: str | ProgressColumn, **task: Any) -> None:
        """Show a bar of one task, if people look; without columns, rich's usual ones."""
        if self._quiet or not sys.stderr.isatty():
            return
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task(text, **task)
        self._bar.start()

    def _advance(self, plain: str, **task: Any) -> None:
        """Move the bar, or say `plain` if nothing was said for a while."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, **task)
        elif not self._quiet and time.monotonic() - self._told > self._plain_every_s:
            self._told = time.monotonic()
            self._line(plain)

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)


class Passing(BarOrLines):
    """How many of some things went by, and at which rate; the time left if all are counted.

    Parameters
    ----------
    things : str
        What they are, in the plural.
    quiet : bool
        Whether to show nothing.
    """

    def __init__(self, things: str, *, quiet: bool = False) -> None:
        super().__init__(quiet=quiet, plain_every_s=30.0)
        self._things = things

    def __enter__(self) -> Passing:
        return self

    def over(self, things: Iterable[T]) -> Iterator[T]:
        """Pass things on one by one, and count them."""
        total = len(things) if isinstance(things, Sized) else None
        of = "" if total is None else f" of {total}"
        started = time.monotonic()
        self._begin(self._things, *_passing_columns(total), total=total, rate="")
        for done, thing in enumerate(things, start=1):
            yield thing
            rate = f"{done / max(time.monotonic() - started, 1e-9):.1f}/s"
            self._advance(f"{done}{of} {self._things}, {rate}", completed=done, rate=rate)
        self.close()


def _passing_columns(total: int | None) -> list[str | ProgressColumn]:
    if total is None:
        return ["{task.description} {task.completed}  {task.fields[rate]}"]
    from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

    bar = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return ["{task.description}", *bar, "{task.fields[rate]}"]
