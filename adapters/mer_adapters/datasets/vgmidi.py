"""VGMIDI: piano arrangements of video game music, valence and arousal per measure from 30 raters.

The source folder holds ``annotations.json`` and ``midi/``. In the JSON, ``pieces[ID]`` gives name,
MIDI file, duration (s), number of measures and series of a piece, ``annotations[ID_RATER]`` one
rater's valence and arousal in [-1, 1], a value a measure. Measure i begins at
i * duration / measures.

Half-second frames are the mean of the measures they overlap, weighted by the overlap, so that the
integral of a curve over time stays what it was. A last frame counts if at least half of it lies
within the piece. Each piece is rendered with FluidSynth; what rings on after its end has no label
(see :mod:`mer_adapters.datasets.midi` on how long that may be).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mer_adapters.datasets.midi import RenderedMidi, Synthesiser, find_synthesiser
from mer_plugins.contracts import DatasetInfo
from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.datasets import DatasetError, DatasetTrack, inside, required
from mer_plugins.ratings import mean_curve, rating

INFO = DatasetInfo(
    name="vgmidi",
    title="VGMIDI",
    summary="whole piano pieces with valence and arousal per measure from about 30 raters each",
    version="2019",
    hop_s=0.5,
    raters="28 to 32 a piece, each rater's own labels and their mean",
    data_source="crowdsource",
    rules="one value a measure, turned into frames of 0.5 s by overlap",
    curator="L. N. Ferreira, J. Whitehead",
    homepage="https://github.com/lucasnfe/vgmidi",
    licence="no licence stated; for research",
    citation=(
        "L. N. Ferreira, J. Whitehead: Learning to generate music with sentiment. "
        "Proceedings of ISMIR 2019, pp. 384-390"
    ),
    layout="annotations.json, midi/",
    counts={"pieces": 160, "midi": 160, "curves": 4787},
)
_LONGEST_S = 86_400.0
_MOST_EXTRA = 1


class VGMIDI:
    """VGMIDI below a folder; see :class:`mer_plugins.datasets.Dataset`.

    Parameters
    ----------
    source : pathlib.Path
        With ``annotations.json`` and ``midi/``.
    fluidsynth, soundfont : str
        Program and sound font, where they are not in the usual places.

    Raises
    ------
    DatasetError
        If ``annotations.json`` is missing or malformed.
    """

    info = INFO

    def __init__(self, source: Path, fluidsynth: str = "fluidsynth", soundfont: str = "") -> None:
        self._source = source
        self._tools = fluidsynth, soundfont
        content = _read_json(required(source, "annotations.json"))
        self._pieces: Mapping[str, Any] = content["pieces"]
        self._curves = _by_piece(content["annotations"], self._pieces)

    @property
    def track_ids(self) -> Sequence[str]:
        """All pieces, in the order of the file."""
        return list(self._pieces)

    def track(self, track_id: str) -> DatasetTrack:
        """Read one piece; DatasetError if it is malformed. It is rendered when it is written."""
        piece = self._pieces[track_id]
        try:
            duration_s, measures = float(piece["duration"]), int(piece["measures"])
            midi, series = inside(self._source / "midi", str(piece["midi"])), str(piece["series"])
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            raise DatasetError(
                f"piece {track_id} is malformed ({exc!r}): "
                "expected duration, measures, midi and series"
            ) from exc
        if not (0 < duration_s <= _LONGEST_S and measures > 0):
            raise DatasetError(f"piece {track_id} has {measures} measures in {duration_s} s")
        curves, warnings = self._raters(track_id, duration_s, measures)
        has_midi = midi.is_file()
        return DatasetTrack(
            track_id=track_id,
            title=str(piece.get("name", "")),
            release=series,
            duration_s=duration_s,
            audio=RenderedMidi(midi, duration_s, self._found) if has_midi else None,
            annotations=_annotations(curves, self._curves[track_id]),
            details={"series": series, "measures": measures, "midi": midi.name},
            warnings=warnings,
        )

    def counts(self) -> Mapping[str, int]:
        """Count pieces, MIDI files and raters' curves."""
        names = [str(piece.get("midi", "")) for piece in self._pieces.values()]
        return {
            "pieces": len(self._pieces),
            "midi": sum(inside(self._source / "midi", name).is_file() for name in names),
            "curves": sum(map(len, self._curves.values())),
        }

    def _found(self) -> Synthesiser:
        return self._synthesiser

    @cached_property
    def _synthesiser(self) -> Synthesiser:
        return find_synthesiser(*self._tools)

    def _raters(
        self, track_id: str, duration_s: float, measures: int
    ) -> tuple[dict[str, EmotionCurve], list[str]]:
        curves, warnings = {}, []
        for rater, found in self._curves[track_id].items():
            try:
                values = _measure_values(found, measures)
                curves[rater] = to_frames(values, duration_s, INFO.hop_s)
            except ValueError as exc:
                warnings.append(f"rater {rater} is left out: {exc}")
        if not curves:
            raise DatasetError(f"piece {track_id} has no rater whose curve can be read")
        return curves, warnings


def to_frames(measures: FloatArray, duration_s: float, hop_s: float) -> EmotionCurve:
    """Turn values of measures of equal length into frames, by overlap.

    Parameters
    ----------
    measures : np.ndarray, shape=(m, 2), m > 0
        (valence, arousal) of each measure; the first begins at 0.
    duration_s : float
        Of all measures together, positive, in seconds.
    hop_s : float
        Length of a frame, in seconds. The last frame is averaged over what lies within the piece.

    Examples
    --------
    >>> to_frames(np.array([[0.0, 0.0], [1.0, -1.0]]), 1.5, 0.5).values.tolist()
    [[0.0, 0.0], [0.5, -0.5], [1.0, -1.0]]
    """
    count = max(1, math.floor(duration_s / hop_s + 0.5))
    edges = np.minimum(np.arange(count + 1) * hop_s, duration_s)
    bounds = np.linspace(0.0, duration_s, len(measures) + 1)
    # The integral of a step function is linear between the steps, so interpolating it is exact.
    steps = np.diff(bounds)[:, None] * measures
    integral = np.vstack([np.zeros(2), np.cumsum(steps, axis=0)])
    at_edges = np.stack([np.interp(edges, bounds, column) for column in integral.T], axis=1)
    values = np.diff(at_edges, axis=0) / np.diff(edges)[:, None]
    return EmotionCurve(np.arange(count) * hop_s, np.clip(values, -1, 1), hop_s)


def _annotations(
    curves: Mapping[str, EmotionCurve], found: Mapping[str, Any]
) -> list[dict[str, Any]]:
    mean = rating(
        INFO,
        mean_curve(list(curves.values())),
        {"name": f"mean of {len(curves)} raters"},
        details={"raters": len(curves)},
    )
    return [mean, *(rating(INFO, c, _annotator(r, found[r])) for r, c in curves.items())]


def _annotator(rater: str, found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": rater,
        "knows_the_piece": bool(found.get("isKnown", False)),
        "musicianship": found.get("musicianship"),
    }


def _measure_values(found: Mapping[str, Any], measures: int) -> FloatArray:
    try:
        values = np.array([found["valence"], found["arousal"]], dtype=float).T
    except (KeyError, TypeError, ValueError) as exc:
        raise ValueError(f"expected valence and arousal of equal length ({exc})") from exc
    # Three of the published curves hold one value more, which would begin at the piece's end.
    if values.ndim != 2 or not measures <= len(values) <= measures + _MOST_EXTRA:
        raise ValueError(f"values of shape {values.shape}: expected one a measure, ({measures}, 2)")
    if not (np.isfinite(values).all() and np.abs(values).max() <= 1):
        raise ValueError("values outside [-1, 1]")
    return values[:measures]


def _by_piece(
    annotations: Mapping[str, Any], pieces: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    grouped: dict[str, dict[str, Any]] = {piece: {} for piece in pieces}
    for key, found in annotations.items():
        piece, _, rater = key.rpartition("_")
        if piece in grouped and isinstance(found, dict):
            grouped[piece][rater] = found
    return {
        piece: dict(sorted(raters.items(), key=lambda item: (len(item[0]), item[0])))
        for piece, raters in grouped.items()
    }


def _read_json(path: Path) -> dict[str, dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise DatasetError(f"{path}: cannot be read ({exc.strerror})") from exc
    except ValueError as exc:
        raise DatasetError(f"{path}: is no JSON ({exc})") from exc
    parts = [content.get(k) if isinstance(content, dict) else None for k in _PARTS]
    if not all(isinstance(part, dict) for part in parts):
        raise DatasetError(f"{path}: expected an object with {' and '.join(_PARTS)}")
    return {name: part for name, part in zip(_PARTS, parts, strict=True) if isinstance(part, dict)}


_PARTS = ("pieces", "annotations")
