"""One track behind URLs: fetch, annotate as a local one, put back. Runs inside a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mer_plugins.annotate import Job, Outcome, PluginChoice, annotate, is_done
from mer_plugins.collection import Track
from mer_plugins.done_index import Stamp
from mer_plugins.errors import MerError, PluginError
from mer_plugins.jams_store import find_fingerprint, read, store
from mer_plugins.mood import is_own
from mer_plugins.remote.files import ChangedMeanwhileError, Version, fetch, put, version
from mer_plugins.remote.scratch import private_folder
from mer_plugins.remote.tracks import AnyTrack, RemoteFile, RemoteTrack
from mer_plugins.remote.urls import reason

_WRITES = 5


def annotate_anywhere(job: Job[Any]) -> Outcome:
    """Do what is left to do for one track, local or not; never raises for the track's fault."""
    if isinstance(job.track, Track):
        return annotate(job)
    started = time.monotonic()
    try:
        outcome = _annotate(job)
    except PluginError as exc:
        outcome = Outcome(job.track, "broken", str(exc))
    except MerError as exc:
        outcome = Outcome(job.track, "failed", str(exc))
    except OSError as exc:
        outcome = Outcome(job.track, "failed", f"{job.track.audio}: not fetched ({reason(exc)})")
    return replace(outcome, seconds=time.monotonic() - started)


def is_done_anywhere(track: AnyTrack, plugins: Sequence[PluginChoice]) -> bool:
    """Tell whether a track's JAMS holds today's result of all the plugins.

    A recording behind a URL is fetched only if the JAMS has a result of each of them.
    """
    if isinstance(track, Track):
        return is_done(track, plugins)
    try:
        with private_folder() as folder:
            copy = _Copy(track, folder)
            copy.fetch_jams()
            found = read(copy.track.jams) if copy.track.jams.exists() else {}
            if not all(find_fingerprint(found, choice.info.name) for choice in plugins):
                return False
            copy.fetch_audio()
            return is_done(copy.track, plugins)
    except (MerError, OSError):
        return False


def _annotate(job: Job[RemoteTrack]) -> Outcome:
    with private_folder() as folder:
        copy = _Copy(job.track, folder)
        copy.fetch_jams()
        copy.fetch_audio()
        own: Job[Track] = Job(
            copy.track, job.plugins, job.overwrite, job.allow_truncated, job.writers
        )
        outcome = annotate(own)
        stamp = None
        if outcome.status == "done":
            stamp = copy.put_jams(outcome.plugins, outcome.duration_s)
        elif outcome.status == "already" and copy.before is not None:
            stamp = copy.before.stamp
        if outcome.status in ("done", "already"):
            copy.put_others()
    track = job.track
    if isinstance(track.jams, RemoteFile):
        track = replace(track, jams=replace(track.jams, found=stamp))
    return replace(outcome, track=track, reason=copy.with_urls(outcome.reason))


@dataclass
class _Copy:
    """A track's files in a folder of this machine; what is local anyway stays where it is."""

    remote: RemoteTrack
    folder: Path
    before: Version | None = None

    @property
    def track(self) -> Track:
        """The track, as a local one."""
        remote = self.remote
        base = None if remote.base_jams is None else self._local(remote.base_jams, "base")
        audio, jams = self._local(remote.audio, "audio"), self._local(remote.jams, "jams")
        return Track(audio, jams, base, remote.name)

    def fetch_audio(self) -> None:
        """Fetch the recording."""
        if isinstance(self.remote.audio, RemoteFile):
            fetch(self.remote.audio, self._made(self.track.audio))

    def fetch_jams(self) -> None:
        """Fetch the JAMS, or the one to begin from, if there is either."""
        jams, base = self.remote.jams, self.remote.base_jams
        if isinstance(jams, RemoteFile):
            self.before = _fetch_if_there(jams, self._made(self.track.jams))
        if isinstance(base, RemoteFile) and not self.track.jams.exists():
            fetch(base, self._made(self._local(base, "base")))

    def put_jams(self, plugins: Sequence[str], duration_s: float) -> Stamp | None:
        """Put the JAMS in its place; where somebody wrote it meanwhile, merge into theirs."""
        place, path = self.remote.jams, self.track.jams
        if not isinstance(place, RemoteFile):
            return None
        for _ in range(_WRITES):
            try:
                return put(place, path.read_bytes(), self.before)
            except ChangedMeanwhileError:
                self._merge_into_theirs(place, plugins, duration_s)
        raise ChangedMeanwhileError(f"{place}: was changed {_WRITES} times meanwhile; run again")

    def put_others(self) -> None:
        """Put what was written in further formats."""
        place = self.remote.jams
        if isinstance(place, RemoteFile):
            for path in sorted(self.track.jams.parent.iterdir()):
                if path != self.track.jams:
                    other = place.parent.child(path.name)
                    put(other, path.read_bytes(), version(other))

    def with_urls(self, text: str) -> str:
        """Name the files behind URLs instead of their copies."""
        for copy, file in (
            (self.track.audio, self.remote.audio),
            (self.track.jams, self.remote.jams),
            (self.track.base_jams, self.remote.base_jams),
        ):
            if isinstance(file, RemoteFile):
                text = text.replace(str(copy), str(file))
        return text

    def _merge_into_theirs(
        self, place: RemoteFile, plugins: Sequence[str], duration_s: float
    ) -> None:
        path = self.track.jams
        theirs = self._made(self.folder / "theirs" / path.name)
        self.before = _fetch_if_there(place, theirs)
        if self.before is None:
            return
        ours = read(path)["annotations"]
        own = [a for a in ours if any(is_own(a, plugin) for plugin in plugins)]
        store(theirs, own, duration_s=duration_s)
        theirs.replace(path)

    def _local(self, file: RemoteFile | Path, place: str) -> Path:
        return self.folder / place / file.name if isinstance(file, RemoteFile) else file

    def _made(self, path: Path) -> Path:
        path.parent.mkdir(exist_ok=True)
        return path


def _fetch_if_there(file: RemoteFile, path: Path) -> Version | None:
    return None if version(file) is None else fetch(file, path)
