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


def test_the_collection_is_what_the_script_makes():
    table = runpy.run_path(str(EXAMPLES / "make_collection.py"))["PIECES"]
    assert sorted(piece.file for piece in table) == FILES
    assert sum(path.stat().st_size for path in COLLECTION.iterdir()) < 4_000_000


@pytest.mark.parametrize("name", FILES)
def test_each_piece_is_music_from_beginning_to_end(name):
    samples, rate = soundfile.read(COLLECTION / name)
    assert rate == 44_100
    assert 20 <= len(samples) / rate <= 90
    seconds = samples[: len(samples) // rate * rate].reshape(-1, rate, 2)[:-1]
    assert (np.sqrt((seconds**2).mean(axis=(1, 2))) > 1e-3).all()


def test_one_jams_loads_and_one_holds_what_jams_does_not_know():
    loaded = jams.load(str(COLLECTION / "joplin-maple-leaf-rag.jams"), strict=True)
    assert {a.namespace for a in loaded.annotations} >= {"beat", "chord"}
    foreign = COLLECTION / "beethoven-opus18no1-adagio.jams"
    assert json.loads(foreign.read_text())["annotations"]
    with pytest.raises(NamespaceError):
        jams.load(str(foreign))
