"""PMEmo: 794 pop choruses, 767 of them with valence and arousal at 2 Hz from 15 s on, in [0, 1].

The official folders of PMEmo2019 are read: ``annotations/`` (the tables, deviations too where they
are there), ``metadata.csv`` beside it or in it, ``chorus/`` with the recordings. PMEmo2019 holds
no labels of single raters.

``frameTime`` is the end of a half second: in 764 of the 767 songs the last one lies 0 to 0.5 s
before the end of the recording, where a frame that began there would go beyond it, and the first
is 15.5 after 15 s that are left out. So the first label here begins at 15.0 s.

Labels of whole songs come in two forms: ``musicId, Arousal(mean), Valence(mean)`` in [0, 1], and
``song_id, valence_mean, ...`` in [1, 9] with deviations that are still in [0, 1] (eight times a
deviation, squared, is the variance of whole numbers over ten raters).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from mer_adapters.datasets.song_facts import SongFacts, read_facts
from mer_adapters.datasets.va_tables import (
    chosen_folder,
    curve,
    id_key,
    number,
    plain_id,
    recordings,
    rows_by_id,
)
from mer_adapters.datasets.whole_songs import WholeSongs
from mer_plugins.contracts import DatasetInfo
from mer_plugins.curves import EmotionCurve, FloatArray, Scale
from mer_plugins.datasets import (
    DatasetTrack,
    Finding,
    RecordingFile,
    first_present,
    required,
    table_rows,
)
from mer_plugins.ratings import rating

INFO = DatasetInfo(
    name="pmemo",
    title="PMEmo",
    summary="choruses of pop songs with valence and arousal at 2 Hz, from 15 s on",
    version="2019",
    scale=Scale(0, 1, ("arousal", "valence")),
    hop_s=0.5,
    raters="at least 10 listeners a song; mean and standard deviation only",
    data_source="crowdsource",
    rules="rated while listening, in half-second intervals; the first 15 s are left out",
    curator="K. Zhang, H. Zhang, S. Li, C. Yang, L. Sun",
    homepage="https://github.com/HuiZhangDB/PMEmo",
    licence="for research; the choruses are excerpts of commercial songs",
    citation=(
        "K. Zhang, H. Zhang, S. Li, C. Yang, L. Sun: The PMEmo dataset for music emotion "
        "recognition. Proceedings of ICMR 2018, pp. 135-142, doi:10.1145/3206025.3206037"
    ),
    layout="annotations/, metadata.csv, chorus/ (-p recordings=FOLDER)",
    counts={"songs": 794, "labelled": 767, "static": 767, "recordings": 794},
)
_MEAN, _STD = ("Valence(mean)", "Arousal(mean)"), ("Valence(std)", "Arousal(std)")
_NINE, _NINE_STD = ("valence_mean", "arousal_mean"), ("valence_std", "arousal_std")
Frames = Mapping[str, Mapping[float, tuple[float, float]]]


class PMEmo:
    """PMEmo below a folder; see :class:`mer_plugins.datasets.Dataset`.

    Parameters
    ----------
    source : pathlib.Path
        With ``annotations/``.
    recordings : str
        Folder of recordings called by song id, where it is not ``chorus``.

    Raises
    ------
    DatasetError
        If the dynamic table is missing or malformed, or the folder named is not there.
    """

    info = INFO

    def __init__(self, source: Path, recordings: str = "") -> None:
        table = required(source, "annotations/dynamic_annotations.csv", "dynamic_annotations.csv")
        self._top, self._means = table.parent, _frames(table, _MEAN)
        std = first_present(self._top, "dynamic_annotations_std.csv")
        self._deviations: Frames = _frames(std, _STD) if std else {}
        self._facts = read_facts(source, "metadata.csv", "annotations/metadata.csv")
        self._folder = chosen_folder(source, recordings, "chorus")

    @property
    def track_ids(self) -> Sequence[str]:
        """All songs with a curve, by number."""
        return sorted(self._means, key=id_key)

    def track(self, track_id: str) -> DatasetTrack:
        """Read one song; DatasetError if its labels are malformed or outside [0, 1]."""
        mean = self._mean(track_id)
        facts = self._facts.get(track_id, SongFacts())
        duration_s = self._duration_s(mean, facts)
        annotator = {"name": "mean of the raters"}
        static = self._static.annotation(INFO, track_id, duration_s, annotator)
        return DatasetTrack(
            track_id=track_id,
            title=facts.title,
            artist=facts.artist,
            release=facts.release,
            duration_s=duration_s,
            audio=self._recordings.get(track_id),
            annotations=[rating(INFO, mean, annotator), *([static] if static else [])],
            identifiers={"pmemo": track_id},
        )

    def counts(self) -> Mapping[str, int]:
        """Count songs in the metadata, songs with labels of either kind, and recordings."""
        return {
            "songs": len(self._facts),
            "labelled": len(self._means),
            "static": len(self._static.rows),
            "recordings": len(self._recordings),
        }

    def findings(self) -> Sequence[Finding]:
        """Tell how the columns of the static labels are read, and why."""
        return [self._static.finding()] if self._static.rows else []

    @cached_property
    def _recordings(self) -> Mapping[str, RecordingFile]:
        return recordings(self._folder)

    @cached_property
    def _static(self) -> WholeSongs:
        rows, deviations = _static_rows(self._top), _NINE_STD
        means: dict[str, FloatArray] = {
            song: np.mean(list(frames.values()), axis=0) for song, frames in self._means.items()
        }
        return WholeSongs("all songs", rows, _NINE, deviations, means, deviation_unit=8)

    def _mean(self, song: str) -> EmotionCurve:
        valence, arousal = _series(self._means[song])
        found = _series(self._deviations[song]) if song in self._deviations else None
        return curve(valence, arousal, INFO.hop_s, INFO.scale, found)

    def _duration_s(self, mean: EmotionCurve, facts: SongFacts) -> float:
        end_s, text = float(mean.times[-1]) + mean.hop_s, facts.cell("duration")
        return max(end_s, number(text, "duration")) if text else end_s


def _frames(path: Path, columns: tuple[str, str]) -> Frames:
    """Read labels by song and by start of the interval, as (valence, arousal)."""
    found: dict[str, dict[float, tuple[float, float]]] = defaultdict(dict)
    for row in table_rows(path, "musicId", "frameTime", *columns):
        start_s = number(row["frameTime"], "frameTime") - INFO.hop_s
        pair = number(row[columns[0]], columns[0]), number(row[columns[1]], columns[1])
        found[plain_id(row["musicId"])][start_s] = pair
    return found


def _series(
    frames: Mapping[float, tuple[float, float]],
) -> tuple[dict[float, float], dict[float, float]]:
    return {t: pair[0] for t, pair in frames.items()}, {t: pair[1] for t, pair in frames.items()}


def _static_rows(top: Path) -> dict[str, dict[str, str]]:
    """Read the static table, means in [1, 9] and deviations in [0, 1], whichever form it has."""
    table = first_present(top, "static_annotations.csv")
    if table is None:
        return {}
    is_unit = _MEAN[0] in next(table_rows(table), {})
    if not is_unit:
        return rows_by_id(table, "song_id")
    std = first_present(top, "static_annotations_std.csv")
    deviations = rows_by_id(std, "musicId") if std else {}
    return {
        song: _nine_points(row, deviations.get(song, {}))
        for song, row in rows_by_id(table, "musicId").items()
    }


def _nine_points(row: Mapping[str, str], deviation: Mapping[str, str]) -> dict[str, str]:
    means = {new: row[old] for new, old in zip(_NINE, _MEAN, strict=True) if old in row}
    stds = {
        new: deviation[old] for new, old in zip(_NINE_STD, _STD, strict=True) if old in deviation
    }
    return {**{name: str(1 + 8 * number(text, name)) for name, text in means.items()}, **stds}
