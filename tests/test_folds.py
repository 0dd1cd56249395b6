"""Folds: no artist on both sides, the table's word first, the same on every machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_plugins.errors import MerError
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.folds import (
    DataError,
    FoldTable,
    assign_folds,
    check_table,
    group_of,
    hashed,
    notes_on_folds,
    read_folds,
    split_validation,
)

TABLE = "song_id,artist,fold\n1,Ann,0\n2,Ann,0\n3,Bob,1\n4,Cy,0\n5,Cy,1\n"


def track(name, artist="", ids=()):
    labels = np.zeros((1, 2), np.float32)
    segments = np.zeros((1, 2, 2), np.float32)
    return LabelledTrack(
        name, segments, labels, np.ones(1, bool), group=artist, song_ids=frozenset(ids)
    )


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "songs.csv"
    path.write_text(TABLE)
    return read_folds(path)


def test_the_table_says_the_fold_of_its_songs(table):
    assert table.count == 2
    tracks = [track(f"{i}.x", ids={str(i)}) for i in range(1, 6)]
    assert assign_folds(tracks, table, 2, seed=0) == [0, 0, 1, 0, 1]


def test_a_song_the_table_lacks_goes_with_its_artist(table):
    new = [track("new", "BOB"), track("other", "ann"), track("split", "Cy")]
    folds = assign_folds(new, table, 2, seed=0)
    assert folds[:2] == [1, 0]
    assert folds[2] == hashed("cy", 2, 0), "an artist in several folds has none"


SPELLINGS = ("Zoë  Ann", "zoë ann", "Zoe\u0308 Ann ", "\uff3aoë Ann")


@pytest.mark.parametrize("seed", range(20))
def test_an_artist_however_spelled_is_in_one_fold_and_on_one_side(seed):
    tracks = [track(str(i), name) for i, name in enumerate((*SPELLINGS, "b", "c"))]
    assert len(set(assign_folds(tracks, FoldTable(), 9, seed)[:4])) == 1
    parts = split_validation(tracks, FoldTable(), 0.5, seed)
    assert any({t.name for t in part} >= set("0123") for part in parts)


def test_artists_of_a_table_are_found_however_spelled(tmp_path):
    path = tmp_path / "songs.csv"
    path.write_text("song_id,artist,fold\n1,Zoe\u0308  Ann,2\n", encoding="utf-8")
    folds = assign_folds([track("new", name) for name in SPELLINGS], read_folds(path), 3, 0)
    assert folds == [2] * 4


def test_one_spelling_has_the_hash_it_always_had():
    for name in ("…and you will know us", "a  b", "007"):
        assert assign_folds([track("x", name)], FoldTable(), 97, 1) == [hashed(name, 97, 1)]
    assert group_of(track("x", "007"), FoldTable()) != group_of(track("x", "7"), FoldTable())


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.integers(2, 9), st.integers(0, 99))
def test_no_artist_is_in_two_folds(artists, count, seed):
    tracks = [track(str(i), artist) for i, artist in enumerate(artists)]
    folds = assign_folds(tracks, FoldTable(), count, seed)
    assert all(0 <= fold < count for fold in folds)
    for artist in set(artists):
        assert len({f for f, a in zip(folds, artists, strict=True) if a == artist}) == 1


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1), st.floats(0, 1), st.integers(0, 99))
def test_validation_takes_whole_artists(artists, share, seed):
    tracks = [track(str(i), artist) for i, artist in enumerate(artists)]
    trained, validation = split_validation(tracks, FoldTable(), share, seed)
    assert len(trained) + len(validation) == len(tracks)
    assert not {t.group for t in trained} & {t.group for t in validation}


def test_validation_takes_about_its_share():
    tracks = [track(str(i), str(i)) for i in range(2000)]
    assert 150 < len(split_validation(tracks, FoldTable(), 0.1, 0)[1]) < 250
    assert not split_validation(tracks, FoldTable(), 0.0, 0)[1]


@pytest.mark.parametrize("seed", range(20))
def test_validation_has_an_artist_and_leaves_one_however_few_there_are(seed):
    for share in (0.01, 0.1, 0.99, 1.0):
        tracks = [track(str(i), "abc"[i % 3]) for i in range(6)]
        trained, validation = split_validation(tracks, FoldTable(), share, seed)
        assert trained and validation
        assert not {t.group for t in trained} & {t.group for t in validation}
        assert split_validation(tracks[::3], FoldTable(), share, seed) == (tracks[::3], [])


def test_recordings_without_a_curve_do_not_tell_when_to_stop():
    tracks = [track(str(i), str(i)) for i in range(40)]
    quadrants = [replace(t, mask=np.zeros(1, bool)) for t in tracks]
    for seed in range(20):
        data = [*tracks[:2], *quadrants[2:]]
        parts = split_validation(data, FoldTable(), 0.1, seed)
        assert [sum(t.mask.any() for t in part) for part in parts] == [1, 1]


def test_a_split_that_has_both_parts_is_that_of_the_hashes():
    tracks = [track(str(i), str(i)) for i in range(400)]
    for seed in range(10):
        _, validation = split_validation(tracks, FoldTable(), 0.1, seed)
        assert [t.name for t in validation] == [
            str(i) for i in range(400) if hashed(f"validation {i}", 10_000, seed) < 1_000
        ]


def test_hashes_are_the_same_on_every_machine():
    assert [hashed("Ann", 5, seed) for seed in range(8)] == [3, 1, 4, 0, 1, 3, 3, 1]


def test_without_an_artist_a_recording_stands_for_itself(table):
    assert group_of(track("Lone"), table) == "lone"
    assert group_of(replace(track("1", "somebody"), song_ids=frozenset("1")), table) == "ann"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "song_id,fold\n",
        "song_id,fold\n1,zero\n",
        "song,fold\n1,0\n",
        "song_id,fold\n1\n",
        "song_id,fold\n1,-1\n",
    ],
)
def test_tables_that_are_none(tmp_path, text):
    path = tmp_path / "songs.csv"
    path.write_text(text)
    with pytest.raises(MerError, match="expected"):
        read_folds(path)


def test_a_song_in_two_folds_is_named(tmp_path):
    path = tmp_path / "songs.csv"
    path.write_text("song_id,fold\n1,0\n2,1\n2,1\n1,2\n")
    with pytest.raises(DataError, match=r"songs\.csv: has song 1 in several folds"):
        read_folds(path)


def test_a_table_of_other_songs_is_refused(table):
    check_table([track("x", ids={"9", "1"}), track("y", ids={"y"})], table)
    with pytest.raises(DataError, match=r"songs\.csv: names none of the 2 recordings.*such as '1'"):
        check_table([track("x", ids={"x"}), track("y", ids={"y"})], table)
    check_table([track("x", ids={"x"})], FoldTable())


def test_what_people_should_know_of_folds_is_told(table):
    tracks = [track(str(i), ids={str(i)}) for i in range(1, 8)]
    assert notes_on_folds(tracks[:3], FoldTable(), [0, 1, 1], 2) == []
    assert notes_on_folds(tracks, table, [0, 0, 1, 0, 1, 0, 0], 3) == [
        "songs.csv: does not name 2 of 7 recordings, which have the fold of their artist, or one by "
        "a hash of artist and seed",
        "songs.csv: has 1 artists in two folds or more",
        "found 5 artists in 2 of 3 folds",
    ]
