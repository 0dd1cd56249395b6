"""The example collection is whole, short, small, and what its script's table says."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import jams
import numpy as np
import pytest
import soundfile
from jams.exceptions import NamespaceError

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
COLLECTION = EXAMPLES / "collection"
FILES = sorted(path.name for path in COLLECTION.glob("*.ogg"))
STRICT = COLLECTION / "joplin-maple-leaf-rag.jams"
FOREIGN = COLLECTION / "beethoven-opus18no1-adagio.jams"


def annotations(path: Path) -> dict[str, dict]:
    return {a["namespace"]: a for a in json.loads(path.read_text("utf-8"))["annotations"]}


def positions(path: Path) -> list[int]:
    return [row["value"] for row in annotations(path)["beat"]["data"]]


def test_the_collection_is_what_the_script_makes():
    table = runpy.run_path(str(EXAMPLES / "make_collection.py"))["PIECES"]
    assert len(table) == 5
    assert sorted(piece.file for piece in table) == FILES
    assert sum(path.stat().st_size for path in COLLECTION.glob("*.ogg")) < 4_000_000


@pytest.mark.parametrize("name", FILES)
def test_each_piece_is_music_from_beginning_to_end(name):
    samples, rate = soundfile.read(COLLECTION / name)
    assert rate == 44_100
    assert 20 <= len(samples) / rate <= 90
    assert -20 <= 20 * np.log10(np.abs(samples).max()) <= 0
    seconds = samples[: len(samples) // rate * rate].reshape(-1, rate, 2)[:-1]
    assert (np.sqrt((seconds**2).mean(axis=(1, 2))) > 1e-3).all()


def test_exactly_two_pieces_come_with_annotations_of_the_score():
    # `make demo` puts a JAMS beside every piece; only these two hold beats.
    found = {path for path in COLLECTION.glob("*.jams") if "beat" in annotations(path)}
    assert found == {STRICT, FOREIGN}


def test_one_jams_loads_strictly_and_names_its_piece():
    loaded = jams.load(str(STRICT), strict=True)
    assert {a.namespace for a in loaded.annotations} >= {"beat", "chord"}
    assert loaded.file_metadata.title == "Maple Leaf Rag"
    assert loaded.file_metadata.artist == "Scott Joplin"
    length_s = soundfile.info(STRICT.with_suffix(".ogg")).duration
    assert loaded.file_metadata.duration == pytest.approx(length_s, abs=0.01)


def test_one_jams_holds_what_jams_does_not_know():
    bowing = annotations(FOREIGN)["org.example.bowing"]
    assert all(isinstance(row["value"], dict) for row in bowing["data"])
    assert bowing["sandbox"]
    with pytest.raises(NamespaceError, match="org.example.bowing"):
        jams.load(str(FOREIGN))


@pytest.mark.parametrize(("path", "beats_in_bar"), [(STRICT, 2), (FOREIGN, 3)])
def test_beats_count_through_each_bar_of_the_metre(path, beats_in_bar):
    found = positions(path)
    assert found == [i % beats_in_bar + 1 for i in range(len(found))]


def test_the_first_beat_of_the_rag_follows_its_upbeat_of_an_eighth():
    first = annotations(STRICT)["beat"]["data"][0]["time"]
    assert first == pytest.approx(0.5 * 60 / 110, abs=1e-5)
