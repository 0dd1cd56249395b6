"""emoMusic, "1000 songs": 744 excerpts of 45 s, valence and arousal at 2 Hz from 15.0 s on.

The official folders are read: ``annotations/`` with the averages and deviations over raters at
each half second, [-1, 1], and of whole songs, [1, 9]; ``clips_45seconds/`` with the recordings.
The public files hold no labels of single raters. The songs are DEAM's up to 1000, under the same
numbers: never test on one what was trained on the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from mer_adapters.datasets.song_facts import SongFacts, chosen_part, read_facts
from mer_adapters.datasets.va_tables import (
    Series,
    chosen_folder,
    curve,
    id_key,
    recordings,
    rows_by_id,
    samples,
)
from mer_adapters.datasets.whole_songs import WholeSongs
from mer_plugins.contracts import DatasetInfo
from mer_plugins.curves import EmotionCurve
from mer_plugins.datasets import (
    DatasetTrack,
    Finding,
    RecordingFile,
    first_present,
    required,
)
from mer_plugins.ratings import rating

INFO = DatasetInfo(
    name="emomusic",
    title="emoMusic (1000 Songs for Emotional Analysis of Music)",
    summary="744 excerpts of 45 s with valence and arousal at 2 Hz, from 15 s on",
    version="2013",
    hop_s=0.5,
    raters="at least 10 crowd workers a song; mean and standard deviation only",
    data_source="crowdsource",
    rules="rated while listening, in half-second intervals; the first 15 s are left out",
    curator="M. Soleymani, M. N. Caro, E. M. Schmidt, C.-Y. Sha, Y.-H. Yang",
    homepage="https://cvml.unige.ch/databases/emoMusic/",
    licence="songs under Creative Commons licences of their own; annotations for research",
    citation=(
        "M. Soleymani, M. N. Caro, E. M. Schmidt, C.-Y. Sha, Y.-H. Yang: 1000 songs for emotional "
        "analysis of music. Proceedings of CrowdMM 2013, pp. 1-6, doi:10.1145/2506364.2506365"
    ),
    layout=(
        "annotations/, clips_45seconds/ (-p recordings=FOLDER, -p part=development|evaluation)"
    ),
    counts={
        "songs": 744,
        "recordings": 744,
        "static": 744,
        "development": 619,
        "evaluation": 125,
    },
)
_CLIPS = ("clips_45seconds", "clips_45sec/clips_45seconds", "clips_45sec", "clips")
_SPLIT = "mediaeval 2013 set"


class EmoMusic:
    """The emoMusic data set below a folder; see :class:`mer_plugins.datasets.Dataset`.

    Parameters
    ----------
    source : pathlib.Path
        With ``annotations/``.
    recordings : str
        Folder of recordings called by song id, where it is not a usual one.
    part : str
        ``"development"`` or ``"evaluation"`` of 2013, or empty for all songs.

    Raises
    ------
    DatasetError
        If a table of averages is missing or malformed, or what was named is not there.
    """

    info = INFO

    def __init__(self, source: Path, recordings: str = "", part: str = "") -> None:
        self._folder = chosen_folder(source, recordings, *_CLIPS)
        top = required(source, "annotations/arousal_cont_average.csv", "arousal_cont_average.csv")
        self._tables = {
            kind: [rows_by_id(top.parent / f"{d}_cont_{kind}.csv", "song_id") for d in _DIMENSIONS]
            for kind in ("average", "std")
            if kind == "average" or first_present(top.parent, "valence_cont_std.csv")
        }
        static = first_present(top.parent, "static_annotations.csv")
        self._static_rows = rows_by_id(static, "song_id") if static else {}
        self._facts = read_facts(top.parent, "songs_info.csv")
        self._part = chosen_part(part, "development", "evaluation")

    @property
    def track_ids(self) -> Sequence[str]:
        """All songs with an average curve, or those of the part, by number."""
        return [s for s in self._songs if self._part in ("", self._split(s))]

    def track(self, track_id: str) -> DatasetTrack:
        """Read one song; DatasetError if its curve is malformed."""
        mean = self._mean(track_id)
        end_s = float(mean.times[-1]) + mean.hop_s
        facts = self._facts.get(track_id, SongFacts())
        annotator = {"name": "mean of the raters"}
        static = self._static.annotation(INFO, track_id, end_s, annotator)
        return DatasetTrack(
            track_id=track_id,
            title=facts.title,
            artist=facts.artist,
            duration_s=end_s,
            audio=self._recordings.get(track_id),
            annotations=[rating(INFO, mean, annotator), *([static] if static else [])],
            details={"genre": facts.genre, "split_2013": self._split(track_id)},
            identifiers={"emomusic": track_id},
        )

    def counts(self) -> Mapping[str, int]:
        """Count songs, recordings, static labels and the sets of 2013."""
        splits = [self._split(song) for song in self._songs]
        return {
            "songs": len(self._songs),
            "recordings": sum(song in self._recordings for song in self._songs),
            "static": len(self._static_rows),
            "development": splits.count("development"),
            "evaluation": splits.count("evaluation"),
        }

    def findings(self) -> Sequence[Finding]:
        """Tell how the columns of the static labels are read, and why."""
        return [self._static.finding()] if self._static_rows else []

    @cached_property
    def _songs(self) -> list[str]:
        valence, arousal = self._tables["average"]
        return sorted(valence.keys() & arousal.keys(), key=id_key)

    @cached_property
    def _recordings(self) -> Mapping[str, RecordingFile]:
        return recordings(self._folder)

    @cached_property
    def _static(self) -> WholeSongs:
        return WholeSongs(
            "all songs",
            self._static_rows,
            ("mean_valence", "mean_arousal"),
            ("std_valence", "std_arousal"),
            {song: self._mean(song).values.mean(axis=0) for song in self._songs},
        )

    def _split(self, song: str) -> str:
        return self._facts.get(song, SongFacts()).cell(_SPLIT)

    def _mean(self, song: str) -> EmotionCurve:
        deviations = self._series("std", song) if "std" in self._tables else None
        return curve(*self._series("average", song), INFO.hop_s, INFO.scale, deviations)

    def _series(self, kind: str, song: str) -> tuple[Series, Series]:
        valence, arousal = (samples(rows.get(song, {})) for rows in self._tables[kind])
        return valence, arousal


_DIMENSIONS = ("valence", "arousal")
