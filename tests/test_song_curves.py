"""What `mer evaluate` keeps of every song, to look at: the scored curves and no others."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mer_plugins.evaluation.comparison import compare, match_system
from mer_plugins.evaluation.output import write
from mer_plugins.evaluation.reference import EvaluationError, Song
from mer_plugins.evaluation.song_curves import CURVES, MOST_S, read_song_curves, to_bytes
from mer_plugins.evaluation.systems import System
from mer_plugins.time_grid import Intervals, intervals


def on_cells(values, start=0.0, hop_s=0.5):
    return intervals(start + hop_s * np.arange(len(values)), np.asarray(values, float), hop_s)


@pytest.fixture
def songs(tmp_path):
    rng = np.random.default_rng(3)
    labels = [on_cells(rng.uniform(-1, 1, (n, 2)), 15.0) for n in (20, 8)]
    names = ("a/one.wav", "b \u00e9\udcff.wav")
    return [
        Song(
            name, tmp_path / "music" / name, cells, std=on_cells(np.full((len(cells), 2), s), 15.0)
        )
        for name, cells, s in zip(names, labels, (0.25, 0.125), strict=True)
    ]


@pytest.fixture
def systems(songs):
    """Return one of both songs from 0 s on at 10 Hz, and one of the second alone."""
    rng = np.random.default_rng(4)
    fine = {song.name: on_cells(rng.uniform(-1, 1, (280, 2)), 0.0, 0.1) for song in songs}
    spread = {song.name: on_cells(np.full((280, 2), 0.5), 0.0, 0.1) for song in songs}
    coarse = {songs[1].name: on_cells(rng.uniform(1, 9, (20, 2)), 10.0, 1.0)}
    return [System("fine", "here", fine, stds=spread), System("nine", "here", coarse)]


def kept(songs, systems, folder):
    folder.mkdir(exist_ok=True)
    (folder / CURVES).write_bytes(to_bytes(songs, systems, folder))
    return list(read_song_curves(folder))


def test_the_cells_that_are_scored_are_kept_as_they_are_scored(songs, systems, tmp_path):
    found = kept(songs, systems, tmp_path / "out")
    assert [one.name for one in found] == [song.name for song in songs]
    assert [list(one.estimates) for one in found] == [["fine"], ["fine", "nine"]]
    for one, song in zip(found, songs, strict=True):
        np.testing.assert_array_equal(one.reference.cells * 0.5, song.labels.starts)
        np.testing.assert_allclose(one.reference.values, song.labels.values, atol=1e-6)
        for system in systems:
            pairs = match_system([song], system)
            if song.name in pairs:
                curve = one.estimates[system.name]
                both = np.isin(curve.cells, one.reference.cells)
                np.testing.assert_allclose(curve.values[both], pairs[song.name][1], rtol=1e-6)


def test_curves_are_whole_and_have_their_deviations(songs, systems, tmp_path):
    one, other = kept(songs, systems, tmp_path / "out")
    assert list(one.estimates["fine"].cells) == list(range(56))
    np.testing.assert_array_equal(one.estimates["fine"].std, np.full((56, 2), 0.5))
    np.testing.assert_array_equal(other.reference.std, np.full((8, 2), 0.125))
    assert other.estimates["nine"].std is None
    # As they stand: a wrong scale is to be seen.
    assert other.estimates["nine"].values.max() > 2


def test_recordings_are_found_from_the_folder_wherever_it_is_called_from(songs, systems, tmp_path):
    for one, song in zip(kept(songs, systems, tmp_path / "out"), songs, strict=True):
        assert not os.path.isabs(one.audio)
        assert Path(os.path.normpath(tmp_path / "out" / one.audio)) == song.audio


def test_times_in_milliseconds_do_not_fill_the_disk(songs, tmp_path):
    wrong = on_cells(np.zeros((90, 2)), 0.0, 500.0)
    system = System("late", "here", {songs[0].name: wrong})
    one, _ = kept(songs, [system], tmp_path / "out")
    assert len(one.estimates["late"]) == MOST_S / 0.5
    assert (tmp_path / "out" / CURVES).stat().st_size < 20_000


def test_a_song_of_a_quadrant_has_estimates_and_no_reference(tmp_path):
    nothing = Intervals(np.empty(0), np.empty(0), np.empty((0, 2)), 0.5)
    song = Song("q.wav", tmp_path / "q.wav", nothing, quadrant=(1.0, -1.0))
    system = System("a", "here", {"q.wav": on_cells(np.full((4, 2), 0.25))})
    (one,) = kept([song], [system], tmp_path / "out")
    assert len(one.reference) == 0 and len(one.estimates["a"]) == 4


def test_they_are_written_with_the_results_and_an_older_folder_has_none(songs, systems, tmp_path):
    pairs = [match_system(songs, system) for system in systems]
    write(compare("here", songs, systems, pairs), tmp_path / "out")
    assert len(list(read_song_curves(tmp_path / "out"))) == 2
    (tmp_path / "out" / CURVES).unlink()
    assert list(read_song_curves(tmp_path / "out")) == []


def test_damaged_curves_and_another_format_are_told_in_one_line(songs, systems, tmp_path):
    kept(songs, systems, tmp_path)
    with np.load(tmp_path / CURVES) as archive:
        arrays = dict(archive) | {"format": np.array("later 9")}
    np.savez(tmp_path / CURVES, **arrays)
    with pytest.raises(EvaluationError, match="'later 9': expected 'mer-plugins curves 1'"):
        list(read_song_curves(tmp_path))
    (tmp_path / CURVES).write_bytes(b"PK no")
    with pytest.raises(EvaluationError, match="cannot be read .*run mer evaluate again"):
        list(read_song_curves(tmp_path))
