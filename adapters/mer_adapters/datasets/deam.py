"""DEAM: 1,802 songs under Creative Commons licences, valence and arousal at 2 Hz from 15.0 s on.

The official folders are read: ``DEAM_Annotations/annotations`` with ``annotations averaged per
song`` (needed) and ``annotations per each rater``, ``MEMD_audio`` and ``metadata``. What is not
there is left out: without recordings the annotations come alone, and a song is as long as its
labels.

The curve to learn from is the published average, [-1, 1], at the intervals where both dimensions
have a label (two songs have one more of valence). Each rater's curves follow, then the labels of
the whole song, [1, 9].

In the published static table the columns of songs up to 1000 are named the wrong way round:
over songs, "valence" correlates with the dynamic arousal (r 0.96) and "arousal" with the dynamic
valence (0.95), but only 0.57 as named. Above 1000 they are as named. Each of the three years is
checked so (see :mod:`mer_adapters.datasets.va_tables`) and read accordingly; ``mer datasets
validate`` prints the correlations, and each static annotation's sandbox says ``columns_swapped``.

The 2015 benchmark scores the 58 songs above 2000 and trains on 431 of the others. The folders do
not say which; a table ``songs.csv`` in the source folder, or another one given, may: with a column
``song_id`` and, if it lists others too, ``mediaeval2015_dev`` holding 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from mer_adapters.datasets.deam_static import StaticLabels
from mer_adapters.datasets.rater_tables import raters_of, read_raters
from mer_adapters.datasets.song_facts import SongFacts, chosen_part, read_facts
from mer_adapters.datasets.va_tables import (
    chosen_folder,
    curve,
    id_key,
    plain_id,
    recordings,
    rows_by_id,
    samples,
)
from mer_plugins.contracts import DatasetInfo
from mer_plugins.curves import EmotionCurve
from mer_plugins.datasets import (
    DatasetError,
    DatasetTrack,
    Finding,
    RecordingFile,
    read_table,
    required,
)
from mer_plugins.ratings import rating

INFO = DatasetInfo(
    name="deam",
    title="DEAM (MediaEval Database for Emotional Analysis of Music)",
    summary="1,802 excerpts and songs with valence and arousal at 2 Hz, from 15 s on",
    version="2017",
    hop_s=0.5,
    raters="5 to 10 crowd workers a song; each rater's own labels and the published mean",
    data_source="crowdsource",
    rules="rated while listening, in half-second intervals; the first 15 s are left out",
    curator="A. Aljanaki, Y.-H. Yang, M. Soleymani",
    homepage="https://cvml.unige.ch/databases/DEAM/",
    licence="songs under Creative Commons licences of their own; annotations for research",
    citation=(
        "A. Aljanaki, Y.-H. Yang, M. Soleymani: Developing a benchmark for emotional analysis of "
        "music. PLOS ONE 12(3), 2017, doi:10.1371/journal.pone.0173392"
    ),
    layout=(
        "DEAM_Annotations/annotations/, MEMD_audio/, metadata/ "
        "(-p recordings=FOLDER, -p development=TABLE, -p part=development|evaluation)"
    ),
    counts={
        "songs": 1802,
        "recordings": 1802,
        "static": 1802,
        "songs_with_raters": 1802,
        "development_2015": 431,
        "evaluation_2015": 58,
    },
)
_AVERAGED, _EACH = "annotations averaged per song", "annotations per each rater"
_DYNAMIC = "dynamic (per second annotations)"
_TOPS = ("DEAM_Annotations/annotations", "annotations", "DEAM_Annotations", ".")
_AUDIO = ("DEAM_audio/MEMD_audio", "MEMD_audio", "DEAM_audio", "audio")
_LAST_OF_2014, _DEVELOPMENT = "2000", "mediaeval2015_dev"
_METADATA = [
    f"{top}metadata_{year}.csv"
    for top in ("metadata/metadata/", "metadata/", "")
    for year in (2013, 2014, 2015)
]


class DEAM:
    """DEAM below a folder; see :class:`mer_plugins.datasets.Dataset`.

    Parameters
    ----------
    source : pathlib.Path
        With the annotations, in the official layout.
    recordings : str
        Folder of recordings called by song id, where it is not a usual one.
    development : str
        Table of the 2015 development set; by default ``songs.csv``.
    part : str
        ``"development"`` or ``"evaluation"`` of 2015, or empty for all songs.

    Raises
    ------
    DatasetError
        If the dynamic averages are missing or malformed, or what was named is not there.
    """

    info = INFO

    def __init__(
        self, source: Path, recordings: str = "", development: str = "", part: str = ""
    ) -> None:
        averaged = required(source, *(f"{top}/{_AVERAGED}" for top in _TOPS))
        self._averaged, self._each = averaged, averaged.parent / _EACH
        self._valence = rows_by_id(required(averaged, f"{_DYNAMIC}/valence.csv"), "song_id")
        self._arousal = rows_by_id(required(averaged, f"{_DYNAMIC}/arousal.csv"), "song_id")
        self._facts = read_facts(source, *_METADATA, "songs.csv")
        self._folder = chosen_folder(source, recordings, *_AUDIO)
        self._development = _development(source, development)
        self._part = chosen_part(part, "development", "evaluation")

    @property
    def track_ids(self) -> Sequence[str]:
        """All songs with an average curve, or those of the part, by number."""
        return [s for s in self._songs if self._part in ("", self._split(s))]

    def track(self, track_id: str) -> DatasetTrack:
        """Read one song; DatasetError if its average is malformed."""
        mean = self._mean(track_id)
        raters, warnings = read_raters(self._each / _DYNAMIC, track_id, INFO.hop_s, INFO.scale)
        end_s = float(mean.times[-1]) + mean.hop_s
        facts = self._facts.get(track_id, SongFacts())
        return DatasetTrack(
            track_id=track_id,
            title=facts.title,
            artist=facts.artist,
            release=facts.release,
            duration_s=end_s,
            audio=self._recordings.get(track_id),
            annotations=[
                rating(INFO, mean, {"name": "mean of the raters, as published"}),
                *(rating(INFO, c, {"id": rater}) for rater, c in raters.items()),
                *self._static.annotations(track_id, end_s),
            ],
            details={"genre": facts.genre, "split_2015": self._split(track_id)},
            identifiers={"deam": track_id},
            warnings=warnings,
        )

    def counts(self) -> Mapping[str, int]:
        """Count songs, recordings, labels of both kinds, and the 2015 sets."""
        splits = [self._split(song) for song in self._songs]
        return {
            "songs": len(self._songs),
            "recordings": sum(song in self._recordings for song in self._songs),
            "static": len(self._static),
            "songs_with_raters": len(raters_of(self._each / _DYNAMIC)),
            "development_2015": splits.count("development"),
            "evaluation_2015": splits.count("evaluation"),
        }

    def findings(self) -> Sequence[Finding]:
        """Tell how the columns of the static labels are read, and why."""
        return self._static.findings()

    def _split(self, song: str) -> str:
        if id_key(song) > id_key(_LAST_OF_2014):
            return "evaluation"
        return "development" if song in self._development else ""

    @cached_property
    def _songs(self) -> list[str]:
        return sorted(self._valence.keys() & self._arousal.keys(), key=id_key)

    @cached_property
    def _recordings(self) -> Mapping[str, RecordingFile]:
        return recordings(self._folder)

    def _mean(self, song: str) -> EmotionCurve:
        both = samples(self._valence[song]), samples(self._arousal[song])
        return curve(*both, INFO.hop_s, INFO.scale)

    @cached_property
    def _static(self) -> StaticLabels:
        means = {}
        for song in self._songs:
            # A song whose average is malformed fails by itself, and tells nothing of the columns.
            with suppress(DatasetError):
                means[song] = self._mean(song).values.mean(axis=0)
        return StaticLabels(INFO, self._averaged / "song_level", self._each / "song_level", means)


def _development(source: Path, given: str) -> frozenset[str]:
    table = Path(given).expanduser() if given else source / "songs.csv"
    if not (given or table.is_file()):
        return frozenset()
    rows = read_table(table, "song_id")
    return frozenset(plain_id(r["song_id"]) for r in rows if r.get(_DEVELOPMENT, "1") == "1")
