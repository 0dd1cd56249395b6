"""Progress for people: a bar on a terminal, plain lines elsewhere; and a log for machines."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from mer_plugins.batch import Summary
from mer_plugins.cli.bar import BarOrLines

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from mer_plugins.annotate import Outcome
    from mer_plugins.remote.tracks import AnyTrack

_PLAIN_EVERY_S = 10.0
# Oftener than rich draws, and far less often than tracks that were done before go by.
_BAR_EVERY_S = 0.05


class Reporter(BarOrLines):
    """Tells of each track as it ends, on stderr; failures always, in one line each.

    Parameters
    ----------
    quiet : bool
        Whether to leave out everything but failures.
    log : pathlib.Path, optional
        Where to append one JSON object a track; ``-`` is standard output.
    """

    def __init__(self, *, quiet: bool, log: Path | None) -> None:
        super().__init__(quiet=quiet, plain_every_s=_PLAIN_EVERY_S)
        self.summary = Summary()
        self._log_path = log
        self._found, self._complete = 0, False
        self._started = self._updated = time.monotonic()
        self._music_s = 0.0
        self._log: TextIO | None = None

    def __enter__(self) -> Reporter:
        if self._log_path is not None:
            is_stdout = str(self._log_path) == "-"
            self._log = sys.stdout if is_stdout else self._log_path.open("a", encoding="utf-8")
        self._begin("annotating", *_columns(), total=None, note="")
        return self

    def close(self) -> None:
        """Take the bar away and close the log; may be called twice."""
        if self._bar is not None:
            self._tell_progress()
        super().close()
        if self._log is not None and self._log is not sys.stdout:
            self._log.close()
        self._log = None

    def counting(self, tracks: Iterable[AnyTrack]) -> Iterator[AnyTrack]:
        """Pass tracks on and count them, so that progress knows how many there are."""
        for track in tracks:
            self._found += 1
            yield track
        self._complete = True

    def outcome(self, outcome: Outcome) -> None:
        """Tell of one track."""
        self.summary.add(outcome)
        self._music_s += outcome.duration_s
        if self._log is not None:
            self._write_log(self._log, outcome)
        if outcome.status == "failed":
            self._line(f"{outcome.track.name}: {short_reason(outcome)}")
        elif outcome.status == "done" and not self._quiet and self._bar is None:
            self._line(_described(outcome))
        if time.monotonic() - self._updated > _BAR_EVERY_S:
            self._tell_progress()

    def _write_log(self, log: TextIO, outcome: Outcome) -> None:
        try:
            log.write(json.dumps(_record(outcome)) + "\n")
            log.flush()
        except BrokenPipeError:
            raise
        except OSError as exc:
            # A full disk costs the log; the tracks may well lie on another one.
            self._line(f"warning: {self._log_path}: the log ends here ({exc.strerror})")
            self._log = None
            if log is not sys.stdout:
                with suppress(OSError):
                    log.close()

    def _tell_progress(self) -> None:
        self._updated = time.monotonic()
        elapsed = self._updated - self._started
        note = f"{self._music_s / max(elapsed, 1e-9):.0f}x real time, {self.summary}"
        total = self._found if self._complete else None
        done = self.summary.counts.total()
        self._advance(f"[{elapsed:.0f} s] {note}", completed=done, total=total, note=note)


def short_reason(outcome: Outcome) -> str:
    """Return an outcome's reason without the path that the line already begins with."""
    return outcome.reason.removeprefix(f"{outcome.track.audio}: ")


def _described(outcome: Outcome) -> str:
    means = ", ".join(
        f"{name}: mean valence {valence:+.2f}, arousal {arousal:+.2f}"
        for name, (valence, arousal) in outcome.means.items()
    )
    speed = outcome.duration_s / max(outcome.seconds, 1e-9)
    return f"{outcome.track.name}  {outcome.duration_s:.1f} s at {speed:.0f}x  {means}"


def _record(outcome: Outcome) -> dict[str, Any]:
    return {
        "audio": str(outcome.track.audio),
        "jams": str(outcome.track.jams),
        "status": outcome.status,
        "reason": short_reason(outcome),
        "plugins": list(outcome.plugins),
        "duration_s": round(outcome.duration_s, 3),
        "seconds": round(outcome.seconds, 3),
        "means": {name: [round(x, 4) for x in pair] for name, pair in outcome.means.items()},
    }


def _columns() -> list[str | ProgressColumn]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    return [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    ]
