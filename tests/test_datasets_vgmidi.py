"""VGMIDI: measures to frames, a curve a rater, and rendering with FluidSynth where it is there."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import soundfile
from fake_datasets import midi, vgmidi
from hypothesis import given
from hypothesis import strategies as st

from mer_adapters.datasets.midi import RenderedMidi, find_synthesiser
from mer_adapters.datasets.vgmidi import VGMIDI, to_frames
from mer_plugins.dataset_import import import_dataset
from mer_plugins.datasets import DatasetError
from mer_plugins.jams_store import from_annotation


@pytest.fixture
def synthesiser():
    try:
        return find_synthesiser()
    except DatasetError as exc:
        pytest.skip(str(exc))


def test_each_rater_is_an_annotation_after_their_mean(tmp_path):
    track = VGMIDI(vgmidi(tmp_path)).track("p1")
    annotators = [a["annotation_metadata"]["annotator"] for a in track.annotations]
    assert annotators[0] == {"name": "mean of 3 raters"}
    assert [a["id"] for a in annotators[1:]] == ["1", "2", "10"]
    assert [a["knows_the_piece"] for a in annotators[1:]] == [True, False, False]
    curves = [from_annotation(a) for a in track.annotations]
    assert curves[0].values == pytest.approx(np.mean([c.values for c in curves[1:]], axis=0))
    assert curves[0].std == pytest.approx(np.std([c.values for c in curves[1:]], axis=0))


def test_measures_become_half_second_frames(tmp_path):
    vgmidi(tmp_path, beats=8, measures=2)
    found = json.loads((tmp_path / "annotations.json").read_text())["annotations"]["p1_2"]
    curve = from_annotation(VGMIDI(tmp_path).track("p1").annotations[2])
    # Four seconds, two measures of two: four frames each.
    assert curve.values[:, 0].tolist() == np.repeat(found["valence"], 4).tolist()
    assert curve.values[:, 1].tolist() == np.repeat(found["arousal"], 4).tolist()


@given(
    values=st.lists(st.tuples(*[st.floats(-1, 1)] * 2), min_size=1, max_size=30),
    frames=st.integers(1, 200),
)
def test_the_integral_over_whole_frames_is_kept(values, frames):
    duration_s = frames * 0.5
    measures = np.array(values)
    curve = to_frames(measures, duration_s, 0.5)
    assert len(curve) == frames
    assert curve.values.mean(axis=0) == pytest.approx(measures.mean(axis=0), abs=1e-9)


def test_a_rater_with_a_wrong_number_of_measures_is_left_out_with_a_line(tmp_path):
    path = vgmidi(tmp_path) / "annotations.json"
    content = json.loads(path.read_text())
    content["annotations"]["p1_2"]["valence"] = [0.1]
    path.write_text(json.dumps(content))
    track = VGMIDI(tmp_path).track("p1")
    assert len(track.annotations) == 3
    assert "rater 2 is left out" in track.warnings[0]


@pytest.mark.parametrize(("key", "value"), [("duration", 1e12), ("measures", float("inf"))])
def test_a_length_that_cannot_be_costs_its_piece_only(tmp_path, key, value):
    path = vgmidi(tmp_path) / "annotations.json"
    content = json.loads(path.read_text())
    content["pieces"]["p1"][key] = value
    path.write_text(json.dumps(content))
    with pytest.raises(DatasetError, match="piece p1"):
        VGMIDI(tmp_path).track("p1")


def test_a_midi_file_outside_the_folder_is_refused(tmp_path):
    path = vgmidi(tmp_path) / "annotations.json"
    path.write_text(path.read_text().replace("piece.mid", "../piece.mid"))
    with pytest.raises(DatasetError, match="expected a path within"):
        VGMIDI(tmp_path).track("p1")


def test_without_fluidsynth_labels_are_read_and_rendering_says_what_to_install(tmp_path):
    dataset = VGMIDI(vgmidi(tmp_path), fluidsynth="no-such-program")
    assert len(dataset.track("p1").annotations) == 4
    p1, p2 = import_dataset(dataset, tmp_path / "out")
    assert p1.status == "failed" and "apt install fluidsynth" in p1.reason
    assert p2.status == "done" and not p2.has_audio


def test_a_piece_is_rendered_once_and_again_only_when_it_changes(tmp_path, synthesiser):
    dataset = VGMIDI(vgmidi(tmp_path))
    first = next(iter(import_dataset(dataset, tmp_path / "out")))
    assert (first.status, first.has_audio) == ("done", True)
    samples, rate = soundfile.read(tmp_path / "out/p1.flac")
    assert rate == 44_100 and np.abs(samples).max() > 0.01
    written_s = json.loads((tmp_path / "out/p1.jams").read_text())["file_metadata"]["duration"]
    assert written_s == pytest.approx(len(samples) / rate) and 4.0 <= written_s <= 14.0
    assert next(iter(import_dataset(dataset, tmp_path / "out"))).status == "already"
    midi(tmp_path / "midi/piece.mid", 7)
    assert next(iter(import_dataset(VGMIDI(tmp_path), tmp_path / "out"))).status == "done"


def test_a_note_that_is_left_on_rings_for_ten_seconds_and_fades_out(tmp_path, synthesiser):
    path = midi(tmp_path / "left_on.mid", 8, note_off=False)
    with (tmp_path / "left_on.flac").open("w+b") as file:
        written_s = RenderedMidi(path, 4.0, lambda: synthesiser).write(file)
    samples, rate = soundfile.read(tmp_path / "left_on.flac")
    assert written_s == len(samples) / rate == 14.0
    assert np.abs(samples[-rate // 100 :]).max() <= np.abs(samples[: 4 * rate]).max() / 1000


def test_a_piece_that_is_played_on_is_refused(tmp_path, synthesiser):
    path = midi(tmp_path / "long.mid", 40)
    with (
        (tmp_path / "x.flac").open("wb") as file,
        pytest.raises(DatasetError, match="is it the annotated piece"),
    ):
        RenderedMidi(path, 4.0, lambda: synthesiser).write(file)


def test_a_piece_that_is_shorter_than_annotated_is_refused(tmp_path, synthesiser):
    path = midi(tmp_path / "short.mid", 2)
    with (
        (tmp_path / "x.flac").open("wb") as file,
        pytest.raises(DatasetError, match="expected 60.0 s"),
    ):
        RenderedMidi(path, 60.0, lambda: synthesiser).write(file)


def test_what_is_no_midi_fails_alone(tmp_path, synthesiser):
    vgmidi(tmp_path)
    (tmp_path / "midi/piece.mid").write_bytes(b"not a MIDI file")
    outcomes = {o.track_id: o for o in import_dataset(VGMIDI(tmp_path), tmp_path / "out")}
    assert outcomes["p1"].status == "failed"
    assert outcomes["p2"].status == "done"
    assert not (tmp_path / "out/p1.jams").exists()


def test_a_sound_font_that_is_not_there_is_named(tmp_path):
    if shutil.which("fluidsynth") is None:
        pytest.skip("fluidsynth is not installed")
    with pytest.raises(DatasetError, match="no such sound font"):
        find_synthesiser(sound_font=str(tmp_path / "none.sf2"))
