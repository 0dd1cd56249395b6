"""Labelled collections for training: recordings with a human ``mood_thayer`` annotation in JAMS."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mer_plugins.audio import load_audio
from mer_plugins.collection import Track, find_tracks
from mer_plugins.curves import EmotionCurve
from mer_plugins.errors import MerError
from mer_plugins.jams_store import from_annotation, read
from mer_plugins.mood import NAMESPACE, part, plugin_of
from mer_plugins.sequence.logmel import LogMel
from mer_plugins.sequence.training import LabelledTrack


class DataError(MerError):
    """A labelled collection, or its table of folds, cannot be used."""


def load_labelled(
    inputs: Iterable[str], log_mel: LogMel, problem: Callable[[str, str], None]
) -> Iterator[tuple[LabelledTrack, frozenset[str]]]:
    """Read every labelled recording, in order, with the names its song may be known by.

    Parameters
    ----------
    inputs : iterable of str
        As for :func:`mer_plugins.collection.find_tracks`.
    log_mel : LogMel
        The front end.
    problem : callable
        Called with (recording, reason) for each that cannot be used; the others still come.
    """
    for track in find_tracks(list(inputs), problem=problem):
        try:
            if (found := _labelled(track, log_mel)) is not None:
                yield found
        except MerError as exc:
            problem(track.name, str(exc))


def _labelled(track: Track, log_mel: LogMel) -> tuple[LabelledTrack, frozenset[str]] | None:
    if not track.jams.exists():
        return None
    jams = read(track.jams)
    human = [a for a in jams.get("annotations") or [] if _is_human_mood(a)]
    if not human:
        return None
    segments = log_mel(load_audio(track.audio, log_mel.config.sample_rate).samples)
    labels, mask = on_grid(from_annotation(human[0]), len(segments), log_mel.config.segment_s)
    if not mask.any():
        raise DataError("none of its labels lies within the recording")
    return LabelledTrack(track.audio.stem, segments, labels, mask), _song_names(track, jams)


def _is_human_mood(annotation: Any) -> bool:
    return (
        isinstance(annotation, dict)
        and annotation.get("namespace") == NAMESPACE
        and plugin_of(annotation) is None
    )


def on_grid(
    curve: EmotionCurve, count: int, segment_s: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Average a curve over each segment; segments without a label are masked, not invented.

    Returns
    -------
    labels : np.ndarray, shape=(count, 2)
    mask : np.ndarray, shape=(count,)
        True where at least one label's interval has its centre in the segment.
    """
    indices = np.floor((curve.times + curve.hop_s / 2) / segment_s + 1e-9).astype(int)
    inside = indices < count
    totals, hits = np.zeros((count, 2)), np.zeros(count)
    np.add.at(totals, indices[inside], curve.values[inside])
    np.add.at(hits, indices[inside], 1)
    labels = totals / np.maximum(hits, 1)[:, None]
    return labels.astype(np.float32), hits > 0


def _song_names(track: Track, jams: Mapping[str, Any]) -> frozenset[str]:
    """Collect what a table of folds may call this song: file stem, identifiers, ``song_id``."""
    identifiers = part(part(dict(jams), "file_metadata"), "identifiers")
    song_id = part(dict(jams), "sandbox").get("song_id")
    return frozenset({track.audio.stem, *map(str, identifiers.values()), str(song_id)})


def read_folds(path: Path) -> dict[str, int]:
    """Read a CSV with the columns ``song_id`` and ``fold``.

    Raises
    ------
    DataError
        If the file cannot be read, lacks a column, or a fold is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return {row["song_id"]: int(row["fold"]) for row in csv.DictReader(file)}
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"{path}: cannot be read as CSV ({exc})") from exc
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError(
            f"{path}: expected the columns song_id and fold (a number), found {exc}"
        ) from exc


def fold_of(names: Iterable[str], folds: Mapping[str, int]) -> int | None:
    """Return the fold of a song by any of its names; None if the table does not have it."""
    return next((folds[name] for name in sorted(names) if name in folds), None)
