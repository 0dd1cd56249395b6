"""DEAM's official layout: averages, raters, static labels with swapped columns, the 2015 sets."""

from __future__ import annotations

import numpy as np
import pytest
from fake_datasets import AVERAGED, DYNAMIC, EACH, deam, table

from mer_adapters.datasets.deam import DEAM
from mer_adapters.datasets.va_tables import column_order
from mer_plugins.datasets import DatasetError
from mer_plugins.jams_store import from_annotation

EARLY, LATE = tuple(range(1, 41)), tuple(range(1001, 1041))
STATIC = f"{AVERAGED}/song_level/static_annotations_averaged_songs_1_2000.csv"


def of_kind(track, kind, key):
    return [
        a
        for a in track.annotations
        if a["sandbox"]["kind"] == kind and key in a["annotation_metadata"]["annotator"]
    ]


def static_level(track):
    (annotation,) = of_kind(track, "static", "name")
    return np.array(annotation["data"][0]["value"])


def dynamic_level(track):
    return from_annotation(track.annotations[0]).values.mean(axis=0)


def test_the_average_begins_at_15_s_and_ends_with_its_labels(tmp_path):
    track = DEAM(deam(tmp_path)).track("2")
    curve = from_annotation(track.annotations[0])
    assert curve.times.tolist() == [15.0, 15.5, 16.0, 16.5, 17.0, 17.5]
    assert track.duration_s == 18.0


def test_values_are_valence_first(tmp_path):
    path = tmp_path / AVERAGED / DYNAMIC
    deam(tmp_path, songs=(2,))
    table(path / "valence.csv", ["song_id", "sample_15000ms"], [[2, 0.25]])
    table(path / "arousal.csv", ["song_id", "sample_15000ms"], [[2, -0.5]])
    track = DEAM(tmp_path).track("2")
    assert track.annotations[0]["data"][0]["value"] == [0.25, -0.5]


def test_only_intervals_with_both_labels_count(tmp_path):
    path = tmp_path / AVERAGED / DYNAMIC
    deam(tmp_path, songs=(2,))
    names = ["song_id", "sample_15000ms", "sample_15500ms"]
    table(path / "valence.csv", names, [[2, 0.1, 0.2]])
    table(path / "arousal.csv", names, [[2, 0.3, ""]])
    assert len(DEAM(tmp_path).track("2").annotations[0]["data"]) == 1


@pytest.mark.parametrize(
    ("song", "ids"), [("2001", ["w1", "w2", "w3"]), ("2", ["row 1", "row 2", "row 3"])]
)
def test_each_rater_has_a_curve_of_their_own(tmp_path, song, ids):
    track = DEAM(deam(tmp_path)).track(song)
    raters = of_kind(track, "dynamic", "id")
    assert [a["annotation_metadata"]["annotator"]["id"] for a in raters] == ids
    mean = np.mean([from_annotation(a).values for a in raters], axis=0)
    assert mean == pytest.approx(from_annotation(track.annotations[0]).values, abs=2e-6)


def test_raters_are_joined_by_their_id_not_by_their_row(tmp_path):
    deam(tmp_path, songs=(2001,))
    folder, names = tmp_path / EACH / DYNAMIC, ["WorkerId", "sample_15000ms"]
    table(folder / "valence/2001.csv", names, [["a", 0.1], ["b", 0.2], ["c", 0.3]])
    table(folder / "arousal/2001.csv", names, [["c", -0.3], ["a", -0.1]])
    track = DEAM(tmp_path).track("2001")
    found = {
        a["annotation_metadata"]["annotator"]["id"]: a["data"][0]["value"]
        for a in of_kind(track, "dynamic", "id")
    }
    assert found == {"a": [0.1, -0.1], "c": [0.3, -0.3]}
    assert track.warnings == ["rater b is left out: has labelled one dimension only"]


def test_raters_without_ids_in_unequal_number_are_left_out_with_a_line(tmp_path):
    deam(tmp_path, songs=(2,))
    table(tmp_path / EACH / DYNAMIC / "valence/2.csv", ["sample_15000ms"], [[0.1], [0.2]])
    track = DEAM(tmp_path).track("2")
    assert not of_kind(track, "dynamic", "id")
    assert "2 rows of valence, 3 of arousal" in track.warnings[0]


def test_a_rater_beyond_the_scale_is_left_out_with_a_line(tmp_path):
    deam(tmp_path, songs=(2001,))
    path = tmp_path / EACH / DYNAMIC / "valence/2001.csv"
    names = ["WorkerId", "sample_15000ms"]
    table(path, names, [["w1", 0.1], ["w2", 7.0], ["w3", 0.3]])
    track = DEAM(tmp_path).track("2001")
    assert len(of_kind(track, "dynamic", "id")) == 2
    assert track.warnings == [
        "rater w2 is left out: values run from "
        f"{min(7.0, of_w2_arousal(tmp_path)):g} to 7: expected -1 to 1"
    ]


def of_w2_arousal(root):
    import csv

    with (root / EACH / DYNAMIC / "arousal/2001.csv").open() as file:
        return float(list(csv.DictReader(file))[1]["sample_15000ms"])


@pytest.mark.parametrize("swapped", [EARLY, (), (*EARLY, *LATE), LATE])
def test_swapped_static_columns_are_found_year_by_year_and_put_right(tmp_path, swapped):
    dataset = DEAM(deam(tmp_path, songs=(*EARLY, *LATE), swapped=swapped))
    for song in ("1", "40", "1001", "1040"):
        track = dataset.track(song)
        assert static_level(track) == pytest.approx(dynamic_level(track), abs=0.1)
        told = {a["sandbox"]["columns_swapped"] for a in of_kind(track, "static", "name")}
        assert told == {int(song) in swapped}


def test_the_finding_tells_correlations_of_both_readings(tmp_path):
    dataset = DEAM(deam(tmp_path, songs=(*EARLY, *LATE), swapped=LATE))
    early, late, *each = [finding.text for finding in dataset.findings()]
    assert "songs 1 to 1000: valence and arousal are as named, unlike in the published" in early
    assert "songs 1001 to 2000: valence and arousal are swapped, and put right" in late
    assert "r over 40 songs" in late and "crosswise" in late
    assert ["each rater's songs" in text for text in each] == [True, True]


def test_too_few_songs_to_tell_are_read_as_published(tmp_path):
    dataset = DEAM(deam(tmp_path, songs=(2, 1001), swapped=(2,)))
    for song in ("2", "1001"):
        track = dataset.track(song)
        assert static_level(track) == pytest.approx(dynamic_level(track), abs=0.1)
    assert "these songs do not tell" in dataset.findings()[0].text


def test_static_deviations_follow_their_column(tmp_path):
    (annotation,) = of_kind(DEAM(deam(tmp_path, songs=(2, 1001))).track("2"), "static", "name")
    # 0.8 and 1.6 of [1, 9] are 0.2 and 0.4 of [-1, 1]; song 2 is read crosswise.
    assert annotation["data"][0]["confidence"] == {"valence_std": 0.4, "arousal_std": 0.2}
    assert annotation["data"][0]["duration"] == 18.0


def test_each_raters_static_label_is_an_annotation_of_its_own(tmp_path):
    track = DEAM(deam(tmp_path)).track("1001")
    raters = of_kind(track, "static", "id")
    assert [a["annotation_metadata"]["annotator"]["id"] for a in raters] == ["a", "b"]


def test_a_song_without_a_recording_comes_as_annotations(tmp_path):
    dataset = DEAM(deam(tmp_path))
    assert dataset.track("2").audio.path.name == "2.wav"
    assert dataset.track("1001").audio is None


def test_recordings_may_lie_elsewhere_under_padded_names(tmp_path):
    deam(tmp_path, recordings=())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/0002.mp3").write_bytes(b"x")
    dataset = DEAM(tmp_path, recordings=str(tmp_path / "elsewhere"))
    assert dataset.track("2").audio.path.name == "0002.mp3"


def test_the_2015_sets(tmp_path):
    deam(tmp_path, songs=(2, 3, 1001, 2001))
    rows = [[2, 1], [3, 0], [1001, 1]]
    table(tmp_path / "songs.csv", ["song_id", "mediaeval2015_dev"], rows)
    assert list(DEAM(tmp_path, part="development").track_ids) == ["2", "1001"]
    assert list(DEAM(tmp_path, part="evaluation").track_ids) == ["2001"]
    counts = DEAM(tmp_path).counts()
    assert (counts["development_2015"], counts["evaluation_2015"]) == (2, 1)


def test_the_development_set_may_be_a_plain_list(tmp_path):
    listed = table(tmp_path / "list.csv", ["song_id"], [["0003"]])
    dataset = DEAM(deam(tmp_path, songs=(2, 3)), development=str(listed))
    assert dataset.track("3").details["split_2015"] == "development"
    assert dataset.track("2").details["split_2015"] == ""


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"part": "test"}, "part is 'test': expected development or evaluation"),
     ({"recordings": "/nowhere"}, "is no folder of recordings"),
     ({"development": "/nowhere.csv"}, "cannot be read")],
)  # fmt: skip
def test_wrong_parameters_are_told(tmp_path, parameters, said):
    with pytest.raises(DatasetError, match=said):
        DEAM(deam(tmp_path), **parameters)


def test_metadata_of_both_years_is_read(tmp_path):
    dataset = DEAM(deam(tmp_path))
    early, late = dataset.track("2"), dataset.track("1001")
    assert (early.title, early.artist, early.details["genre"]) == ("One song", "Ann", "Blues")
    assert (late.title, late.artist, late.release) == ("Two", "Bob", "Second")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("x", "expected a number"),
        ("inf", "finite"),
        ("3", "expected -1 to 1"),
        ("nan", "no interval"),
    ],
)
def test_a_malformed_label_costs_its_song_only(tmp_path, cell, said):
    deam(tmp_path)
    path = tmp_path / AVERAGED / DYNAMIC / "valence.csv"
    table(path, ["song_id", "sample_15000ms"], [[2, cell], [1001, 0.1]])
    dataset = DEAM(tmp_path)
    with pytest.raises(DatasetError, match=said):
        dataset.track("2")
    assert dataset.track("1001").annotations


@pytest.mark.parametrize(("songs", "told"), [(19, None), (20, True)])
def test_the_order_is_told_from_20_songs_on(songs, told):
    levels = np.random.default_rng(0).uniform(-1, 1, (songs, 2))
    assert column_order(levels[:, ::-1], levels).is_swapped is told


def test_dimensions_that_are_alike_do_not_tell_the_order():
    rng = np.random.default_rng(0)
    levels = np.repeat(rng.uniform(-1, 1, (200, 1)), 2, axis=1) + rng.normal(0, 0.01, (200, 2))
    assert column_order(levels, levels).is_swapped is None
