"""``mer datasets validate``: a complete copy passes, and each thing that is wrong has its line."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from fake_datasets import deam, pmemo, table

from mer_adapters.datasets.pmemo import PMEmo
from mer_plugins.cli import mer
from mer_plugins.dataset_validation import validate_dataset


def run(*argv):
    return CliRunner().invoke(mer, [str(arg) for arg in argv], standalone_mode=False)


@pytest.fixture
def complete(tmp_path):
    """Return PMEmo with a recording of each song, which counts as all there is."""
    source = pmemo(tmp_path / "pmemo")
    (source / "chorus/4.wav").write_bytes((source / "chorus/1.wav").read_bytes())
    dataset = PMEmo(source)
    dataset.info = replace(dataset.info, counts=dict(dataset.counts()))
    return dataset


def problems(dataset):
    return [finding.text for finding in validate_dataset(dataset) if finding.is_problem]


def test_a_complete_copy_has_no_problem(complete):
    assert problems(complete) == []


def test_each_count_is_compared(complete):
    complete.info = replace(complete.info, counts={"songs": 4, "labelled": 2})
    assert problems(complete) == ["songs: 3, expected 4"]


def test_missing_recordings_are_counted(complete, tmp_path):
    (tmp_path / "pmemo/chorus/4.wav").unlink()
    found = problems(PMEmo(tmp_path / "pmemo"))
    assert "1 of 2 songs have no recording here: they are imported as annotations alone" in found


def test_labels_outside_the_scale_have_a_line(complete, tmp_path):
    names = ["musicId", "frameTime", "Arousal(mean)", "Valence(mean)"]
    path = tmp_path / "pmemo/annotations/dynamic_annotations.csv"
    table(path, names, [[1, 15.5, 0.5, 1.5], [4, 15.5, 0.5, 0.5]])
    found = problems(PMEmo(tmp_path / "pmemo"))
    assert "1: values run from 0.5 to 1.5: expected 0 to 1" in found


def test_labels_beyond_the_end_have_a_line(complete):
    class Shortened(PMEmo):
        def track(self, track_id):
            return replace(super().track(track_id), duration_s=10.0)

    complete.__class__ = Shortened
    assert "1: labels end at 16.6 s, the song at 10.0 s" in problems(complete)


def test_left_out_raters_have_a_line(tmp_path):
    source = deam(tmp_path / "deam")
    path = next((source / "DEAM_Annotations").rglob("valence/2001.csv"))
    path.write_text(path.read_text().replace("w3", "w4"))
    result = run("datasets", "validate", "deam", source)
    assert "problem: 2001: rater w3 is left out: has labelled one dimension only" in result.output
    assert result.return_value == 1


def test_the_order_of_columns_is_told(tmp_path):
    songs = range(1, 41)
    result = run("datasets", "validate", "deam", deam(tmp_path, songs=songs, swapped=songs))
    assert (
        "fine: static labels of songs 1 to 1000: valence and arousal are swapped" in result.output
    )


def test_json_has_one_object_a_finding(tmp_path):
    result = CliRunner().invoke(
        mer, ["datasets", "validate", "pmemo", str(pmemo(tmp_path)), "--json"]
    )
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"kind": "problem", "text": "songs: 3, expected 794"} in found
    assert {entry["kind"] for entry in found} == {"fine", "problem"}
