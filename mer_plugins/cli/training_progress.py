"""Progress of a training run: a bar on a terminal, a line a pass elsewhere, time left in both."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from mer_plugins.sequence.fit import Listener
from mer_plugins.sequence.run_folder import Row

_PLAIN_EVERY_S = 30.0


class TrainingProgress(Listener):
    """Tells people on stderr how far a training run is.

    Parameters
    ----------
    title : str
        Before every line, such as the fold.
    quiet : bool
        Whether to say nothing.
    """

    def __init__(self, title: str, *, quiet: bool) -> None:
        self._title, self._quiet = title, quiet
        self._bar: Progress | None = None
        self._total = self._done = self._first = 0
        self._started = self._told = 0.0

    def begin(self, part: str, steps: int, done: int) -> None:
        """Begin a network; the time left counts from here."""
        self._close()
        self._total, self._done, self._first = steps, done, done
        self._started = self._told = time.monotonic()
        if not self._quiet and sys.stderr.isatty() and done < steps:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TimeRemainingColumn(),
                TextColumn("loss {task.fields[loss]}"),
                console=Console(stderr=True),
            )
            self._task = self._bar.add_task(
                f"{self._title}{part}", total=steps, completed=done, loss=""
            )
            self._bar.start()

    def step(self, loss: float) -> None:
        """Move the bar, or say every half minute how far it is."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, loss=f"{loss:.3f}")
        elif not self._quiet and time.monotonic() - self._told > _PLAIN_EVERY_S:
            self._told = time.monotonic()
            share = self._done / self._total
            click.echo(f"{self._title}{share:.0%}, {self._left_min():.1f} min left", err=True)

    def epoch(self, row: Row) -> None:
        """Tell a pass's losses."""
        if not self._quiet:
            text = ", ".join(f"{k} {v:.4f}" for k, v in row.items() if "loss" in k)
            line = f"{self._title}epoch {row['epoch']:.0f}: {text}; {self._left_min():.1f} min left"
            if self._bar is not None:
                self._bar.console.print(line, markup=False, highlight=False)
            else:
                click.echo(line, err=True)
        if self._done >= self._total:
            self._close()

    def _left_min(self) -> float:
        made = max(1, self._done - self._first)
        return (time.monotonic() - self._started) / made * (self._total - self._done) / 60

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@contextmanager
def loading(*, quiet: bool) -> Iterator[Callable[[int], None]]:
    """Tell on stderr how many recordings have been read; yields what is to be called with it."""
    told = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told
        if not quiet and time.monotonic() - told > 5:
            told = time.monotonic()
            click.echo(f"spectrograms: {done} recordings", err=True)

    yield tell
