"""How a collection stands: which results are done, stale, failed or missing, and why.

``done``: the JAMS holds today's result. ``failed``: the last run could not make it, with these very
settings and this very recording, or the JAMS cannot be read. ``stale``: there is a result, of
another version, checkpoint, parameter or recording. ``missing``: there is none. Nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mer_plugins.annotate import PluginChoice
from mer_plugins.collection import Track
from mer_plugins.done_index import DoneIndex, Stamp
from mer_plugins.errors import MerError
from mer_plugins.fingerprints import audio_digest, fingerprint, settings_digest
from mer_plugins.jams_store import read
from mer_plugins.mood import is_own, plugin_of

STATES = ("done", "stale", "failed", "missing")


@dataclass(frozen=True)
class TrackStatus:
    """How one track stands with one plugin.

    Parameters
    ----------
    state : str
        One of :data:`STATES`.
    reason : str
        Why, in one line; empty if done or missing.
    """

    track: Track
    plugin: str
    state: str
    reason: str = ""


def statuses(
    tracks: Iterable[Track], plugins: Sequence[PluginChoice], index: DoneIndex
) -> Iterator[TrackStatus]:
    """Yield how each track stands with each plugin, as a run with these choices would find it.

    The index spares reading what it has seen, and knows the reasons of failures; without it
    every other answer is the same, only slower.
    """
    for track in tracks:
        for choice in plugins:
            yield TrackStatus(track, choice.info.name, *_state(track, choice, index))


def plugins_of(track: Track) -> set[str]:
    """Return the plugins whose results a track's JAMS holds; none if it cannot be read."""
    try:
        annotations = read(track.jams).get("annotations") or []
    except MerError:
        return set()
    return {name for name in map(plugin_of, annotations) if name}


def _state(track: Track, choice: PluginChoice, index: DoneIndex) -> tuple[str, str]:
    settings = settings_digest(choice.info, choice.decisive)
    stamp = _stamp(track)
    if stamp and index.is_done(track.jams, choice.info.name, settings, stamp):
        return "done", ""
    failure = index.failure(track.jams, choice.info.name)
    try:
        found = _own(track, choice.info.name)
        if found is not None and _is_current(found, track, choice):
            return "done", ""
    except MerError as exc:
        return "failed", str(exc)
    if failure is not None and (failure.settings, failure.audio) == (settings, stamp):
        return "failed", failure.reason
    if found is None:
        return "missing", ""
    return "stale", _why_stale(found, track, choice, index, stamp)


def _stamp(track: Track) -> Stamp | None:
    try:
        return Stamp.of(track.audio)
    except OSError:
        return None


def _own(track: Track, plugin: str) -> dict[str, Any] | None:
    """Return the sandbox of the plugin's annotation; None if there is none."""
    if not track.jams.exists():
        return None
    for annotation in read(track.jams).get("annotations") or []:
        if is_own(annotation, plugin):
            sandbox: dict[str, Any] = annotation["sandbox"]
            return sandbox
    return None


def _is_current(found: dict[str, Any], track: Track, choice: PluginChoice) -> bool:
    today = fingerprint(choice.info, choice.decisive, audio_digest(track.audio))
    return found.get("fingerprint") == today


def _why_stale(
    found: dict[str, Any], track: Track, choice: PluginChoice, index: DoneIndex, stamp: Stamp | None
) -> str:
    info = choice.info
    if found.get("plugin_version") != info.version:
        return f"made by version {found.get('plugin_version')}, now {info.version}"
    before, now = str(found.get("checkpoint_sha256") or ""), info.checkpoint_sha256
    # Plugins that find their weights by themselves say so in their results only.
    if now and before != now:
        return f"made with checkpoint {before[:12] or 'none'}, now {now[:12]}"
    seen = index.seen(track.jams, info.name)
    if seen is not None and seen[0] != settings_digest(info, choice.decisive):
        return "made with other parameters"
    if seen is not None and seen[1] != stamp:
        return "the recording was changed"
    return "made with other parameters or of another recording"
