"""The predictors that do not listen: what they give, how they are fitted, stored and refused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_plugins import Audio
from mer_plugins.baselines.fit_trivial import (
    fit_global_mean,
    fit_mean_trajectory,
    labelled_curves,
    main,
)
from mer_plugins.baselines.trivial import (
    GLOBAL_MEAN,
    MEAN_TRAJECTORY,
    GlobalMean,
    MeanTrajectory,
    Trajectory,
    TrivialStream,
)
from mer_plugins.contracts import StreamingExtractor
from mer_plugins.curves import EmotionCurve, concatenate
from mer_plugins.errors import AudioError, CheckpointError, MerError, PluginError
from mer_plugins.jams_store import new_jams
from mer_plugins.mood import Provenance, to_annotation

RAMP = Trajectory("mean-trajectory", np.array([[0.0, 0.0], [0.1, -0.1], [0.2, -0.2]]), 3)
BOTH = pytest.mark.parametrize("extractor", [GlobalMean, MeanTrajectory])


def curve(values, start=0.0, hop_s=0.5):
    return EmotionCurve(start + hop_s * np.arange(len(values)), np.array(values), hop_s)


def audio(seconds, sample_rate=44_100, channels=None):
    n = round(seconds * sample_rate)
    shape = (channels, n) if channels else n
    return Audio(np.random.default_rng(0).uniform(-1, 1, shape), sample_rate)


# Extraction


@BOTH
def test_the_bundled_ones_run_and_tell_what_they_are(extractor):
    made = extractor()
    found = made(audio(2.0))
    np.testing.assert_array_equal(found.times, [0, 0.5, 1, 1.5])
    assert found.hop_s == 0.5
    assert made.info.kind == "trivial" and len(made.info.checkpoint_sha256) == 64
    assert isinstance(made, StreamingExtractor)


@BOTH
def test_what_is_heard_does_not_matter(extractor):
    made = extractor()
    noise, silence = made(audio(3.2)), made(Audio(np.zeros(round(3.2 * 44_100)), 44_100))
    np.testing.assert_array_equal(noise.values, silence.values)
    np.testing.assert_array_equal(made(audio(3.2, channels=2)).values, silence.values)


def test_the_mean_is_the_same_everywhere_and_the_trajectory_holds_its_end(tmp_path):
    assert len(np.unique(GlobalMean()(audio(4)).values, axis=0)) == 1
    RAMP.save(tmp_path / "ramp.json")
    found = MeanTrajectory(checkpoint=tmp_path / "ramp.json")(audio(2.5))
    np.testing.assert_allclose(found.valence, [0, 0.1, 0.2, 0.2, 0.2])
    np.testing.assert_allclose(found.arousal, [0, -0.1, -0.2, -0.2, -0.2])


@pytest.mark.parametrize(
    ("n", "count"), [(22_050, 1), (22_051, 2), (44_099, 2), (44_100, 2), (44_101, 3)]
)
def test_a_half_second_that_was_begun_gets_a_value(n, count):
    assert len(GlobalMean()(Audio(np.zeros(n), 44_100))) == count


@BOTH
@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 48_000])
def test_any_rate_gives_as_many_values(extractor, sample_rate):
    assert len(extractor()(audio(3.0, sample_rate))) == 6


@BOTH
def test_too_short_is_one_clear_line(extractor):
    with pytest.raises(AudioError, match=r"0.250 s long: at least 0.5 s are needed"):
        extractor()(audio(0.25))


@settings(deadline=None, max_examples=40)
@given(n=st.integers(22_050, 150_000), cuts=st.lists(st.integers(0, 150_000), max_size=6))
def test_blocks_of_any_size_give_the_same_curve(n, cuts):
    stream = TrivialStream(RAMP)
    blocks = np.split(np.zeros(n, dtype=np.float32), sorted(c for c in cuts if c < n))
    parts = [part for block in blocks if (part := stream.feed(block)) is not None]
    found = concatenate([*parts, stream.finish()])
    assert len(found) == -(-n // 22_050)
    np.testing.assert_array_equal(found.values, RAMP.at(np.arange(len(found))))
    np.testing.assert_array_equal(found.times, np.arange(len(found)) * 0.5)


@BOTH
def test_a_copy_by_pickle_is_the_same(extractor):
    made = extractor()
    copy = pickle.loads(pickle.dumps(made))
    assert copy.info == made.info
    np.testing.assert_array_equal(copy(audio(2)).values, made(audio(2)).values)


def test_importing_them_imports_no_torch():
    code = "import sys, mer_plugins.baselines.fit_trivial; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


# Fitting


def test_each_song_weighs_the_same_in_the_mean():
    found = fit_global_mean([curve([[0.0, 0.4]]), curve([[1.0, -0.2]] * 9)])
    np.testing.assert_allclose(found.values, [[0.5, 0.1]])
    assert (found.plugin, found.songs) == ("global-mean", 2)


def test_the_trajectory_is_the_mean_at_each_half_second():
    found = fit_mean_trajectory([curve([[0, 0], [0.2, 0.4]]), curve([[1, -1], [0.4, 0.4]])])
    np.testing.assert_allclose(found.values, [[0.5, -0.5], [0.3, 0.4]])
    assert (found.plugin, found.songs) == ("mean-trajectory", 2)


def test_labels_of_other_hops_and_starts_come_onto_the_grid():
    fine = curve([[0.0, 0], [0.2, 0], [0.4, 0], [0.6, 0]], hop_s=0.25)
    np.testing.assert_allclose(fit_mean_trajectory([fine]).values[:, 0], [0.1, 0.5])


def test_before_the_first_label_its_mean_holds_and_gaps_are_bridged():
    gap = EmotionCurve(np.array([1.0, 2.0]), np.array([[0.2, 0], [0.6, 0]]), 0.5)
    found = fit_mean_trajectory([gap])
    np.testing.assert_allclose(found.values[:, 0], [0.2, 0.2, 0.2, 0.4, 0.6])


def test_where_only_a_few_songs_go_on_their_mean_is_not_taken():
    short, long = [[0.0, 0.0]] * 2, [[0.0, 0.0]] * 2 + [[0.9, 0.9]] * 4
    assert len(fit_mean_trajectory([curve(short)] * 3 + [curve(long)]).values) == 2
    assert len(fit_mean_trajectory([curve(short)] * 2 + [curve(long)] * 2).values) == 6


@pytest.mark.parametrize("fit", [fit_global_mean, fit_mean_trajectory])
def test_nothing_to_fit_on_is_one_clear_line(fit):
    with pytest.raises(MerError, match="no label to fit on: expected JAMS"):
        fit([EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5)])


def human(found):
    provenance = Provenance("", "", "", "", "", found.hop_s, "", "")
    annotation = to_annotation(found, provenance)
    annotation["annotation_metadata"]["data_source"] = "crowdsource"
    return annotation


def labelled(song, path, found, by_program=None):
    song(path, 2.0)
    jams = new_jams(2.0)
    if by_program is not None:
        provenance = Provenance("damff", "1", "x", "", "", 0.5, "", "")
        jams["annotations"].append(to_annotation(by_program, provenance))
    if found is not None:
        jams["annotations"].append(human(found))
    path.with_suffix(".jams").write_text(json.dumps(jams))


@pytest.fixture
def collection(tmp_path, song):
    folder = tmp_path / "songs"
    labelled(song, folder / "a.wav", curve([[0.2, 0.0], [0.2, 0.4]]))
    labelled(song, folder / "b.wav", curve([[0.4, 0.4], [0.4, 0.8]]), curve([[-1.0, -1.0]]))
    labelled(song, folder / "c.wav", None, curve([[-1.0, -1.0]]))
    labelled(song, folder / "d.wav", curve([[0.0, 0.0]]))
    (folder / "d.jams").write_text("{")
    song(folder / "e.wav")
    return folder


def test_only_what_people_labelled_is_read_and_the_damaged_is_named(collection):
    problems = []
    found = list(labelled_curves([str(collection)], lambda *problem: problems.append(problem)))
    assert [c.valence[0] for c in found] == [0.2, 0.4]
    assert [name.rsplit("/", 1)[-1] for name, _ in problems] == ["d.wav"]


@pytest.mark.parametrize(
    ("extractor", "expected"),
    [
        (GlobalMean, [[0.3, 0.4]] * 3),
        (MeanTrajectory, [[0.3, 0.2], [0.3, 0.6], [0.3, 0.6]]),
    ],
)
def test_fitted_on_a_collection_and_used_at_once(collection, tmp_path, extractor, expected):
    name, path = extractor.registered.name, tmp_path / "fitted.json"
    done = CliRunner().invoke(main, ["-P", name, str(collection), "-o", str(path)])
    assert done.exit_code == 0, done.output
    assert f"{name} of 2 recordings" in done.output and "d.wav: left out" in done.output
    np.testing.assert_allclose(extractor(checkpoint=path)(audio(1.5)).values, expected)


def test_a_collection_without_labels_is_a_clear_failure(tmp_path, song):
    song(tmp_path / "a.wav")
    arguments = ["-P", "global-mean", str(tmp_path), "-o", str(tmp_path / "x.json")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1 and "no label to fit on" in done.output
    assert not (tmp_path / "x.json").exists()


# Storage


def test_what_is_saved_is_read_back(tmp_path):
    RAMP.save(tmp_path / "ramp.json")
    found = Trajectory.load(tmp_path / "ramp.json", "mean-trajectory")
    np.testing.assert_allclose(found.values, RAMP.values)
    assert found.songs == 3


@pytest.mark.parametrize("info", [GLOBAL_MEAN, MEAN_TRAJECTORY], ids=lambda info: info.name)
def test_both_declare_a_bundled_file_and_the_unit_scale(info):
    assert info.checkpoint.endswith(f"{info.name}.json")
    assert (info.scale.low, info.scale.high, info.hop_s) == (-1, 1, 0.5)


GOOD = {
    "format": "mer-plugins trivial predictor 1",
    "plugin": "global-mean",
    "hop_s": 0.5,
    "songs": 1,
    "values": [[0.0, 0.0]],
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable trivial predictor"),
        ("\ufeff{", "not a readable trivial predictor"),
        ("[" * 100_000, "not a readable trivial predictor"),
        ("[1]", "holds list: expected an object"),
        (json.dumps(GOOD | {"format": "x"}), "format is 'x': expected 'mer-plugins"),
        (json.dumps(GOOD | {"plugin": "mean-trajectory"}), "plugin is 'mean-trajectory': expected"),
        (json.dumps(GOOD | {"hop_s": 1.0}), "hop_s is 1.0: expected 0.5"),
        (json.dumps(GOOD | {"values": []}), "its values are damaged"),
        (json.dumps(GOOD | {"values": [[0, 0, 0]]}), r"shape \(1, 3\): expected \(n, 2\)"),
        (json.dumps(GOOD | {"values": [[0, 1.01]]}), r"values leave \[-1, 1\]"),
        (json.dumps(GOOD | {"values": [[0, float("nan")]]}), r"values leave \[-1, 1\]"),
        (json.dumps(GOOD | {"values": [[0, 0], [0]]}), "its values are damaged"),
        (json.dumps(GOOD | {"values": "many"}), "its values are damaged"),
        (json.dumps(GOOD | {"songs": None}), "its values are damaged"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "values"}), "its values are damaged"),
    ],
)
def test_damaged_files_are_one_clear_line(tmp_path, text, message):
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=message) as found:
        GlobalMean(checkpoint=path)
    assert str(path) in str(found.value) and "\n" not in str(found.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PluginError, match="none.json: the checkpoint cannot be read"):
        MeanTrajectory(checkpoint=tmp_path / "none.json")
