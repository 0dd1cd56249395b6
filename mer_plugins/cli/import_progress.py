"""Progress of an import: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mer_plugins.batch import Summary
from mer_plugins.cli.bar import BarOrLines
from mer_plugins.cli.options import NOTHING_FOUND

if TYPE_CHECKING:
    from mer_plugins.dataset_import import ImportOutcome

_PLAIN_EVERY_S = 10.0


@dataclass
class ImportSummary:
    """How many songs were imported, stood as they were, failed, or came without a recording."""

    counts: Counter[str] = field(default_factory=Counter)
    without_audio: int = 0

    def __str__(self) -> str:
        return f"{Summary(self.counts)}; without a recording {self.without_audio}"

    @property
    def exit_code(self) -> int:
        """Return 0 if nothing failed, 1 if a song did, 3 if there was none."""
        if not self.counts:
            return NOTHING_FOUND
        return 1 if self.counts["failed"] else 0


class ImportReporter(BarOrLines):
    """Tells on stderr of songs as they come in; of failures and warnings in one line each.

    Parameters
    ----------
    total : int
        How many songs there are.
    quiet : bool
        Whether to leave out everything but failures.
    """

    def __init__(self, total: int, *, quiet: bool) -> None:
        super().__init__(quiet=quiet, plain_every_s=_PLAIN_EVERY_S)
        self.summary = ImportSummary()
        self._total = total

    def __enter__(self) -> ImportReporter:
        self._begin("importing", total=self._total)
        return self

    def outcome(self, outcome: ImportOutcome) -> None:
        """Tell of one song."""
        self.summary.counts[outcome.status] += 1
        if outcome.status == "failed":
            self._line(f"{outcome.track_id}: {outcome.reason}")
        elif not outcome.has_audio:
            self.summary.without_audio += 1
        for warning in () if self._quiet else outcome.warnings:
            self._line(f"{outcome.track_id}: {warning}")
        done = self.summary.counts.total()
        self._advance(f"{done} of {self._total}", completed=done)
