"""Labelled collections for training: recordings with human labels in the JAMS beside them.

The first ``mood_thayer`` annotation that is not by a program gives the curve; a recording without
one may still teach by its quadrant, a ``tag_open`` annotation of the value ``Q1`` to ``Q4``
(Russell: V+A+, V-A+, V-A-, V+A-).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mer_plugins.audio import load_audio
from mer_plugins.cache_folder import cache_folder
from mer_plugins.collection import Track, find_tracks
from mer_plugins.errors import MerError
from mer_plugins.fingerprints import audio_digest
from mer_plugins.jams_store import read
from mer_plugins.labels import (
    corpus_within,
    group_within,
    human_curve,
    human_quadrant,
    on_grid,
    song_ids,
)
from mer_plugins.sequence.excerpts import NOTHING_HEARD, LabelledTrack, Segments
from mer_plugins.sequence.feature_cache import FeatureCache
from mer_plugins.sequence.folds import DataError
from mer_plugins.sequence.front_end import FrontEndConfig
from mer_plugins.sequence.lossy import Samples, reencoded
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.song_names import song_names
from mer_plugins.trained_on import identity

_AHEAD = 4


class FeatureLoader:
    """Segments of recordings and, on demand, of a lossy copy of each.

    Parameters
    ----------
    config : FrontEndConfig
        The front end.
    cache : FeatureCache, optional
        Where features are kept; without it they stay in memory.
    bit_rates : tuple of int
        One MP3 copy of each recording at each of these bit rates, in bit/s.
    heard : FrontEndConfig, optional
        What a teacher hears of each recording.
    """

    def __init__(
        self,
        config: FrontEndConfig,
        cache: FeatureCache | None,
        bit_rates: tuple[int, ...] = (),
        heard: FrontEndConfig | None = None,
    ) -> None:
        self.config, self._cache, self._bit_rates = config, cache, bit_rates
        self._heard = FeatureLoader(heard, cache) if heard else None
        self._front_end = config.make()

    def segments(self, audio: Path) -> Segments:
        """Return the segments of a recording, shape=(t, f, n)."""
        return self._kept(audio, f"{self.config}", lambda: self._samples(audio))

    def copies(self, audio: Path) -> tuple[Segments, ...]:
        """Return the segments of its lossy copies, each as long as the recording's own."""
        return tuple(
            self._kept(
                audio,
                f"{self.config} mp3 {bit_rate}",
                partial(self._copy, audio, bit_rate),
            )
            for bit_rate in self._bit_rates
        )

    def heard(self, audio: Path) -> Segments:
        """Return what a teacher hears of a recording, shape=(t, 1, m); empty without a teacher."""
        if self._heard is None:
            return NOTHING_HEARD
        return self._heard.segments(audio)

    def _copy(self, audio: Path, bit_rate: int) -> Samples:
        return reencoded(self._samples(audio), self.config.sample_rate, bit_rate)

    def _samples(self, audio: Path) -> Samples:
        return load_audio(audio, self.config.sample_rate).mono().samples

    def _kept(self, audio: Path, settings: str, samples: Callable[[], Samples]) -> Segments:
        def compute() -> npt.NDArray[np.float16]:
            return self._front_end(samples()).astype(np.float16)

        return self._cache.features(audio, settings, compute) if self._cache else compute()


def loader_for(
    recipe: Recipe, cache_gb: float, heard: FrontEndConfig | None = None
) -> FeatureLoader:
    """Make what gives the features of a recipe, kept in the user's cache folder up to this size.

    With 0 nothing is kept there. `heard` is the front end of a teacher.
    """
    cache = FeatureCache(cache_folder() / "features", cache_gb) if cache_gb else None
    return FeatureLoader(recipe.features, cache, recipe.copy_bit_rates, heard)


def load_labelled(
    inputs: Iterable[str],
    loader: FeatureLoader,
    problem: Callable[[str, str], None],
    tell: Callable[[int], None] = lambda done: None,
) -> Iterator[LabelledTrack]:
    """Read every labelled recording, in order, named as :mod:`mer_plugins.song_names` says.

    Parameters
    ----------
    inputs : iterable of str
        As for :func:`mer_plugins.collection.find_tracks`.
    loader : FeatureLoader
        Gives the features.
    problem : callable
        Called with (recording, reason) for each that cannot be used; the others still come.
    tell : callable
        Called with the number of recordings looked at so far.
    """
    collections = list(inputs)
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[tuple[Track, Future[LabelledTrack | None]]] = []
        # All of them before the first is read: what tells two names apart depends on both.
        found = list(find_tracks(collections, problem=problem))
        names = song_names(found, collections)
        for done, (track, name) in enumerate(zip(found, names, strict=True), 1):
            waiting.append((track, pool.submit(_labelled, track, name, loader)))
            if len(waiting) > workers * _AHEAD:
                yield from _result(*waiting.pop(0), problem)
            tell(done)
        for pair in waiting:
            yield from _result(*pair, problem)


def _result(
    track: Track, future: Future[LabelledTrack | None], problem: Callable[[str, str], None]
) -> Iterator[LabelledTrack]:
    try:
        if (labelled := future.result()) is not None:
            yield labelled
    except MerError as exc:
        problem(track.name, str(exc))


def _labelled(track: Track, name: str, loader: FeatureLoader) -> LabelledTrack | None:
    if not track.jams.exists():
        return None
    jams = read(track.jams)
    curve, quadrant = human_curve(jams), human_quadrant(jams)
    if curve is None and quadrant is None:
        return None
    segments = loader.segments(track.audio)
    labels, mask = np.zeros((len(segments), 2), np.float32), np.zeros(len(segments), bool)
    if curve is not None:
        found, mask = on_grid(curve, len(segments), loader.config.segment_s)
        labels = found.astype(np.float32)
        if not mask.any():
            raise DataError("none of its labels lies within the recording")
    return LabelledTrack(
        name,
        segments,
        labels,
        mask,
        quadrant=quadrant if curve is None else None,
        group=group_within(jams),
        corpus=corpus_within(jams),
        song_ids=song_ids(track, jams),
        copies=loader.copies(track.audio),
        identity=identity(jams, audio_digest(track.audio)),
        heard=loader.heard(track.audio),
    )
