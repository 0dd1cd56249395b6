"""emoMusic, PMEmo, MER1101 and 4Q in their layouts: scales, orders, splits, excerpts."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
import soundfile
from fake_datasets import emomusic, four_q, mer1101, pmemo, table, tone

from mer_adapters.datasets.emomusic import EmoMusic
from mer_adapters.datasets.four_q import FourQ
from mer_adapters.datasets.mer1101 import MER1101
from mer_adapters.datasets.pmemo import PMEmo
from mer_plugins.dataset_import import import_dataset
from mer_plugins.datasets import DatasetError
from mer_plugins.jams_store import from_annotation


def test_emomusic_has_means_deviations_and_static_labels(tmp_path):
    mean, static = EmoMusic(emomusic(tmp_path)).track("2").annotations
    curve = from_annotation(mean)
    assert curve.times[0] == 15.0 and curve.std is not None
    assert static["data"][0]["value"] == [0.0, 1.0]
    assert static["data"][0]["confidence"] == {"valence_std": 0.4, "arousal_std": 0.2}


def test_emomusic_without_deviations(tmp_path):
    emomusic(tmp_path)
    (tmp_path / "annotations/valence_cont_std.csv").unlink()
    assert from_annotation(EmoMusic(tmp_path).track("2").annotations[0]).std is None


@pytest.mark.parametrize("cell", ["1e308", "-0.1", "9"])
def test_emomusic_deviations_that_cannot_be_are_refused(tmp_path, cell):
    emomusic(tmp_path)
    names = ["song_id", "mean_arousal", "std_arousal", "mean_valence", "std_valence"]
    table(tmp_path / "annotations/static_annotations.csv", names, [[2, 9, cell, 5, 1.6]])
    with pytest.raises(DatasetError, match="deviations run from .*: expected 0 to 8"):
        EmoMusic(tmp_path).track("2")


def test_emomusic_an_id_of_any_length_costs_its_song_only(tmp_path):
    emomusic(tmp_path)
    for path in (tmp_path / "annotations").glob("*_cont_*.csv"):
        path.write_text(path.read_text() + f"{'9' * 5000},0.1\n0007,0.1\n10,0.1\n")
    dataset = EmoMusic(tmp_path)
    assert list(dataset.track_ids) == ["2", "3", "5", "7", "10", "9" * 5000]
    outcomes = {o.track_id: o.status for o in import_dataset(dataset, tmp_path / "out")}
    assert [i for i, status in outcomes.items() if status != "done"] == ["9" * 5000]


def test_emomusic_sets_of_2013(tmp_path):
    emomusic(tmp_path)
    assert list(EmoMusic(tmp_path, part="evaluation").track_ids) == ["3"]
    assert list(EmoMusic(tmp_path, part="development").track_ids) == ["2", "5"]


@pytest.mark.parametrize("static", ["unit", "nine"])
def test_pmemo_is_brought_from_its_two_scales_to_one(tmp_path, static):
    mean, whole = PMEmo(pmemo(tmp_path, static)).track("4").annotations
    curve = from_annotation(mean)
    # [0, 1]: arousal 0.75, valence 1.0; deviations arousal 0.1, valence 0.2.
    assert curve.values[0].tolist() == [1.0, 0.5]
    assert curve.std[0].tolist() == pytest.approx([0.4, 0.2])
    assert whole["data"][0]["value"] == pytest.approx([1.0, 0.5])
    assert whole["data"][0]["confidence"] == pytest.approx({"valence_std": 0.4, "arousal_std": 0.2})


def test_pmemo_frame_times_are_ends(tmp_path):
    track = PMEmo(pmemo(tmp_path)).track("1")
    assert from_annotation(track.annotations[0]).times.tolist() == [15.0, 15.5, 16.0]
    assert track.duration_s == 16.6
    assert (track.title, track.release) == ("A title", "An album")


def test_pmemo_counts_songs_with_and_without_labels(tmp_path):
    counts = PMEmo(pmemo(tmp_path)).counts()
    assert counts == {"songs": 3, "labelled": 2, "static": 2, "recordings": 1}


def test_pmemo_refuses_another_scale(tmp_path):
    pmemo(tmp_path)
    names = ["musicId", "frameTime", "Arousal(mean)", "Valence(mean)"]
    table(tmp_path / "annotations/dynamic_annotations.csv", names, [[1, 15.5, 5, 3]])
    with pytest.raises(DatasetError, match="values run from 3 to 5: expected 0 to 1"):
        PMEmo(tmp_path).track("1")


def test_mer1101_keeps_students_and_experts_apart(tmp_path):
    track = MER1101(mer1101(tmp_path)).track("s1")
    annotators = [a["annotation_metadata"]["annotator"] for a in track.annotations]
    assert annotators == [
        {"name": "mean of the raters"},
        *({"id": f"s{k}", "group": "students"} for k in range(3)),
        *({"id": f"e{k}", "group": "experts"} for k in range(2)),
    ]
    sources = [a["annotation_metadata"]["data_source"] for a in track.annotations]
    assert sources == ["crowdsource"] * 4 + ["expert human"] * 2
    curves = [from_annotation(a).values for a in track.annotations]
    assert curves[0] == pytest.approx(np.mean(curves[1:], axis=0))


def test_mer1101_split_is_of_songs_over_30_s_and_of_80_to_20(tmp_path):
    dataset = MER1101(mer1101(tmp_path))
    splits = {i: dataset.track(i).details["split"] for i in dataset.track_ids}
    assert splits["s1"] == ""
    assert sorted(splits.values()) == ["", "evaluation", *["training"] * 4]
    again = MER1101(tmp_path)
    assert splits == {i: again.track(i).details["split"] for i in again.track_ids}


def test_mer1101_seed_changes_the_draw(tmp_path):
    mer1101(tmp_path)
    drawn = {tuple(MER1101(tmp_path, part="evaluation", seed=s).track_ids) for s in range(10)}
    assert len(drawn) > 1


def test_mer1101_training_songs_are_cut_into_30_s(tmp_path):
    mer1101(tmp_path)
    whole = MER1101(tmp_path)
    parts = MER1101(tmp_path, part="training")
    expected = [
        f"{song}_{30 * k:03d}s"
        for song in whole.track_ids
        if whole.track(song).details["split"] == "training"
        for k in range(int(whole.track(song).duration_s // 30))
    ]
    assert list(parts.track_ids) == expected
    assert len(parts.track_ids) == whole.counts()["training_excerpts"]


@pytest.fixture
def excerpts(tmp_path):
    """Return MER1101's training excerpts of a draw that has the song with a recording in it."""
    mer1101(tmp_path)
    drawn = (MER1101(tmp_path, part="training", seed=seed) for seed in range(50))
    return next(dataset for dataset in drawn if "s2_000s" in dataset.track_ids)


def test_mer1101_excerpts_hold_their_own_labels_and_sound(excerpts, tmp_path):
    whole = from_annotation(MER1101(tmp_path).track("s2").annotations[0])
    curve = from_annotation(excerpts.track("s2_030s").annotations[0])
    assert curve.times[0] == 0.0 and len(curve) == 60
    assert curve.values == pytest.approx(whole.values[60:120])
    outcomes = {o.track_id: o for o in import_dataset(excerpts, tmp_path / "out")}
    assert outcomes["s2_030s"].has_audio
    samples, rate = soundfile.read(tmp_path / "out/s2_030s.flac")
    source, _ = soundfile.read(tmp_path / "music/s2.wav")
    assert len(samples) == 30 * rate
    assert samples == pytest.approx(source[30 * rate : 60 * rate], abs=1e-4)
    content = json.loads((tmp_path / "out/s2_030s.jams").read_text())
    assert content["sandbox"]["group"] == "Artist"
    assert content["file_metadata"]["duration"] == 30.0


def test_mer1101_recording_shorter_than_its_excerpt_is_refused(excerpts, tmp_path):
    audio = excerpts.track("s2_030s").audio
    tone(tmp_path / "music/s2.wav", 40.0)
    with pytest.raises(DatasetError, match="holds 10.00 s from 30 s on: expected 30 s"):
        audio.write(io.BytesIO())


@pytest.mark.parametrize("cell", ["1e300", "-5", "x"])
def test_mer1101_a_duration_that_cannot_be_makes_no_excerpts(tmp_path, cell):
    mer1101(tmp_path)
    names = ["song_id", "title", "artist", "genre", "language", "duration"]
    rows = [[f"s{i}", "", "", "", "", cell if i == 3 else 65] for i in range(1, 7)]
    table(tmp_path / "songs.csv", names, rows)
    ids = MER1101(tmp_path, part="training").track_ids
    assert ids and not [i for i in ids if i.startswith("s3")]


@pytest.mark.parametrize("seed", [-1, 1.5, True])
def test_mer1101_refuses_a_seed_that_is_none(tmp_path, seed):
    with pytest.raises(DatasetError, match="expected a whole number"):
        MER1101(mer1101(tmp_path), seed=seed)


@pytest.mark.parametrize("official", [True, False])
def test_4q_quadrants_are_tags_of_the_whole_clip(tmp_path, official):
    track = FourQ(four_q(tmp_path, official=official)).track("MT02")
    (tag,) = track.annotations
    (observation,) = tag["data"]
    assert tag["namespace"] == "tag_open"
    assert (observation["value"], observation["time"], observation["duration"]) == ("Q2", 0.0, 2.0)
    assert observation["confidence"] == 0.75
    assert (track.artist, track.details["moods"]) == ("An artist", "calm")


def test_4q_counts(tmp_path):
    counts = FourQ(four_q(tmp_path)).counts()
    assert counts == {"songs": 4, "recordings": 3, "Q1": 1, "Q2": 1, "Q3": 1, "Q4": 1}


def test_4q_a_song_without_a_quadrant_fails_alone(tmp_path):
    path = four_q(tmp_path) / "panda_dataset_taffc_metadata.csv"
    path.write_text(path.read_text().replace("Q3", "Q7"))
    outcomes = {o.track_id: o for o in import_dataset(FourQ(tmp_path), tmp_path / "out")}
    assert outcomes["MT03"].status == "failed"
    assert "'Q7': expected Q1, Q2, Q3 or Q4" in outcomes["MT03"].reason
    assert outcomes["MT01"].status == "done"


def test_4q_a_name_that_leads_elsewhere_is_refused(tmp_path):
    path = four_q(tmp_path) / "panda_dataset_taffc_metadata.csv"
    path.write_text(path.read_text().replace("MT03", "../MT03"))
    outcomes = {o.track_id: o for o in import_dataset(FourQ(tmp_path), tmp_path / "out")}
    assert outcomes["../MT03"].status == "failed"
    assert not (tmp_path / "MT03.jams").exists()
