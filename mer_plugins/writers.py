"""Formats a curve can be written in beside JAMS; each function writes one curve to one file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
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
        values = (f"{rounded_number(number, 6):.6f}" for number in numbers)
        rows.writerow([f"{rounded_number(time, 9):.15g}", *values])
    write_text(text.getvalue(), path)


def write_audacity(curve: EmotionCurve, path: Path) -> None:
    """Write an Audacity label track: start, end and ``V=… A=…``, tab-separated."""
    lines = [
        f"{time:.6f}\t{time + curve.hop_s:.6f}\t"
        f"V={rounded_number(valence, 3):+.3f} A={rounded_number(arousal, 3):+.3f}\n"
        for time, (valence, arousal) in zip(curve.times, curve.values, strict=True)
    ]
    write_text("".join(lines), path)


def write_webvtt(curve: EmotionCurve, path: Path) -> None:
    """Write WebVTT subtitles, one cue an interval, which ends where the next begins at the latest.

    Times are in milliseconds, as WebVTT has them.

    Source: WebVTT, W3C Candidate Recommendation of 4 April 2019, section 4.1.
    """
    cues = [
        f"\n{_vtt_time(start)} --> {_vtt_time(end)}\n"
        f"valence {rounded_number(valence, 2):+.2f}  arousal {rounded_number(arousal, 2):+.2f}\n"
        for (start, end), (valence, arousal) in zip(_cue_times(curve), curve.values, strict=True)
    ]
    write_text("".join(["WEBVTT\n", *cues]), path)


def _cue_times(curve: EmotionCurve) -> Iterator[tuple[int, int]]:
    starts = [round(float(time) * 1000) for time in curve.times]
    ends = [round(float(time + curve.hop_s) * 1000) for time in curve.times]
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        last = min([end, *starts[i + 1 : i + 2]])
        # A cue must last; intervals shorter than a millisecond get one.
        yield start, max(last, start + 1)


def _vtt_time(milliseconds: int) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{thousandths:03}"


def rounded_number(number: float, decimals: int) -> float:
    """Round, and never to -0.0."""
    # Adding zero turns -0.0, which small negative numbers round to, into 0.0.
    return round(float(number), decimals) + 0.0


def write_text(text: str, path: Path) -> None:
    """Write a file as a whole, in UTF-8, with its folders; OSError leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(text.encode())
