"""The songs of a labelled collection with their features, which a file keeps once computed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from mer_adapters.ridge_fitting import FeaturedSong, FitError
from mer_plugins.audio import load_audio
from mer_plugins.collection import Track, find_tracks
from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.jams_store import read
from mer_plugins.labels import human_curve, song_ids

Extract = Callable[[FloatArray], FloatArray]


class FeatureCache:
    """Features by song in an ``.npz`` file of plain float32 arrays, one a song.

    Raises
    ------
    FitError
        If the file is there and cannot be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._arrays: dict[str, FloatArray] = {}
        if path is not None and path.exists():
            self._arrays = _arrays(path)

    def get(self, track: Track, sample_rate: int, extract: Extract) -> FloatArray:
        """Return a track's features, shape=(m, k), computing what is not there yet."""
        name = track.audio.stem
        if name not in self._arrays:
            samples = load_audio(track.audio, sample_rate).samples
            self._arrays[name] = np.asarray(extract(samples), dtype=np.float32)
        return self._arrays[name]

    def save(self) -> None:
        """Write the file, if there is one to write."""
        if self._path is not None:
            np.savez(self._path, allow_pickle=False, **self._arrays)


def read_songs(
    inputs: Iterable[str],
    groups: Mapping[str, int],
    features: Callable[[Track], FloatArray],
) -> list[FeaturedSong]:
    """Read the labelled recordings of a collection that `groups` knows.

    `groups` names a song by its file's stem or by one of the identifiers in its JAMS. Recordings
    without a human ``mood_thayer`` annotation are passed over. `features` gives a track's features,
    shape=(m, k).
    """
    songs = []
    for track in find_tracks(list(inputs)):
        found = _labels(track)
        if found is None:
            continue
        labels, names = found
        group = next((groups[name] for name in sorted(names) if name in groups), None)
        if group is not None and len(labels):
            songs.append(FeaturedSong(track.audio.stem, features(track), labels, group))
    return songs


def _labels(track: Track) -> tuple[EmotionCurve, frozenset[str]] | None:
    if not track.jams.exists():
        return None
    jams = read(track.jams)
    curve = human_curve(jams)
    return None if curve is None else (curve, song_ids(track, jams))


def _arrays(path: Path) -> dict[str, FloatArray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as exc:
        reason = " ".join(str(exc).split())
        raise FitError(
            f"{path}: no file of features: remove it, or name another ({reason})"
        ) from exc
