"""A comparison as plain JSON types, and as one row a song; docs/evaluation.md has the schema."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mer_plugins.curves import DIMENSIONS
from mer_plugins.evaluation.comparison import Comparison, Scored
from mer_plugins.evaluation.leaks import Leak, leak_text
from mer_plugins.evaluation.reference import GRID_S, Song, with_curves, with_quadrants
from mer_plugins.evaluation.statistics import LEVEL, METRICS, RESAMPLES, SEED
from mer_plugins.ratings import QUADRANTS

FORMAT = "mer-plugins evaluation 1"


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as ``results.json`` holds it; what is undefined is None."""
    songs = comparison.songs
    return {
        "format": FORMAT,
        "reference": {
            "collection": comparison.reference,
            "songs": len(songs),
            "quadrants": len(with_quadrants(songs)),
            "frames": sum(len(song.labels) for song in songs),
            "grid_s": GRID_S,
        },
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "over": "songs"},
        "warnings": list(comparison.warnings),
        "systems": [_system(comparison, scored) for scored in comparison.systems],
        "tests": [_plain(asdict(test)) for test in comparison.tests],
    }


def per_song_csv(comparison: Comparison) -> str:
    """Return one row a system and song: intervals, then ``valence_ccc`` and so on; raw floats.

    ``trained_on`` is ``song``, ``artist``, ``no``, or empty where it is not known. Songs with a
    quadrant have that and the means of the system's curve in place of scores.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{d}_{m}" for d in DIMENSIONS for m in METRICS]
    means = [f"{d}_mean" for d in DIMENSIONS]
    writer.writerow(["system", "song", "frames", *names, "trained_on", "quadrant", *means])
    writer.writerows(row for scored in comparison.systems for row in _rows(comparison, scored))
    return text.getvalue()


def _system(comparison: Comparison, scored: Scored) -> dict[str, Any]:
    songs = len(comparison.songs)
    return {
        "name": scored.system.name,
        "source": scored.system.source,
        "note": scored.note,
        "songs": len(scored.pairs),
        "quadrants": len(scored.means),
        "curves": scored.curves,
        "frames": scored.frames,
        "trained_on": _counts(scored.leak, songs),
        "flag": leak_text(scored.leak, songs),
        "per-song pcc undefined": scored.undefined,
        "scores": {
            a: {d: {m: _plain(asdict(scored.scores[a, d, m])) for m in metrics} for d in DIMENSIONS}
            for a, metrics in comparison.aggregations.items()
            if (a, DIMENSIONS[0], metrics[0]) in scored.scores
        },
    }


def _rows(comparison: Comparison, scored: Scored) -> Iterator[list[object]]:
    for song, row in zip(with_curves(comparison.songs), scored.songs, strict=True):
        frames = sum(len(reference) for reference, _ in scored.pairs.get(song.name, ()))
        cells = ["" if math.isnan(x) else repr(float(x)) for x in row.ravel()]
        yield [scored.system.name, song.name, frames, *cells, _heard(scored, song), "", "", ""]
    nothing = [""] * len(DIMENSIONS) * len(METRICS)
    for song in with_quadrants(comparison.songs):
        means = map(float, scored.means.get(song.name, ()))
        quadrant = next(name for name, signs in QUADRANTS.items() if signs == song.quadrant)
        row = [scored.system.name, song.name, 0, *nothing, _heard(scored, song), quadrant, *means]
        yield row + [""] * (len(nothing) + 7 - len(row))


def _heard(scored: Scored, song: Song) -> str:
    return "" if scored.leak is None else scored.leak.of(song.name) or "no"


def _counts(leak: Leak | None, songs: int) -> dict[str, int] | None:
    if leak is None:
        return None
    return {"songs": len(leak.songs), "artists": len(leak.artists), "of": songs}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
