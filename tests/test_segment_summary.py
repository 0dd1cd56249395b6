"""``mer summary``: numbers that can be worked out by hand, as a whole and segment by segment."""

from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_plugins import EmotionCurve
from mer_plugins.cli import mer, run
from mer_plugins.errors import JamsError
from mer_plugins.jams_store import Provenance, read, store, to_annotation
from mer_plugins.segments import Segment, segments, summarise_segments
from mer_plugins.summary import nearest_region, summarise


def annotation(namespace, *rows):
    keys = ("time", "duration", "value", "confidence")
    data = [dict(zip(keys, (*row, None), strict=True)) for row in rows]
    return {"namespace": namespace, "data": data}


def jams_with(*annotations):
    return {"annotations": list(annotations)}


FORM = annotation("segment_open", (4.0, 4.0, "chorus"), (0.0, 4.0, "verse"), (90.0, 5.0, "coda"))
BEATS = annotation("beat", (0.25, 0.0, 1), (0.75, 0.0, 2), (1.25, 0.0, None))


def ramp(n=16, hop_s=0.5):
    """Valence rises by 0.1 a second from -0.8 on; arousal falls by 0.05 a second from 0.4."""
    times = np.arange(n) * hop_s
    return EmotionCurve(times, np.stack([-0.8 + 0.1 * times, 0.4 - 0.05 * times], axis=1), hop_s)


@pytest.fixture
def song(tmp_path):
    provenance = Provenance("loudness", "1", "f", "", "", 0.5, "", "0")
    path = tmp_path / "collection" / "song.jams"
    store(path, [to_annotation(ramp(), provenance)], duration_s=8.0)
    content = json.loads(path.read_text())
    content["annotations"] += [FORM, BEATS]
    path.write_text(json.dumps(content))
    return path


def mer_summary(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        run(mer, "mer", ["summary", *map(str, arguments)])
    return end.value.code, *capsys.readouterr()


def test_segments_that_last_come_in_order_of_time():
    assert segments(jams_with(FORM), "segment_open", 8.0) == [
        Segment(0.0, 4.0, "verse"),
        Segment(4.0, 8.0, "chorus"),
        Segment(90.0, 95.0, "coda"),
    ]


def test_instants_last_until_the_next_and_the_last_one_to_the_end():
    assert segments(jams_with(FORM, BEATS), "beat", 2.0) == [
        Segment(0.25, 0.75, "1"),
        Segment(0.75, 1.25, "2"),
        Segment(1.25, 2.0, ""),
    ]
    assert [s.label for s in segments(jams_with(BEATS), "beat", 1.25)] == ["1", "2"]
    assert segments(jams_with(annotation("beat")), "beat", 1.0) == []


def test_segments_are_read_from_a_dense_annotation_too():
    dense = {"namespace": "beat", "data": {"time": [0, 1], "duration": [0, 0], "value": [1, 2]}}
    dense["data"]["confidence"] = [None, None]
    assert segments(jams_with(dense), "beat", 3.0) == [Segment(0, 1, "1"), Segment(1, 3, "2")]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (BEATS, "has no 'segment_open' annotation: there are beat"),
        (annotation("segment_open", (-1.0, 1.0, "a")), "below 0 or not finite"),
        (annotation("segment_open", (0.0, -1.0, "a")), "below 0 or not finite"),
        (annotation("segment_open", (float("nan"), 1.0, "a")), "below 0 or not finite"),
        (annotation("segment_open", ("x", 1.0, "a")), "time is 'x': expected a number"),
        ({"namespace": "segment_open", "data": [1]}, "observations are malformed"),
    ],
)
def test_what_is_no_segment_is_told(found, reason):
    with pytest.raises(JamsError, match=reason):
        segments(jams_with(found), "segment_open", 8.0)


def test_a_segment_that_covers_the_curve_is_summarised_as_the_curve():
    (_, found), *_ = summarise_segments(ramp(), [Segment(0.0, 8.0, "")])
    assert found.to_row() == pytest.approx(summarise(ramp()).to_row())


def test_mean_range_trend_and_quadrants_of_a_segment():
    ((_, found),) = summarise_segments(ramp(), [Segment(4.0, 8.0, "chorus")])
    assert found.mean == pytest.approx((-0.8 + 0.1 * 5.75, 0.4 - 0.05 * 5.75))
    assert found.low == pytest.approx((-0.4, 0.4 - 0.05 * 7.5))
    assert found.high == pytest.approx((-0.05, 0.2))
    assert found.trend_per_second == pytest.approx((0.1, -0.05))
    assert found.quadrants == (0, 1, 0, 0)
    assert found.duration_s == 4.0


def test_an_interval_counts_by_the_time_it_lies_within():
    curve = EmotionCurve(np.arange(2.0), np.array([[0.5, 0.5], [-0.5, -0.5]]), 1.0)
    ((_, found),) = summarise_segments(curve, [Segment(0.25, 1.25, "")])
    assert found.mean == pytest.approx((0.25, 0.25))
    assert found.quadrants == pytest.approx((0.75, 0, 0.25, 0))
    assert found.trend_per_second == pytest.approx((-1.0, -1.0))


@pytest.mark.parametrize("start_s", [0.0, 3600.1])
def test_touching_is_not_reaching_into(start_s):
    curve = EmotionCurve(
        start_s + np.arange(3) * 0.1, np.array([[0.1, 0], [0.5, 0], [0.9, 0]]), 0.1
    )
    middle = Segment(start_s + 0.1, start_s + 0.2, "")
    ((_, found),) = summarise_segments(curve, [middle])
    assert found.low[0] == found.high[0] == 0.5
    assert found.trend_per_second == (0, 0)
    assert found.duration_s == pytest.approx(0.1)


def test_a_segment_beyond_the_curve_has_no_values():
    assert summarise_segments(ramp(), [Segment(8.0, 9.0, "")]) == [(Segment(8.0, 9.0, ""), None)]


def test_csv_has_a_line_a_segment_and_blanks_where_there_is_no_value(song, capsys):
    code, out, _ = mer_summary(capsys, song, "--segments-from", "segment_open", "--csv")
    table = pd.read_csv(io.StringIO(out))
    assert code == 0
    assert list(table.columns[:6]) == ["file", "curve", "start_s", "end_s", "label", "duration_s"]
    assert table["label"].tolist() == ["verse", "chorus", "coda"]
    assert table["valence_trend_per_second"].tolist()[:2] == pytest.approx([0.1, 0.1], abs=1e-6)
    assert table["arousal_trend_per_second"].tolist()[:2] == pytest.approx([-0.05] * 2, abs=1e-6)
    assert table["valence_low"].tolist()[:2] == pytest.approx([-0.8, -0.4])
    assert table[["q1", "q2", "q3", "q4"]].sum(axis=1).tolist() == pytest.approx([1, 1, 0])
    assert table.loc[2, "duration_s":].isna().all()


def test_json_has_the_same_fields_for_every_segment(song, capsys):
    code, out, _ = mer_summary(capsys, song, "--segments-from", "segment_open", "--json")
    verse, chorus, coda = map(json.loads, out.splitlines())
    assert code == 0
    assert verse.keys() == chorus.keys() == coda.keys()
    assert chorus["label"] == "chorus" and (chorus["start_s"], chorus["end_s"]) == (4.0, 8.0)
    assert chorus["trend_per_second"] == pytest.approx([0.1, -0.05], abs=1e-6)
    assert coda["mean"] is None


def test_beats_of_a_collection_as_a_table(song, capsys):
    code, out, _ = mer_summary(capsys, song.parent, "--segments-from", "beat")
    header, *lines = out.splitlines()
    assert code == 0 and len(lines) == 3
    assert "trend/s" in header and "segment" in header
    assert lines[0].split()[:6] == ["song.jams", "loudness", "1", "0.25", "0.75", "0.50"]


def test_a_whole_curve_as_csv(song, capsys):
    code, out, _ = mer_summary(capsys, song, "--csv")
    (row,) = pd.read_csv(io.StringIO(out)).to_dict("records")
    assert code == 0
    assert row["duration_s"] == 8.0 and "label" not in row
    assert row["valence_mean"] == pytest.approx(ramp().valence.mean(), abs=1e-5)


def test_the_plain_table_and_json_stay_as_they_were(song, capsys):
    code, out, _ = mer_summary(capsys, song)
    assert code == 0 and "8.0 s" in out and "Q1 V+A+" in out and "trend" not in out
    _, out, _ = mer_summary(capsys, song, "--json")
    found = json.loads(out)
    assert found["trend_per_minute"] == pytest.approx([6.0, -3.0], abs=1e-4)
    assert found["mean"] == pytest.approx(ramp().values.mean(axis=0), abs=1e-6)


def test_a_namespace_that_is_not_there_is_told_once_a_file(song, capsys):
    code, out, err = mer_summary(capsys, song, "--segments-from", "chord")
    assert code == 3 and out == ""
    assert "has no 'chord' annotation: there are beat, mood_thayer, segment_open" in err
    assert err.count("chord") == 1


REGIONS = [
    "pleasure",
    "excitement",
    "arousal",
    "distress",
    "misery",
    "depression",
    "sleepiness",
    "contentment",
]


@given(st.integers(0, 7), st.floats(-22, 22), st.floats(0.11, 1))
def test_the_region_is_the_nearest_of_eight_directions(i, off, radius):
    angle = np.radians(45 * i + off)
    assert nearest_region(radius * np.cos(angle), radius * np.sin(angle)) == REGIONS[i]


def test_quadrants_and_regions_agree_and_the_centre_is_neutral():
    assert nearest_region(-0.0, 0.09) == "neutral"
    corners = {(1, 1): "excitement", (-1, 1): "distress", (-1, -1): "depression"}
    assert {c: nearest_region(*c) for c in corners} == corners
    assert nearest_region(1, -1) == "contentment"


def test_the_region_stands_in_table_csv_and_json(song, capsys):
    expected = nearest_region(*ramp().values.mean(axis=0))
    assert expected in mer_summary(capsys, song)[1]
    assert json.loads(mer_summary(capsys, song, "--json")[1])["region"] == expected
    (row,) = pd.read_csv(io.StringIO(mer_summary(capsys, song, "--csv")[1])).to_dict("records")
    assert row["region"] == expected


def test_change_points_where_asked_for(tmp_path, capsys):
    values = np.repeat([[-0.4, -0.4], [0.4, 0.4], [-0.4, 0.4]], 20, axis=0)
    curve = EmotionCurve(np.arange(60) / 2, values, 0.5)
    provenance = Provenance("steps", "1", "f", "", "", 0.5, "", "0")
    store(tmp_path / "a.jams", [to_annotation(curve, provenance)], duration_s=30.0, title="a")
    found = json.loads(mer_summary(capsys, tmp_path, "--change-points", "--json")[1])
    assert found["change_points_s"] == [10.0, 20.0]
    table = pd.read_csv(io.StringIO(mer_summary(capsys, tmp_path, "--change-points", "--csv")[1]))
    assert list(table["change_points_s"]) == ["10 20"]
    assert "10 s, 20 s" in mer_summary(capsys, tmp_path, "--change-points")[1]
    code, _, err = mer_summary(capsys, tmp_path, "--change-points", "--segments-from", "beat")
    assert code == 2 and "of whole curves" in err


def test_json_and_csv_exclude_each_other(song, capsys):
    code, _, err = mer_summary(capsys, song, "--json", "--csv")
    assert code == 2 and "exclude each other" in err


def test_segments_of_a_file_that_has_been_read_back(song):
    found = segments(read(song), "beat", 8.0)
    assert found[0] == Segment(0.25, 0.75, "1") and found[-1] == Segment(1.25, 8.0, "")
