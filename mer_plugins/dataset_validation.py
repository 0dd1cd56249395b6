"""Compare a copy of a data set with what a complete and correct one holds.

It is what mirdata's ``validate`` is for, without its checksums, as most of these data sets come
with none: counts, songs that cannot be read, labels outside a recording, recordings that are not
there, and whatever a data set checks by itself, such as the order of columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from mer_plugins.datasets import Dataset, DatasetTrack, Finding, SelfChecking
from mer_plugins.errors import MerError

# Labels are at half seconds, lengths rounded to seconds: the last label may begin within.
_ROUNDING_S = 1.0


def validate_dataset(dataset: Dataset) -> Iterator[Finding]:
    """Check a copy; nothing is written, and no recording is decoded beyond what a song needs.

    Yields
    ------
    Finding
        Problems and notes: of the counts first, then of the data set itself, then song by song,
        recordings that are missing last, in one line.
    """
    yield from _counted(dataset)
    if isinstance(dataset, SelfChecking):
        yield from dataset.findings()
    missing = 0
    for track_id in dataset.track_ids:
        try:
            track = dataset.track(track_id)
        except MerError as exc:
            yield Finding(f"{track_id}: {exc}", is_problem=True)
            continue
        missing += track.audio is None
        yield from _checked(track)
    if missing:
        text = f"{missing} of {len(dataset.track_ids)} songs have no recording here"
        yield Finding(f"{text}: they are imported as annotations alone", is_problem=True)


def _counted(dataset: Dataset) -> Iterator[Finding]:
    counts = dataset.counts()
    for what, expected in dataset.info.counts.items():
        found, name = counts.get(what, 0), what.replace("_", " ")
        is_wrong = found != expected
        text = f"{name}: {found}" + (f", expected {expected}" if is_wrong else "")
        yield Finding(text, is_problem=is_wrong)


def _checked(track: DatasetTrack) -> Iterator[Finding]:
    for warning in track.warnings:
        yield Finding(f"{track.track_id}: {warning}", is_problem=True)
    if not track.annotations:
        yield Finding(f"{track.track_id}: has no label", is_problem=True)
    ends = [a["time"] + a["duration"] for a in track.annotations]
    if track.duration_s and max(ends, default=0.0) > track.duration_s + _ROUNDING_S:
        yield Finding(
            f"{track.track_id}: labels end at {max(ends):.1f} s, the song at "
            f"{track.duration_s:.1f} s",
            is_problem=True,
        )
