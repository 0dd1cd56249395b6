"""The pipeline over a collection: what is left to do -> engine -> store, with events for people.

A bad track costs that track only. The JAMS files are the truth about what is done; the index only
saves reading them. Interrupted at any moment and started again, a run ends as if undisturbed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mer_plugins.annotate import Job, Outcome, PluginChoice, T
from mer_plugins.contracts import Engine, WriterSpec
from mer_plugins.done_index import DoneIndex, Stamp
from mer_plugins.errors import PluginError, one_line
from mer_plugins.fingerprints import settings_digest
from mer_plugins.remote.tracks import AnyTrack
from mer_plugins.remote.work import annotate_anywhere


@dataclass(frozen=True)
class Settings:
    """What is asked of every track of a run."""

    plugins: tuple[PluginChoice, ...]
    overwrite: bool = False
    allow_truncated: bool = False
    writers: tuple[WriterSpec, ...] = ()

    def job(self, track: T) -> Job[T]:
        """Make the job of one track."""
        return Job(track, self.plugins, self.overwrite, self.allow_truncated, self.writers)

    @cached_property
    def digests(self) -> tuple[tuple[str, str], ...]:
        """Name and :func:`~mer_plugins.fingerprints.settings_digest` of each plugin."""
        return tuple((c.info.name, settings_digest(c.info, c.decisive)) for c in self.plugins)


@dataclass
class Summary:
    """How many tracks ended how, and the failures by name."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Count one track."""
        self.counts[outcome.status] += 1
        if outcome.status == "failed":
            self.failures.append((outcome.track.name, outcome.reason))

    def __str__(self) -> str:
        done, already, failed = (self.counts[k] for k in ("done", "already", "failed"))
        return f"done {done}, already done {already}, failed {failed}"


def run(
    tracks: Iterable[AnyTrack],
    settings: Settings,
    engine: Engine,
    index: DoneIndex,
    on_outcome: Callable[[Outcome], None],
    *,
    strict: bool = False,
) -> Summary:
    """Annotate the tracks and tell of each as it ends.

    Parameters
    ----------
    tracks : iterable of Track or RemoteTrack
        Taken as workers get free, so a million of them need no memory.
    settings : Settings
        Plugins and options.
    engine : Engine
        Spreads the work.
    index : DoneIndex
        Shortcut to what is done.
    on_outcome : callable
        Called with each track's outcome, in the order in which they end.
    strict : bool
        Whether the first failed track ends the run.

    Raises
    ------
    PluginError
        If a plugin cannot run at all; tracks done so far stay done.
    """
    summary = Summary()
    stamps: dict[AnyTrack, Stamp] = {}

    def report(outcome: Outcome) -> None:
        if outcome.status == "broken":
            raise PluginError(outcome.reason)
        _remember(outcome, settings, index, stamps.pop(outcome.track, None))
        tell(outcome)

    def tell(outcome: Outcome) -> None:
        summary.add(outcome)
        on_outcome(outcome)

    def jobs() -> Iterator[Job[Any]]:
        names = _names(settings)
        for track in tracks:
            stamp = _stamp(track)
            if not settings.overwrite and stamp and _known(track, settings, index, stamp):
                tell(Outcome(track, "already", plugins=names))
                continue
            if stamp:
                stamps[track] = stamp
            yield settings.job(track)

    with closing(engine.run(annotate_anywhere, jobs(), _lost)) as outcomes:
        for outcome in outcomes:
            report(outcome)
            if strict and outcome.status == "failed":
                break
    return summary


def failed_before(
    tracks: Iterable[AnyTrack], settings: Settings, index: DoneIndex
) -> Iterator[AnyTrack]:
    """Pass on the tracks whose last run with one of the plugins failed, as far as is known."""
    for track in tracks:
        if any(index.failure(track.jams, name) for name in _names(settings)):
            yield track


def is_known(track: AnyTrack, settings: Settings, index: DoneIndex) -> bool:
    """Tell whether the index certainly has the track as done with all plugins; reads no file."""
    stamp = _stamp(track)
    return stamp is not None and _known(track, settings, index, stamp)


def _known(track: AnyTrack, settings: Settings, index: DoneIndex, stamp: Stamp) -> bool:
    return not settings.writers and all(
        index.is_done(track.jams, name, digest, stamp) for name, digest in settings.digests
    )


def _remember(outcome: Outcome, settings: Settings, index: DoneIndex, stamp: Stamp | None) -> None:
    for name, digest in settings.digests:
        if outcome.status == "failed":
            index.remember_failure(outcome.track.jams, name, digest, stamp, outcome.reason)
        elif stamp is not None:
            index.remember(outcome.track.jams, name, digest, stamp)


def _names(settings: Settings) -> tuple[str, ...]:
    return tuple(choice.info.name for choice in settings.plugins)


def _stamp(track: AnyTrack) -> Stamp | None:
    try:
        return Stamp.of(track.audio)
    except OSError:
        return None


def _lost(job: Job[Any], error: BaseException) -> Outcome:
    if isinstance(error, PluginError):
        return Outcome(job.track, "broken", str(error))
    return Outcome(job.track, "failed", one_line(error))
