"""A comparison as plain JSON types, and as one row a song; docs/evaluation.md has the schema."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from mer_plugins.curves import DIMENSIONS
from mer_plugins.evaluation.comparison import AGGREGATIONS, Comparison, Scored
from mer_plugins.evaluation.leaks import Leak, leak_text
from mer_plugins.evaluation.reference import GRID_S
from mer_plugins.evaluation.statistics import LEVEL, METRICS, RESAMPLES, SEED

FORMAT = "mer-plugins evaluation 1"


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as ``results.json`` holds it; what is undefined is None."""
    songs = comparison.songs
    return {
        "format": FORMAT,
        "reference": {
            "collection": comparison.reference,
            "songs": len(songs),
            "frames": sum(len(song.labels) for song in songs),
            "grid_s": GRID_S,
        },
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "over": "songs"},
        "warnings": list(comparison.warnings),
        "systems": [_system(scored, len(songs)) for scored in comparison.systems],
        "tests": [_plain(asdict(test)) for test in comparison.tests],
    }


def per_song_csv(comparison: Comparison) -> str:
    """Return one row a system and song: intervals, then ``valence_ccc`` and so on; raw floats.

    ``trained_on`` is ``song``, ``artist``, ``no``, or empty where it is not known.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [f"{d}_{m}" for d in DIMENSIONS for m in METRICS]
    writer.writerow(["system", "song", "frames", *names, "trained_on"])
    writer.writerows(row for scored in comparison.systems for row in _rows(comparison, scored))
    return text.getvalue()


def _system(scored: Scored, songs: int) -> dict[str, Any]:
    return {
        "name": scored.system.name,
        "source": scored.system.source,
        "songs": len(scored.pairs),
        "frames": scored.frames,
        "trained_on": _counts(scored.leak, songs),
        "flag": leak_text(scored.leak, songs),
        "per-song pcc undefined": scored.undefined,
        "scores": {
            a: {d: {m: _plain(asdict(scored.scores[a, d, m])) for m in METRICS} for d in DIMENSIONS}
            for a in AGGREGATIONS
        },
    }


def _rows(comparison: Comparison, scored: Scored) -> Iterator[list[object]]:
    for song, row in zip(comparison.songs, scored.songs, strict=True):
        pair = scored.pairs.get(song.name)
        frames = 0 if pair is None else len(pair[0])
        cells = ["" if math.isnan(x) else repr(float(x)) for x in row.ravel()]
        heard = "" if scored.leak is None else scored.leak.of(song.name) or "no"
        yield [scored.system.name, song.name, frames, *cells, heard]


def _counts(leak: Leak | None, songs: int) -> dict[str, int] | None:
    if leak is None:
        return None
    return {"songs": len(leak.songs), "artists": len(leak.artists), "of": songs}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
