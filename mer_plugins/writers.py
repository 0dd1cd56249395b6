"""Formats a curve can be written in beside JAMS; each function writes one curve to one file."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from mer_plugins.atomic import replacing
from mer_plugins.curves import DIMENSIONS, EmotionCurve


def write_csv(curve: EmotionCurve, path: Path) -> None:
    """Write ``time,valence,arousal`` (and ``valence_std,arousal_std``), one row an interval."""
    header, columns = ["time", *DIMENSIONS], [curve.values]
    if curve.std is not None:
        header += [f"{dimension}_std" for dimension in DIMENSIONS]
        columns.append(curve.std)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(header)
    for time, *pairs in zip(curve.times, *columns, strict=True):
        numbers = [number for pair in pairs for number in pair]
        values = (f"{_rounded(number, 6):.6f}" for number in numbers)
        rows.writerow([f"{_rounded(time, 9):.15g}", *values])
    _write(text.getvalue(), path)


def write_audacity(curve: EmotionCurve, path: Path) -> None:
    """Write an Audacity label track: start, end and ``V=… A=…``, tab-separated."""
    lines = [
        f"{time:.6f}\t{time + curve.hop_s:.6f}\t"
        f"V={_rounded(valence, 3):+.3f} A={_rounded(arousal, 3):+.3f}\n"
        for time, (valence, arousal) in zip(curve.times, curve.values, strict=True)
    ]
    _write("".join(lines), path)


def _rounded(number: float, decimals: int) -> float:
    # Adding zero turns -0.0, which small negative numbers round to, into 0.0.
    return round(float(number), decimals) + 0.0


def _write(text: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text.encode())
