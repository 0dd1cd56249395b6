"""Which songs weights were trained on: cuts and other files of a song are that song."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from mer_plugins.errors import CheckpointError
from mer_plugins.evaluation.leaks import leak_of
from mer_plugins.evaluation.list_trained_on import main as list_trained_on
from mer_plugins.evaluation.reference import read_reference
from mer_plugins.trained_on import Identity, identity, read_list, union, write_list

ROOT = Path(__file__).resolve().parents[1]
BUNDLED = {
    "damff/checkpoints": {"damff": 0, "damff-ensemble": None},
    "mer_plugins/baselines/checkpoints": {
        **dict.fromkeys(("crnn", "bcrsn", "dnn", "mcrnn"), 0),
        "global-mean": None,
        "mean-trajectory": None,
    },
    "adapters/mer_adapters/heads": {
        "ridge-librosa": 0,
        "ridge-essentia": 0,
        "musicnn-ridge": None,
        "musicnn-bilstm": None,
    },
}


def jams(artist="", identifiers=None, **sandbox):
    metadata = {"artist": artist, "identifiers": identifiers or {}}
    return {"file_metadata": metadata, "sandbox": sandbox}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (jams(identifiers={"deam": "2"}), jams(corpus="DEAM", song_id=2), True),
        (jams(identifiers={"deam": "0002"}), jams(dataset="deam", song_id="2"), True),
        (jams(identifiers={"deam": "7"}), jams(identifiers={"emomusic": "7"}), True),
        (jams(identifiers={"song_id": "7"}), jams(identifiers={"song_id": "7"}), False),
        (jams(identifiers={"deam": "2"}), jams(identifiers={"pmemo": "2"}), False),
        (jams(identifiers={"deam": "2"}), jams(identifiers={"deam": "20"}), False),
        (jams(), jams(), False),
    ],
)
def test_a_song_is_known_by_data_set_and_number(one, other, same):
    assert bool(identity(one).songs & identity(other).songs) == same


def test_artists_and_series_are_told_apart_from_songs():
    ann, series = jams(" ANN  Lee "), jams(series="ann lee")
    assert identity(ann).artists == identity(series).artists == identity(jams("Ann Lee")).artists
    assert identity(jams("Zoe\u0308")).artists == identity(jams("ZOË")).artists
    assert not identity(ann).songs
    assert not identity(jams("")).artists


def test_lists_come_back_and_hold_no_name(tmp_path):
    songs = [identity(jams(f"artist {i}", {"deam": str(i)})) for i in range(9)]
    write_list(tmp_path, {"a": union(songs), "b": union(songs[:4]), "none": Identity()})
    assert read_list(tmp_path / "a.safetensors") == union(songs)
    assert read_list(tmp_path / "b.json") == union(songs[:4])
    assert read_list(tmp_path / "stranger.safetensors") is None
    assert read_list(tmp_path / "elsewhere" / "a.safetensors") is None
    text = (tmp_path / "trained_on.json").read_text()
    assert "deam" not in text and "artist " not in text
    # Each song once: 4 in both lists, 5 in one.
    assert sum(entry["count"] for entry in json.loads(text)["songs"]) == 9


@pytest.mark.parametrize(
    "content",
    [
        "no json",
        "[]",
        '{"format": "another"}',
        '{"format": "mer-plugins trained_on 1", "artists": [], "songs": '
        '[{"checkpoints": ["a"], "count": 2, "hashes": "AAAAAAA="}]}',
        '{"format": "mer-plugins trained_on 1", "artists": [], "songs": '
        '[{"checkpoints": ["a"], "count": 1, "hashes": "AAAA*AAA"}]}',
    ],
)
def test_a_damaged_list_is_one_line(tmp_path, content):
    (tmp_path / "trained_on.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"trained_on\.json: expected 'mer-plugins"):
        read_list(tmp_path / "a.safetensors")


def test_songs_are_listed_fold_by_fold(tmp_path):
    for i in range(4):
        content = jams(f"artist {i % 2}", {"deam": str(i)}) | {"annotations": []}
        (tmp_path / f"{i}.jams").write_text(json.dumps(content))
    table = tmp_path / "songs.csv"
    table.write_text("song_id,fold\n0,0\n1,1\n2,0\n3,1\n")
    words = ["--folds-csv", table, "--checkpoint", "x=0", "--checkpoint", "y", "-o", tmp_path]
    list_trained_on([str(tmp_path), *map(str, words)], standalone_mode=False)
    songs = [identity(jams(f"artist {i % 2}", {"deam": str(i)})) for i in range(4)]
    assert read_list(tmp_path / "x.safetensors") == union([songs[1], songs[3]])
    assert read_list(tmp_path / "y.safetensors") == union(songs)


def test_songs_in_a_folder_that_cannot_be_listed_make_no_list(tmp_path, unlistable):
    (tmp_path / "closed").mkdir()
    (tmp_path / "0.jams").write_text(json.dumps(jams("artist", {"deam": "0"})))
    unlistable("closed")
    words = [str(tmp_path), "--checkpoint", "x", "-o", str(tmp_path)]
    with pytest.raises(click.ClickException, match="closed: the folder cannot be read"):
        list_trained_on(words, standalone_mode=False)
    assert not (tmp_path / "trained_on.json").exists()


def test_folds_can_be_read_without_torch():
    code = "import sys, mer_plugins.sequence.folds; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("folder", BUNDLED)
def test_every_bundled_checkpoint_has_a_list_and_they_are_small(folder):
    path = ROOT / folder / "trained_on.json"
    assert path.stat().st_size < 48_000
    weights = [p for p in path.parent.iterdir() if p.suffix in (".json", ".safetensors")]
    kept = [p for p in weights if not p.name.endswith((".graphs.json", path.name))]
    stems = {p.stem for p in kept}
    assert stems == set(BUNDLED[folder])


@pytest.mark.shared
@pytest.mark.parametrize("folder", BUNDLED)
def test_bundled_lists_hold_the_songs_of_the_folds_and_no_others(shared, folder):
    with (shared / "data/deam/songs.csv").open(newline="", encoding="utf-8") as file:
        fold_of = {row["song_id"]: int(row["fold"]) for row in csv.DictReader(file)}
    for name, left_out in BUNDLED[folder].items():
        taught = read_list(ROOT / folder / name)
        for song, fold in fold_of.items():
            heard = bool(taught.songs & identity(jams(identifiers={"deam": song})).songs)
            assert heard == (fold != left_out), (name, song)
        unknown = range(2_001, 4_000)
        assert not any(
            taught.songs & identity(jams(identifiers={"deam": i})).songs for i in unknown
        )


@pytest.mark.shared
def test_whole_excerpts_are_the_songs_whose_clips_were_heard(shared):
    songs = read_reference(str(shared / "data/deam/full45"), pytest.fail)
    leak = leak_of(str(ROOT / "damff/checkpoints/damff.safetensors"), songs)
    assert leak.songs == {song.name for song in songs}
