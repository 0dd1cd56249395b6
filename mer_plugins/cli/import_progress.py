"""Progress of an import: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress

    from mer_plugins.dataset_import import ImportOutcome

_PLAIN_EVERY_S = 10.0
_NOTHING_FOUND = 3


@dataclass
class ImportSummary:
    """How many songs were imported, stood as they were, failed, or came without a recording."""

    counts: Counter[str] = field(default_factory=Counter)
    without_audio: int = 0

    def __str__(self) -> str:
        told = ", ".join(
            f"{name} {self.counts[status]}"
            for status, name in (
                ("done", "done"),
                ("already", "already done"),
                ("failed", "failed"),
            )
        )
        return f"{told}; without a recording {self.without_audio}"

    @property
    def exit_code(self) -> int:
        """Return 0 if nothing failed, 1 if a song did, 3 if there was none."""
        if not self.counts:
            return _NOTHING_FOUND
        return 1 if self.counts["failed"] else 0


class ImportReporter:
    """Tells on stderr of songs as they come in; of failures and warnings in one line each.

    Parameters
    ----------
    total : int
        How many songs there are.
    quiet : bool
        Whether to leave out everything but failures.
    """

    def __init__(self, total: int, *, quiet: bool) -> None:
        self.summary = ImportSummary()
        self._total, self._quiet = total, quiet
        self._told = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> ImportReporter:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import Progress

            self._bar = Progress(console=Console(stderr=True))
            self._task = self._bar.add_task("importing", total=self._total)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def outcome(self, outcome: ImportOutcome) -> None:
        """Tell of one song."""
        self.summary.counts[outcome.status] += 1
        if outcome.status == "failed":
            self._line(f"{outcome.track_id}: {outcome.reason}")
        elif not outcome.has_audio:
            self.summary.without_audio += 1
        for warning in () if self._quiet else outcome.warnings:
            self._line(f"{outcome.track_id}: {warning}")
        self._tell_progress()

    def _tell_progress(self) -> None:
        done = self.summary.counts.total()
        if self._bar is not None:
            self._bar.update(self._task, completed=done)
        elif not self._quiet and time.monotonic() - self._told > _PLAIN_EVERY_S:
            self._told = time.monotonic()
            self._line(f"{done} of {self._total}")

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)
