"""Import a data set: recordings into a folder, each with its JAMS beside it.

A song is one step that happens or does not happen; the same command again does what is left. What
other people or plugins put into a JAMS stays. Files that belong to another data set, or that this
project has not written, are never overwritten unasked.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simplejson

from mer_plugins.atomic import replacing
from mer_plugins.contracts import DatasetInfo
from mer_plugins.datasets import AudioSource, Dataset, DatasetError, DatasetTrack
from mer_plugins.errors import MerError
from mer_plugins.jams_store import JAMS_VERSION, read
from mer_plugins.mood import part

_JAMS_SUFFIX = ".jams"


@dataclass(frozen=True)
class ImportOutcome:
    """What became of one song.

    Parameters
    ----------
    status : str
        ``done``, ``already`` (nothing had changed) or ``failed``.
    reason : str
        One line; empty unless failed.
    has_audio : bool
        Whether the recording is in the collection now.
    warnings : tuple of str
        What had to be left out of the song.
    """

    track_id: str
    status: str
    reason: str = ""
    has_audio: bool = False
    warnings: tuple[str, ...] = ()


def import_dataset(
    dataset: Dataset, folder: Path, *, link: bool = False, overwrite: bool = False
) -> Iterator[ImportOutcome]:
    """Import every song in order; one that fails costs that song only.

    Parameters
    ----------
    dataset : Dataset
        As :meth:`mer_plugins.host.PluginHost.open_dataset` gives it.
    folder : pathlib.Path
        The collection; made if it does not exist.
    link : bool
        Make symbolic links to recordings that are there as files, in place of copies.
    overwrite : bool
        Make recordings anew, and replace files that this data set did not bring.

    Raises
    ------
    DatasetError
        If `folder` cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DatasetError(f"{folder}: cannot be made ({exc.strerror})") from exc
    for track_id in dataset.track_ids:
        try:
            track = dataset.track(track_id)
            yield _Import(dataset.info, track, folder, link=link, overwrite=overwrite).run()
        except MerError as exc:
            yield ImportOutcome(track_id, "failed", str(exc))
        except OSError as exc:
            yield ImportOutcome(track_id, "failed", f"{exc.filename}: {exc.strerror or exc}")


class _Import:
    def __init__(
        self, info: DatasetInfo, track: DatasetTrack, folder: Path, *, link: bool, overwrite: bool
    ) -> None:
        self._info, self._track, self._link, self._overwrite = info, track, link, overwrite
        self._jams = folder / (track.track_id + _JAMS_SUFFIX)
        suffix = track.audio.suffix if track.audio else ""
        self._recording = folder / (track.track_id + suffix) if suffix else None
        self._former = read(self._jams) if self._jams.exists() else {}

    def run(self) -> ImportOutcome:
        self._refuse_strangers()
        is_changed = self._with_recording() if self._needs_recording() else self._write(None)
        return ImportOutcome(
            self._track.track_id,
            "done" if is_changed else "already",
            has_audio=self._recording is not None and self._recording.exists(),
            warnings=tuple(self._track.warnings),
        )

    def _refuse_strangers(self) -> None:
        if self._overwrite:
            return
        owner = part(self._former, "sandbox").get("dataset")
        if self._former and owner != self._info.name:
            what = f"belongs to {owner}" if owner else f"was not brought by {self._info.name}"
            raise DatasetError(f"{self._jams}: {what}: choose another folder, or --overwrite")
        if not self._former and self._recording and os.path.lexists(self._recording):
            raise DatasetError(
                f"{self._recording}: is there already, without a JAMS of {self._info.name}: "
                "choose another folder, or --overwrite"
            )

    def _needs_recording(self) -> bool:
        source, recording = self._track.audio, self._recording
        if source is None or recording is None:
            return False
        is_link = self._link and source.path is not None
        same = _plain(part(self._former, "sandbox").get("audio")) == _plain(dict(source.origin))
        there = recording.exists() and recording.is_symlink() == is_link
        return self._overwrite or not (same and there)

    def _with_recording(self) -> bool:
        source, recording = self._track.audio, self._recording
        if source is None or recording is None:  # pragma: no cover - _needs_recording has looked
            return False
        if self._link and source.path is not None:
            self._write(source.duration_s())
            _replace_by_link(recording, source.path)
            return True
        # The JAMS first: after a crash between the two, the next run finds the recording missing.
        with replacing(recording) as file:
            self._write(source.write(file))
        return True

    def _write(self, measured_s: float | None) -> bool:
        """Write the JAMS, unless it would stay as it is; tell whether it was written."""
        content = simplejson.dumps(
            self._content(self._duration_s(measured_s)), use_decimal=True, separators=(",", ":")
        )
        encoded = content.encode("ascii") + b"\n"
        if self._jams.exists() and self._jams.read_bytes() == encoded:
            return False
        with replacing(self._jams) as file:
            file.write(encoded)
        return True

    def _duration_s(self, measured_s: float | None) -> float:
        if measured_s is not None:
            return measured_s
        former = part(self._former, "file_metadata").get("duration")
        if former is not None:
            return float(former)
        if self._track.duration_s is not None:
            return float(self._track.duration_s)
        return max((a["time"] + a["duration"] for a in self._track.annotations), default=0.0)

    def _content(self, duration_s: float) -> dict[str, Any]:
        others = [a for a in self._former.get("annotations") or [] if not self._is_own(a)]
        return {
            **self._former,
            "file_metadata": self._metadata(duration_s),
            "annotations": [*self._track.annotations, *others],
            "sandbox": {**part(self._former, "sandbox"), **self._sandbox()},
        }

    def _is_own(self, annotation: Any) -> bool:
        return (
            isinstance(annotation, dict)
            and part(annotation, "sandbox").get("dataset") == self._info.name
        )

    def _metadata(self, duration_s: float) -> dict[str, Any]:
        track = self._track
        return {
            "title": track.title,
            "artist": track.artist,
            "release": track.release,
            "duration": round(duration_s, 9),
            "identifiers": {"song_id": track.track_id, **track.identifiers},
            "jams_version": JAMS_VERSION,
        }

    def _sandbox(self) -> dict[str, Any]:
        info, source = self._info, self._track.audio
        return {
            **self._track.details,
            "dataset": info.name,
            "song_id": self._track.track_id,
            "source": info.homepage,
            "licence": info.licence,
            "citation": info.citation,
            "audio": None if source is None else dict(source.origin),
        }


def _plain(found: Any) -> Any:
    return {k: str(v) for k, v in found.items()} if isinstance(found, Mapping) else None


def _replace_by_link(link: Path, target: Path) -> None:
    temp = link.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        temp.symlink_to(target.resolve())
        os.replace(temp, link)
    except OSError:
        with suppress(OSError):
            temp.unlink()
        raise


__all__ = ["AudioSource", "ImportOutcome", "import_dataset"]
