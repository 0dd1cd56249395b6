"""MER1101: 1,101 excerpts of 16.5 to 125.5 s, at 2 Hz from the start, 10 students and 3 experts.

The data set is given out by its makers on request, and its layout is not published. This importer
reads the layout of DEAM's tables, which are easily written from any other::

    songs.csv                                  song_id, title, artist, genre, language, duration
    annotations/valence.csv, arousal.csv       a row a song, a column a half second: sample_0ms, ...
    annotations/students/valence/ID.csv        a row a rater, the same columns; arousal/ likewise
    annotations/experts/valence/ID.csv         the same of the experts
    music/ID.wav                               the recordings

Only the averages or one group of raters is needed; without averages, the mean over all raters
stands first.

Split
-----
As the paper has it (section 4.3): songs longer than 30 s, 925, are drawn at random into 80 % for
training and 20 % for evaluation; training songs are cut into excerpts of 30 s, evaluation songs
stay whole. Seed and overlap are not published: here excerpts follow each other, what is left at a
song's end is dropped (as 740 songs and 1,526 excerpts suggest), and the draw is that of the
songs' numbers in order by ``numpy.random.default_rng(seed)``. A song's length is its recording's,
or else that of the table, or else its labels'. ``-p part=training`` gives the excerpts,
``-p part=evaluation`` the songs to evaluate; without a part, all songs come whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from mer_adapters.datasets.excerpts import Excerpt, cut
from mer_adapters.datasets.rater_tables import raters_of, read_raters
from mer_adapters.datasets.song_facts import SongFacts, chosen_part, read_facts
from mer_adapters.datasets.va_tables import (
    chosen_folder,
    curve,
    id_key,
    number,
    recordings,
    rows_by_id,
    samples,
)
from mer_plugins.contracts import DatasetInfo
from mer_plugins.curves import EmotionCurve
from mer_plugins.datasets import AudioSource, DatasetError, DatasetTrack, RecordingFile
from mer_plugins.errors import MerError
from mer_plugins.ratings import mean_curve, rating

INFO = DatasetInfo(
    name="mer1101",
    title="MER1101",
    summary="1,101 excerpts of 16 genres with valence and arousal at 2 Hz, by students and experts",
    version="2023",
    hop_s=0.5,
    raters="10 students and 3 experts a song",
    data_source="crowdsource",
    rules="heard once before, rated while listening twice, in half-second intervals",
    curator="L. Zhang, X. Yang, Y. Zhang, J. Luo",
    homepage="https://ismir-2023.github.io/MER1101/",
    licence="on request from its makers, whose terms hold",
    citation=(
        "L. Zhang, X. Yang, Y. Zhang, J. Luo: Dual attention-based multi-scale feature fusion "
        "approach for dynamic music emotion recognition. Proceedings of ISMIR 2023, "
        "doi:10.5281/zenodo.10265259"
    ),
    layout=(
        "songs.csv, annotations/, music/ (-p recordings=FOLDER, -p part=training|evaluation, "
        "-p seed=0)"
    ),
    counts={
        "songs": 1101,
        "recordings": 1101,
        "songs_with_students": 1101,
        "songs_with_experts": 1101,
        "over_30_s": 925,
        "training": 740,
        "evaluation": 185,
        "training_excerpts": 1526,
    },
)
EXCERPT_S = 30.0
_LONGEST_S = 86_400.0
_TRAINING_SHARE = 0.8
_GROUPS = ("students", "experts")
_INFO_OF = {"students": INFO, "experts": replace(INFO, data_source="expert human")}


class MER1101:
    """MER1101 below a folder; see :class:`mer_plugins.datasets.Dataset`.

    Parameters
    ----------
    source : pathlib.Path
        With ``annotations/``.
    recordings : str
        Folder of recordings called by song id, where it is not ``music``.
    part : str
        ``"training"`` or ``"evaluation"``, or empty for all songs, whole.
    seed : int
        Of the draw, not negative.

    Raises
    ------
    DatasetError
        If there are no labels, or an argument is none of the above.
    """

    info = INFO

    def __init__(self, source: Path, recordings: str = "", part: str = "", seed: int = 0) -> None:
        self._labels = source / "annotations"
        self._facts = read_facts(source, "songs.csv")
        self._folder = chosen_folder(source, recordings, "music")
        self._part = chosen_part(part, "training", "evaluation")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise DatasetError(f"seed is {seed!r}: expected a whole number from 0 on")
        self._seed = seed
        if not self._songs:
            raise DatasetError(f"{self._labels}: has no labels, neither averages nor raters'")

    @property
    def track_ids(self) -> Sequence[str]:
        """All songs; or of a part, its songs or its excerpts."""
        if not self._part:
            return self._songs
        songs = [song for song in self._songs if self._split[song] == self._part]
        return songs if self._part == "evaluation" else [i for s in songs for i in self._cuts(s)]

    def track(self, track_id: str) -> DatasetTrack:
        """Read one song or excerpt; DatasetError if it has no usable label."""
        is_cut = self._part == "training"
        song, start_s = _song_and_start(track_id) if is_cut else (track_id, 0.0)
        mean, raters, warnings = self._curves(song)
        audio: AudioSource | None = self._recordings.get(song)
        duration_s = self._durations[song]
        if is_cut:
            mean = cut(mean, start_s, EXCERPT_S)
            raters = {rater: cut(c, start_s, EXCERPT_S) for rater, c in raters.items()}
            audio = Excerpt(audio.path, start_s, EXCERPT_S) if audio and audio.path else None
            duration_s = EXCERPT_S
        facts = self._facts.get(song, SongFacts())
        return DatasetTrack(
            track_id=track_id,
            title=facts.title,
            artist=facts.artist,
            duration_s=duration_s,
            audio=audio,
            annotations=[
                rating(INFO, mean, {"name": "mean of the raters"}),
                *(
                    rating(_INFO_OF[group], c, {"id": rater, "group": group})
                    for (group, rater), c in raters.items()
                    if len(c)
                ),
            ],
            details={
                "genre": facts.genre,
                "language": facts.cell("language"),
                "split": self._split[song],
                "song": song,
                "start_s": start_s,
                "group": facts.artist or song,
            },
            identifiers={"mer1101": song},
            warnings=warnings,
        )

    def counts(self) -> Mapping[str, int]:
        """Count songs, recordings, songs with raters of each group, and the sets."""
        splits = list(self._split.values())
        training = (song for song, split in self._split.items() if split == "training")
        return {
            "songs": len(self._songs),
            "recordings": sum(song in self._recordings for song in self._songs),
            **{f"songs_with_{g}": len(raters_of(self._labels / g)) for g in _GROUPS},
            "over_30_s": len(splits) - splits.count(""),
            "training": splits.count("training"),
            "evaluation": splits.count("evaluation"),
            "training_excerpts": sum(len(self._cuts(song)) for song in training),
        }

    @cached_property
    def _songs(self) -> list[str]:
        valence, arousal = self._averages
        found = valence.keys() & arousal.keys()
        return sorted(found.union(*(raters_of(self._labels / g) for g in _GROUPS)), key=id_key)

    @cached_property
    def _averages(self) -> list[dict[str, dict[str, str]]]:
        tables = [self._labels / f"{dimension}.csv" for dimension in ("valence", "arousal")]
        are_there = all(table.is_file() for table in tables)
        return [rows_by_id(table, "song_id") if are_there else {} for table in tables]

    @cached_property
    def _recordings(self) -> Mapping[str, RecordingFile]:
        return recordings(self._folder)

    @cached_property
    def _split(self) -> Mapping[str, str]:
        """Tell of each song which set it is in; empty if it is too short for either."""
        long = [song for song in self._songs if self._durations[song] > EXCERPT_S]
        count = round(len(long) * _TRAINING_SHARE)
        drawn = np.random.default_rng(self._seed).permutation(len(long))[:count]
        training = {long[i] for i in drawn}
        sets = {song: "training" if song in training else "evaluation" for song in long}
        return {song: sets.get(song, "") for song in self._songs}

    @cached_property
    def _durations(self) -> Mapping[str, float]:
        return {song: self._measured_s(song) for song in self._songs}

    def _measured_s(self, song: str) -> float:
        # A damaged song fails by itself when it is read; it must not cost the draw of the others.
        with suppress(MerError):
            if recording := self._recordings.get(song):
                return recording.duration_s()
        with suppress(MerError):
            if text := self._facts.get(song, SongFacts()).cell("duration"):
                return _plausible(number(text, "duration"))
            mean = self._curves(song)[0]
            return float(mean.times[-1]) + mean.hop_s
        return 0.0

    def _cuts(self, song: str) -> list[str]:
        starts = range(0, int(self._durations[song] // EXCERPT_S))
        return [f"{song}_{round(i * EXCERPT_S):03d}s" for i in starts]

    def _curves(
        self, song: str
    ) -> tuple[EmotionCurve, dict[tuple[str, str], EmotionCurve], list[str]]:
        raters, warnings = {}, []
        for group in _GROUPS:
            found, left_out = read_raters(self._labels / group, song, INFO.hop_s, INFO.scale)
            raters.update({(group, rater): c for rater, c in found.items()})
            warnings += [f"{group}: {line}" for line in left_out]
        valence, arousal = self._averages
        if song in valence and song in arousal:
            both = samples(valence[song]), samples(arousal[song])
            return curve(*both, INFO.hop_s, INFO.scale), raters, warnings
        if not raters:
            raise DatasetError(f"song {song} has no rater whose labels can be read")
        return mean_curve(list(raters.values())), raters, warnings


def _plausible(duration_s: float) -> float:
    if not 0 < duration_s <= _LONGEST_S:
        raise DatasetError(f"duration is {duration_s:g} s: expected 0 to {_LONGEST_S:g}")
    return duration_s


def _song_and_start(track_id: str) -> tuple[str, float]:
    song, _, start = track_id.rpartition("_")
    return song, float(start.removesuffix("s"))
