"""One track through one or more extractors: decode, extract, store. Runs inside a worker.

The data's way: path -> :class:`Track` -> samples -> :class:`EmotionCurve` -> JAMS.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

from mer_plugins import __version__
from mer_plugins.audio import Audio, AudioReader, open_audio
from mer_plugins.collection import Track
from mer_plugins.contracts import Extractor, ExtractorInfo, StreamingExtractor, WriterSpec
from mer_plugins.curves import EmotionCurve, concatenate
from mer_plugins.done_index import Stamp
from mer_plugins.errors import AudioError, JamsError, MerError, PluginError
from mer_plugins.fingerprints import audio_digest, fingerprint
from mer_plugins.host import load_factory, plugin_host
from mer_plugins.jams_store import (
    Provenance,
    curves,
    find_fingerprint,
    read,
    store,
    to_annotation,
)

if TYPE_CHECKING:
    from mer_plugins.remote.tracks import AnyTrack, RemoteTrack

T = TypeVar("T", Track, "RemoteTrack")

# Where it runs does not alter what it gives, so it does not make a result stale.
PLACES = frozenset({"device"})


@dataclass(frozen=True)
class PluginChoice:
    """A plugin with its parameters, as chosen for a run.

    Parameters
    ----------
    info : ExtractorInfo
        With the checksum of the checkpoint in use.
    parameters : str
        Keyword parameters as JSON (hashable, so that workers keep their extractors).
    """

    info: ExtractorInfo
    parameters: str = "{}"

    @property
    def decisive(self) -> Mapping[str, Any]:
        """The parameters that alter the result; a checkpoint counts by its content."""
        chosen = json.loads(self.parameters)
        return {k: v for k, v in chosen.items() if k not in PLACES and k != "checkpoint"}


@dataclass(frozen=True)
class Job(Generic[T]):
    """A track, and what is to be done with it."""

    track: T
    plugins: tuple[PluginChoice, ...]
    overwrite: bool = False
    allow_truncated: bool = False
    writers: tuple[WriterSpec, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one track.

    Parameters
    ----------
    status : str
        ``done``, ``already`` (done before), ``failed`` (the track is to blame) or ``broken`` (a
        plugin is: the run cannot go on).
    reason : str
        One line; empty unless failed or broken.
    plugins : tuple of str
        Those whose result is now in the JAMS.
    duration_s, seconds : float
        Length of the recording, and time it took; 0 if unknown.
    means : dict
        For each plugin done now, its mean (valence, arousal).
    """

    track: AnyTrack
    status: str
    reason: str = ""
    plugins: tuple[str, ...] = ()
    duration_s: float = 0.0
    seconds: float = 0.0
    means: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def annotate(job: Job[Track]) -> Outcome:
    """Do what is left to do for one track; never raises for anything that is the track's fault."""
    started = time.monotonic()
    try:
        outcome = _annotate(job)
    except PluginError as exc:
        outcome = Outcome(job.track, "broken", str(exc))
    except MerError as exc:
        outcome = Outcome(job.track, "failed", str(exc))
    except MemoryError:
        outcome = Outcome(job.track, "failed", "out of memory; use fewer workers (-j)")
    return replace(outcome, seconds=time.monotonic() - started)


def _annotate(job: Job[Track]) -> Outcome:
    track = job.track
    before = _stamp(track.audio)
    digest = audio_digest(track.audio)
    names = tuple(choice.info.name for choice in job.plugins)
    left = [
        choice for choice in job.plugins if job.overwrite or not _is_done(track, choice, digest)
    ]
    if not left:
        _write_others(job, names)
        return Outcome(track, "already", plugins=names)
    results = [_extract(track.audio, choice, job.allow_truncated) for choice in left]
    if _stamp(track.audio) != before:
        raise AudioError(f"{track.audio}: was changed while it was read; run again")
    store(
        track.jams,
        [_annotation(choice, result, digest) for choice, result in zip(left, results, strict=True)],
        duration_s=results[0].duration_s,
        title=track.audio.stem,
        base=track.base_jams,
    )
    _write_others(job, names)
    means = {
        choice.info.name: (float(r.curve.valence.mean()), float(r.curve.arousal.mean()))
        for choice, r in zip(left, results, strict=True)
        if len(r.curve)
    }
    return Outcome(track, "done", "", names, results[0].duration_s, means=means)


@dataclass(frozen=True)
class _Extracted:
    curve: EmotionCurve
    info: ExtractorInfo
    duration_s: float
    decoder: str


def _extract(path: Path, choice: PluginChoice, allow_truncated: bool) -> _Extracted:
    extractor = _extractor(choice.info.name, choice.parameters)
    rate = extractor.info.sample_rate
    with open_audio(path, rate, allow_truncated=allow_truncated) as reader:
        curve = _curve(extractor, reader)
        duration_s, decoder = reader.duration_s, reader.decoder
    return _Extracted(curve, extractor.info, duration_s, decoder)


def _curve(extractor: Extractor, reader: AudioReader) -> EmotionCurve:
    with naming_plugin(extractor.info.name, reader.path):
        if isinstance(extractor, StreamingExtractor):
            stream = extractor.open()
            parts = [part for block in reader.blocks() if (part := stream.feed(block)) is not None]
            return concatenate([*parts, stream.finish()])
        audio = Audio(np.concatenate(list(reader.blocks())), reader.sample_rate)
        _check_long_enough(extractor.info, audio.duration_s)
        return extractor(audio)


@contextmanager
def naming_plugin(name: str, path: Path) -> Iterator[None]:
    """Turn what a plugin raises into one line that names it; errors for people pass through."""
    try:
        yield
    except (MerError, MemoryError):
        raise
    except Exception as exc:
        reason = " ".join(str(exc).split())
        raise AudioError(f"{path}: plugin {name!r} failed: {type(exc).__name__}: {reason}") from exc


def _check_long_enough(info: ExtractorInfo, duration_s: float) -> None:
    if duration_s < info.min_duration_s:
        raise AudioError(
            f"the recording is {duration_s:.3f} s long: "
            f"{info.name!r} needs at least {info.min_duration_s:g} s"
        )


def _annotation(choice: PluginChoice, result: _Extracted, digest: str) -> dict[str, Any]:
    info = result.info
    provenance = Provenance(
        plugin=info.name,
        plugin_version=info.version,
        fingerprint=fingerprint(choice.info, choice.decisive, digest),
        checkpoint_sha256=info.checkpoint_sha256,
        scale=str(info.scale),
        hop_s=result.curve.hop_s,
        decoder=result.decoder,
        host_version=__version__,
    )
    return to_annotation(result.curve, provenance)


def is_done(track: Track, plugins: Sequence[PluginChoice]) -> bool:
    """Tell whether a track's JAMS holds today's result of all the plugins; decodes nothing."""
    try:
        if not track.jams.exists():
            return False
        digest = audio_digest(track.audio)
        return all(_is_done(track, choice, digest) for choice in plugins)
    except MerError:
        return False


def _is_done(track: Track, choice: PluginChoice, digest: str) -> bool:
    if not track.jams.exists():
        return False
    expected = fingerprint(choice.info, choice.decisive, digest)
    return find_fingerprint(read(track.jams), choice.info.name) == expected


def _write_others(job: Job[Track], names: tuple[str, ...]) -> None:
    """Write the further formats of the plugins' curves that are not there yet."""
    if not job.writers:
        return
    found = dict(curves(read(job.track.jams), problem=lambda label, reason: None))
    for spec in job.writers:
        write = load_factory(spec.factory, f"writer {spec.name!r}")
        for name in names:
            if name not in found:
                raise JamsError(f"{job.track.jams}: its curve by {name!r} cannot be read back")
            several = f".{name}" if len(names) > 1 else ""
            path = job.track.jams.with_suffix(f"{several}{spec.suffix}")
            if spec.collects:
                write([(job.track.name, found[name])], path)
            else:
                write(found[name], path)


def _stamp(path: Path) -> Stamp:
    try:
        return Stamp.of(path)
    except OSError as exc:
        raise AudioError(f"{path}: cannot be read ({exc.strerror})") from exc


@lru_cache(maxsize=8)
def _extractor(name: str, parameters: str) -> Extractor:
    return plugin_host().create(name, **json.loads(parameters))
