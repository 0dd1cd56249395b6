"""Names of songs: unique within a run, stems where these are, and found again in old and new runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mer_plugins.collection import find_tracks
from mer_plugins.song_names import find_names, song_names


@pytest.fixture
def named(tmp_path):
    def made(*files, inputs=("deam",)):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        places = [str(tmp_path / name) for name in inputs]
        return song_names(list(find_tracks(places)), places)

    return made


def test_a_flat_collection_is_named_by_stems(named):
    assert named("deam/0002.ogg", "deam/Mr. X.mp3") == ["0002", "Mr. X"]


def test_folders_tell_songs_apart(named):
    assert named("deam/Ann/01.ogg", "deam/Bob/01.ogg") == ["Ann/01", "Bob/01"]


def test_suffixes_tell_songs_of_one_folder_apart(named):
    assert named("deam/1.ogg", "deam/1.wav", "deam/2.wav") == ["1.ogg", "1.wav", "2"]


def test_collections_come_first_where_they_share_a_path(named):
    names = named("deam/01.ogg", "deam/02.ogg", "4q/01.wav", inputs=("deam", "4q"))
    assert names == ["deam/01", "02", "4q/01"]
    names = named("a/x/01.ogg", "b/x/01.ogg", inputs=("a/x", "b/x"))
    assert names == ["a/x/01", "b/x/01"]


def test_a_prefix_that_is_taken_grows(named):
    files = "x/a/01.ogg", "a/01.ogg", "b/01.ogg"
    names = named(*files, inputs=("x", "a", "b"))
    assert len(set(names)) == 3 and all(name.endswith("01") for name in names)


def test_recordings_named_singly_are_one_collection(named, tmp_path):
    files = "deam/01.ogg", "deam/sub/01.ogg"
    assert named(*files, inputs=files) == ["01", "sub/01"]
    assert named(*files, inputs=files[:1]) == ["01"]


def songs(*names, root="/data/deam"):
    return [(name, Path(root, name)) for name in names]


def test_songs_are_found_by_path_before_stem():
    known = {"01", "Ann/01", "deam/02", "3.wav"}
    assert find_names(songs("01.ogg", "Ann/01.ogg", "02.ogg", "3.wav"), known) == [
        *("01", "Ann/01", "deam/02", "3.wav")
    ]


def test_a_part_of_the_collection_is_found_in_a_run_on_all_of_it():
    known = {"Ann/01", "Bob/01"}
    assert find_names(songs("01.ogg", root="/data/Bob"), known) == ["Bob/01"]


def test_a_moved_song_is_found_by_its_stem_if_that_is_unique():
    told = []
    found = find_names(
        songs("01.ogg", "02.ogg"), {"Ann/01", "Ann/02", "Bob/02"}, lambda *words: told.append(words)
    )
    assert found == ["Ann/01", ""]
    assert told == [("02.ogg", "left out, 2 songs of the run are called 02")]


def test_the_stems_of_an_older_run_say_nothing_of_songs_that_share_them():
    told = []
    both = songs("01.ogg", "Ann/01.ogg", "Ann/02.ogg")
    found = find_names(both, {"01", "02"}, lambda *words: told.append(words))
    assert found == ["", "", "02"]
    assert told == [(name, "left out, 2 songs are called 01") for name in ("01.ogg", "Ann/01.ogg")]
