"""What a page holds of each track, as plain JSON types: a row of the table, and the details."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.display import QUADRANTS
from mer_plugins.errors import AudioError
from mer_plugins.mood import rounded
from mer_plugins.report.links import link
from mer_plugins.report.spectrogram import Spectrogram
from mer_plugins.report.tracks import ReportTrack
from mer_plugins.summary import summarise

Picture = Callable[[Path], Spectrogram]
_DECIMALS = 3
# The page shows these with two decimals or in per cent: what was rounded once must not be again.
_OF_SUMMARY = 6


class Labels:
    """The names of all curves of a report, each with its place, in the order they are met."""

    def __init__(self) -> None:
        self._human: dict[str, bool] = {}

    def place(self, label: str, is_human: bool) -> int:
        """Return the place of a label; a new one gets the next."""
        self._human.setdefault(label, is_human)
        return list(self._human).index(label)

    def programs(self) -> list[tuple[int, str]]:
        """Return place and name of those that a program made."""
        return [(i, label) for i, (label, human) in enumerate(self._human.items()) if not human]

    def to_list(self) -> list[dict[str, object]]:
        """Return plain JSON types."""
        return [{"name": label, "human": human} for label, human in self._human.items()]


def row(track: ReportTrack, labels: Labels, page: Path) -> dict[str, Any]:
    """Return a track as a row of the table."""
    lengths = [float(found.curve.times[-1]) + found.curve.hop_s for found in track.curves]
    return {
        "name": track.name,
        "title": track.title,
        "artist": track.artist,
        "audio": None if track.audio is None else link(track.audio, page),
        "length": rounded(max(lengths), _DECIMALS) if lengths else None,
        "curves": [
            {"label": labels.place(found.label, found.is_human), **_summary(found.curve)}
            for found in track.curves
        ],
        "problems": list(track.problems),
    }


def details(track: ReportTrack, labels: Labels, picture: Picture | None) -> dict[str, Any]:
    """Return what a track shows once it is opened: curves, their origin, and a spectrogram."""
    return {
        "curves": [
            {
                "label": labels.place(found.label, found.is_human),
                "provenance": found.provenance,
                **drawn(found.curve.times, found.curve.hop_s, found.curve.values, found.curve.std),
            }
            for found in track.curves
        ],
        "spectrogram": drawn_spectrogram(track.audio, picture, track.problems.append),
    }


def _summary(curve: EmotionCurve) -> dict[str, Any]:
    found = summarise(curve)
    numbers = {key: getattr(found, key) for key in ("mean", "low", "high", "quadrants")}
    return {key: rounded(value, _OF_SUMMARY) for key, value in numbers.items()}


def drawn(
    times: FloatArray, hop_s: float, values: FloatArray, std: FloatArray | None
) -> dict[str, Any]:
    """Return a curve; its times as start and hop where they are regular, which is far shorter."""
    start = float(times[0])
    regular = start + np.arange(len(times)) * hop_s
    is_regular = bool(np.abs(times - regular).max() < 10.0**-_DECIMALS)
    return {
        "hop": rounded(hop_s, 6),
        "start": rounded(start, 6),
        "times": None if is_regular else rounded(times, _DECIMALS),
        "values": rounded(values.T, _DECIMALS),
        "std": None if std is None else rounded(std.T, _DECIMALS),
    }


def plane() -> list[tuple[float, float, str]]:
    """Return the names of the quadrants and where each stands in the plane."""
    return [(x, y, name) for (x, y), name in QUADRANTS.items()]


def drawn_spectrogram(
    audio: Path | None, picture: Picture | None, problem: Callable[[str], None]
) -> dict[str, Any] | None:
    """Return a recording's picture; None without one, and why if it cannot be decoded."""
    if picture is None or audio is None:
        return None
    try:
        made = picture(audio)
    except AudioError as exc:
        problem(f"no spectrogram: {str(exc).removeprefix(f'{audio}: ')}")
        return None
    return {"uri": made.uri, "duration": rounded(made.duration_s, _DECIMALS)}
