"""The songs of a labelled collection with their features, which a file keeps once computed."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from mer_adapters.ridge_fitting import FeaturedSong, FitError
from mer_plugins.atomic import replacing
from mer_plugins.audio import load_audio
from mer_plugins.cli.bar import Passing
from mer_plugins.collection import Track, find_tracks
from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.fingerprints import audio_digest
from mer_plugins.jams_store import read
from mer_plugins.labels import human_curve, song_ids

Extract = Callable[[FloatArray], FloatArray]


class FeatureFile:
    """Features of recordings, by their content, in an ``.npz`` file of plain float32 arrays.

    Parameters
    ----------
    path : pathlib.Path, optional
        The file, written when the block ends, by an error or an interruption as well; none is kept
        unless given.

    Raises
    ------
    FitError
        If the file is there and cannot be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._arrays = _arrays(path) if path is not None and path.exists() else {}
        self._known = len(self._arrays)

    def __enter__(self) -> FeatureFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._path is not None and len(self._arrays) > self._known:
            with replacing(self._path) as file:
                np.savez(file, allow_pickle=False, **self._arrays)

    def get(self, audio: Path, sample_rate: int, extract: Extract) -> FloatArray:
        """Return a recording's features, shape=(m, k), computing what is not there yet."""
        name = audio_digest(audio)
        if name not in self._arrays:
            samples = load_audio(audio, sample_rate).samples
            self._arrays[name] = np.asarray(extract(samples), dtype=np.float32)
        return self._arrays[name]


def read_songs(
    inputs: Iterable[str],
    groups: Mapping[str, int],
    features: Path | None,
    sample_rate: int,
    extract: Extract,
) -> list[FeaturedSong]:
    """Read the labelled recordings of a collection that `groups` knows.

    `groups` names a song by its file's stem or by one of the identifiers in its JAMS. Recordings
    without a human ``mood_thayer`` annotation are passed over. `extract` maps mono samples to
    features, shape=(m, k), which the file `features` keeps.
    """
    songs = []
    with FeatureFile(features) as kept, Passing("recordings") as passing:
        for track in passing.over(list(find_tracks(list(inputs)))):
            found = _labels(track)
            if found is None:
                continue
            labels, names = found
            group = next((groups[name] for name in sorted(names) if name in groups), None)
            if group is not None and len(labels):
                known = kept.get(track.audio, sample_rate, extract)
                songs.append(FeaturedSong(track.audio.stem, known, labels, group))
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
