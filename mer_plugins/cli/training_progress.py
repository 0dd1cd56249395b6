"""Progress of a training run: a bar on a terminal, a line a pass elsewhere, time left in both."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from mer_plugins.cache_folder import cache_folder
from mer_plugins.cli.bar import BarOrLines
from mer_plugins.errors import MerError
from mer_plugins.sequence.data import load_labelled, loader_for
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.front_end import FrontEndConfig
from mer_plugins.sequence.plan import Listener
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.run_folder import Row

_PLAIN_EVERY_S, _LOADING_EVERY_S = 30.0, 5.0


class TrainingProgress(BarOrLines, Listener):
    """Tells people on stderr how far a training run is.

    Parameters
    ----------
    title : str
        Before every line, such as the fold.
    quiet : bool
        Whether to say nothing.
    """

    def __init__(self, title: str, *, quiet: bool) -> None:
        super().__init__(quiet=quiet, plain_every_s=_PLAIN_EVERY_S)
        self._title = title
        self._total = self._done = self._first = 0
        self._started = 0.0

    def begin(self, part: str, steps: int, done: int) -> None:
        """Begin a network; the time left counts from here."""
        self.close()
        self._total, self._done, self._first = steps, done, done
        self._started = self._told = time.monotonic()
        if done < steps:
            columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
            loss = TextColumn("loss {task.fields[loss]}")
            text = f"{self._title}{part}"
            self._begin(text, *columns, loss, total=steps, completed=done, loss="")

    def step(self, loss: float) -> None:
        """Move the bar, or say every half minute how far it is."""
        self._done += 1
        plain = f"{self._title}{self._done / self._total:.0%}, {self._left_min():.1f} min left"
        self._advance(plain, completed=self._done, loss=f"{loss:.3f}")

    def epoch(self, row: Row) -> None:
        """Tell a pass's losses."""
        if not self._quiet:
            text = ", ".join(f"{k} {v:.4f}" for k, v in row.items() if "loss" in k)
            left = f"{self._left_min():.1f} min left"
            self._line(f"{self._title}epoch {row['epoch']:.0f}: {text}; {left}")
        if self._done >= self._total:
            self.close()

    def note(self, text: str) -> None:
        """Tell what people should know about the result, even when quiet."""
        click.echo(text, err=True)

    def _left_min(self) -> float:
        made = max(1, self._done - self._first)
        return (time.monotonic() - self._started) / made * (self._total - self._done) / 60


def loaded(
    inputs: Sequence[str],
    recipe: Recipe,
    cache_gb: float,
    *,
    quiet: bool,
    heard: FrontEndConfig | None = None,
) -> list[LabelledTrack]:
    """Read labelled recordings with a recipe's front end; tell how many, and which not and why."""
    told = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told
        if not quiet and time.monotonic() - told > _LOADING_EVERY_S:
            told = time.monotonic()
            click.echo(f"spectrograms: {done} recordings", err=True)

    def problem(name: str, reason: str) -> None:
        click.echo(f"{name}: left out: {reason}", err=True)

    try:
        return list(load_labelled(inputs, loader_for(recipe, cache_gb, heard), problem, tell))
    except OSError as exc:
        raise MerError(
            f"{exc.filename or cache_folder()}: {exc.strerror or exc}: the recordings cannot be "
            "prepared: put that right; or keep their spectrograms in another MER_CACHE_DIR, or "
            "nowhere, with --cache-gb 0"
        ) from exc
