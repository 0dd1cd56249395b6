from __future__ import annotations

import errno
import json
import os
import random
import signal
import stat
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import jams
import numpy as np
import pytest
import simplejson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mer_plugins import atomic
from mer_plugins.curves import EmotionCurve, Scale
from mer_plugins.errors import JamsError
from mer_plugins.jams_store import (
    Provenance,
    curves,
    find_fingerprint,
    from_annotation,
    merge,
    new_jams,
    read,
    store,
    to_annotation,
)

ROOT = Path(__file__).resolve().parents[1]

FOREIGN = """{
  "file_metadata": {"title": "Prélude", "artist": "x", "duration": 12.340, "unknown": [1, null]},
  "annotations": [
    {"namespace": "chord", "annotation_metadata": {"data_source": "expert human"}, "time": 0,
     "data": [{"time": 0.0, "duration": 1.50, "value": "C:maj", "confidence": 1e400}]},
    {"namespace": "beat", "annotation_metadata": {}, "sandbox": {"plugin": "damff"},
     "data": {"time": [0.1234567890123456789012345], "duration": [0], "value": [-0.0],
              "confidence": [123456789012345678901234567890]}},
    {"namespace": "nobody_knows_this", "odd": {"deep": [1E-7, 1.10, true, "\\ud83c\\udfb5"]}},
    "not even an object",
    {"namespace": "mood_thayer", "annotation_metadata": {"data_source": "crowdsource"},
     "sandbox": {"plugin": "damff"}, "data": []}
  ],
  "sandbox": {"": {}},
  "somebody_else": NaN
}"""


def provenance(plugin="damff", fingerprint="f1", **changes) -> Provenance:
    fields = {
        "plugin": plugin,
        "plugin_version": "1.0",
        "fingerprint": fingerprint,
        "checkpoint_sha256": "c" * 64,
        "scale": str(Scale(1, 9)),
        "hop_s": 0.5,
        "decoder": "soundfile",
        "host_version": "0.1.0",
    }
    return Provenance(**{**fields, **changes})


def curve(n=4, level=0.25, hop_s=0.5, std=None) -> EmotionCurve:
    values = np.linspace([level, -level], [level, level], n)
    return EmotionCurve(np.arange(n) * hop_s, values, hop_s, std)


def annotation(plugin="damff", fingerprint="f1", **curve_options) -> dict:
    return to_annotation(curve(**curve_options), provenance(plugin, fingerprint))


def exact(text: str):
    """Parse JSON so that every digit of a number counts, and 1, "1" and true differ."""

    def number(digits):
        return "number", str(Decimal(digits))

    return json.loads(text, parse_float=number, parse_int=number)


# The annotation


def test_a_stored_curve_is_loaded_by_jams_with_its_values_in_order(tmp_path):
    path = tmp_path / "song.jams"
    std = np.full((4, 2), [0.1, 0.2])
    store(path, [annotation(std=std)], duration_s=2.25, title="Song")
    loaded = jams.load(str(path), strict=True)
    (found,) = loaded.annotations
    assert loaded.file_metadata.duration == 2.25
    assert loaded.file_metadata.title == "Song"
    assert [o.time for o in found.data] == [0.0, 0.5, 1.0, 1.5]
    assert {o.duration for o in found.data} == {0.5}
    assert np.allclose([o.value for o in found.data], curve().values, atol=1e-6)
    assert found.data[0].confidence == {"valence_std": 0.1, "arousal_std": 0.2}
    assert (found.time, found.duration) == (0.0, 2.0)
    assert found.sandbox.plugin == "damff"
    assert found.sandbox.scale == "(valence, arousal) in [1, 9]"
    assert found.annotation_metadata.annotation_tools == "mer-plugins 0.1.0 / damff 1.0"
    assert "(valence, arousal) in [-1, 1]" in found.annotation_metadata.annotation_rules


def test_an_annotation_of_float32_holds_plain_python_numbers():
    made = to_annotation(
        EmotionCurve(
            np.arange(3, dtype=np.float32), np.full((3, 2), 0.1, np.float32), np.float32(1)
        ),
        provenance(hop_s=np.float32(1)),
    )
    assert json.loads(json.dumps(made)) == made
    assert made["data"][0]["value"] == [0.1, 0.1]
    assert made["data"][0]["confidence"] is None


@st.composite
def emotion_curves(draw):
    n = draw(st.integers(0, 20))
    pairs = hnp.arrays(float, (n, 2), elements=st.floats(-1, 1))
    hop_s = draw(st.floats(0.01, 60))
    start = draw(st.floats(0, 1000))
    std = draw(st.none() | hnp.arrays(float, (n, 2), elements=st.floats(0, 2)))
    return EmotionCurve(start + np.arange(n) * hop_s, draw(pairs), hop_s, std)


@given(emotion_curves())
def test_a_curve_comes_back_from_its_annotation(original):
    made = to_annotation(original, provenance(hop_s=original.hop_s))
    found = from_annotation(simplejson.loads(json.dumps(made), use_decimal=True))
    assert np.allclose(found.times, original.times, rtol=0, atol=1e-9)
    assert np.allclose(found.values, original.values, rtol=0, atol=1e-6)
    assert found.hop_s == pytest.approx(original.hop_s, abs=1e-9)
    assert (found.std is None) == (original.std is None or len(original) == 0)
    if found.std is not None:
        assert np.allclose(found.std, original.std, rtol=0, atol=1e-6)


def human(values, durations=None, times=None, **more) -> dict:
    times = [0.5 * i for i in range(len(values))] if times is None else times
    durations = [0.5] * len(values) if durations is None else durations
    rows = zip(times, durations, values, strict=True)
    data = [{"time": t, "duration": d, "value": v, "confidence": None} for t, d, v in rows]
    return {"namespace": "mood_thayer", "annotation_metadata": {}, "data": data, **more}


def test_dense_and_unsorted_annotations_by_people_are_read():
    dense = human([])
    dense["data"] = {
        "time": [15.5, 15.0],
        "duration": [0.5, 0.5],
        "value": [[0.3, 0.4], [0.1, 0.2]],
        "confidence": [None, None],
    }
    found = from_annotation(dense)
    assert found.times.tolist() == [15.0, 15.5]
    assert found.values.tolist() == [[0.1, 0.2], [0.3, 0.4]]
    assert found.std is None


def test_instants_get_the_distance_of_observations_as_hop():
    assert from_annotation(human([[0, 0], [0, 0]], [0, 0], [0, 0.25])).hop_s == 0.25


def test_what_people_left_open_is_a_gap():
    values = [[0.1, 0.2], [None, 0.2], None, [float("nan"), float("nan")], [0.3, 0.4]]
    found = from_annotation(human(values))
    assert found.times.tolist() == [0, 2] and found.hop_s == 0.5
    assert found.values.tolist() == [[0.1, 0.2], [0.3, 0.4]]
    assert len(from_annotation(human([None, None]))) == 0


@pytest.mark.parametrize(
    ("durations", "hop_s"), [([10, 30, 10], 10), ([0.5, 2, 0.5], 0.5), ([2, 0.5, 3], 0.5)]
)
def test_observations_that_last_differently_are_held_as_long_as_they_last(durations, hop_s):
    times = np.cumsum([15, *durations[:-1]]).tolist()
    found = from_annotation(human([[-0.1, 0], [0.2, 0], [0.3, 0]], durations, times))
    assert found.hop_s == hop_s and found.duration_s == sum(durations)
    for middle in np.arange(times[0] + 0.125, times[0] + sum(durations), 0.25):
        expected = [-0.1, 0.2, 0.3][np.searchsorted(times, middle) - 1]
        assert found.valence[np.searchsorted(found.times, middle) - 1] == expected


def test_pieces_end_where_the_observation_does():
    found = from_annotation(human([[0.1, 0], [0.2, 0]], [0.5, 1.2], [0, 3]))
    np.testing.assert_allclose(found.times, [0, 3, 3.5, 3.7])


def test_of_two_observations_the_last_one_does_not_set_the_hop():
    found = from_annotation(human([[0.1, 0], [0.2, 0]], [30, 0.1], [0, 30]))
    assert found.hop_s == 30 and found.times.tolist() == [0, 30]


def test_a_last_observation_that_the_end_cuts_leaves_the_grid_as_it_is():
    found = from_annotation(human([[0.1, 0]] * 4, [0.5, 0.5, 0.5, 0.2]))
    assert found.hop_s == 0.5 and found.times.tolist() == [0, 0.5, 1, 1.5]


def test_a_stated_scale_converts_values_and_deviations():
    nine = human([[1, 9], [5, 5]])
    for row in nine["data"]:
        row["confidence"] = {"valence_std": 1, "arousal_std": 2}
    found = from_annotation(nine, Scale(1, 9, ("arousal", "valence")))
    assert found.values.tolist() == [[1, -1], [0, 0]]
    assert found.std.tolist() == [[0.5, 0.25], [0.5, 0.25]]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (human([[7.2, 5.0]]), r"values reach 7\.2: expected .* state the scale"),
        (human([[Decimal("1e400"), 0]]), "values reach inf"),
        (human([[float("nan"), 0]], sandbox={"plugin": "x"}), "values reach nan"),
        (human([[10**400, 0]]), "value is too large"),
        (human([[0, 0, 0]]), r"value is \[0, 0, 0\]: expected \[valence, arousal\]"),
        (human([["0", 0]]), "value is '0': expected a number"),
        (human([[True, 0]]), "value is True: expected a number"),
        (human([[0, 0]], [0]), "duration 0: expected the length"),
        (human([[0, 0], [0, 0]], times=[1, 1]), "increase strictly"),
        (human([[0, 0]], times=[-1]), "must not be negative"),
        (human([[0, 0]], times=[None]), "time is None"),
        ({**human([]), "data": None}, "data is NoneType"),
        ({**human([]), "data": [3]}, "observations are malformed"),
        ({**human([]), "data": {"time": [1]}}, "observations are malformed"),
        ({"namespace": "chord"}, "namespace is 'chord': expected 'mood_thayer'"),
    ],
)
def test_a_malformed_annotation_says_what_is_wrong(broken, reason):
    with pytest.raises(JamsError, match=reason):
        from_annotation(broken)


def test_curves_are_labelled_by_plugin_annotator_or_corpus_and_bad_ones_reported():
    rater = {"annotator": {"name": "rater 7"}, "corpus": "VGMIDI"}
    found = {
        "annotations": [
            {"namespace": "chord"},
            annotation("damff"),
            human([[0, 0]], annotation_metadata=rater),
            human([[0, 0]], annotation_metadata=rater),
            human([[5, 5]], annotation_metadata={"corpus": "emoMusic"}),
            human([[0, 0]], annotation_metadata={"data_source": "crowdsource"}),
        ]
    }
    problems = []
    read_ones = curves(found, lambda label, reason: problems.append((label, reason)))
    assert [label for label, _ in read_ones] == ["damff", "rater 7", "rater 7 (2)", "crowdsource"]
    assert problems[0][0] == "emoMusic"
    with pytest.raises(JamsError, match="annotation 'emoMusic': values reach 5"):
        curves(found)


# Merging


def test_only_our_own_annotation_of_that_very_plugin_is_replaced(tmp_path):
    path = tmp_path / "song.jams"
    store(path, [annotation("damff-small"), annotation("damff")], duration_s=2)
    before = read(path)
    human_one = human([[0.5, 0.5]], sandbox={"plugin": "damff"})
    before["annotations"].insert(0, human_one)
    after = merge(before, annotation("damff", "f2", level=0.75))
    assert after["annotations"][:2] == before["annotations"][:2]
    assert len(after["annotations"]) == 3
    assert after["annotations"][2]["data"][0]["value"] == [0.75, -0.75]
    assert find_fingerprint(before, "damff") == "f1"
    assert find_fingerprint(after, "damff") == "f2"
    assert find_fingerprint(after, "damff-small") == "f1"
    assert find_fingerprint(after, "dam") is None


def test_doubles_of_our_own_annotation_become_one_at_the_first_place():
    doubled = {"annotations": [annotation(fingerprint="a"), 1, annotation(fingerprint="b")]}
    merged = merge(doubled, annotation(fingerprint="c"))
    assert [find_fingerprint(merged, "damff"), merged["annotations"][1:]] == ["c", [1]]


def test_an_annotation_that_names_no_plugin_is_refused():
    with pytest.raises(JamsError, match="names no plugin: expected one made by to_annotation"):
        merge(new_jams(1), human([[0, 0]]))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_foreign_content_keeps_its_meaning_and_its_digits(tmp_path, mark):
    path = tmp_path / "song.jams"
    path.write_bytes(mark + FOREIGN.encode("utf-8"))
    store(path, [annotation()], duration_s=99)
    expected, found = exact(FOREIGN), exact(path.read_text("utf-8"))
    ours = found["annotations"].pop()
    # repr, because NaN equals nothing, not even itself.
    assert repr(found) == repr(expected)
    assert ours["sandbox"]["plugin"] == "damff"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=15,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(st.text(), json_values),
    st.lists(json_values),
    st.dictionaries(st.text(), json_values),
)
def test_any_foreign_json_is_kept(tmp_path, top, annotations, metadata):
    path = tmp_path / "song.jams"
    metadata = {**metadata, "duration": 3.5}
    text = json.dumps({**top, "annotations": annotations, "file_metadata": metadata})
    path.write_text(text)
    store(path, [annotation()], duration_s=99)
    found = exact(path.read_text())
    assert found["annotations"].pop()["sandbox"]["plugin"] == "damff"
    assert repr(found) == repr(exact(text))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"duration": 4.0}),
        ({"file_metadata": None}, {"duration": 4.0}),
        ({"file_metadata": {"title": "T"}}, {"title": "T", "duration": 4.0}),
        ({"file_metadata": {"duration": None, "title": "T"}}, {"duration": 4.0, "title": "T"}),
        ({"file_metadata": {"duration": 7}}, {"duration": 7}),
    ],
)
def test_a_missing_duration_is_entered_so_that_jams_can_load_the_file(tmp_path, before, after):
    path = tmp_path / "song.jams"
    path.write_text(json.dumps({**before, "annotations": None}))
    store(path, [annotation()], duration_s=4)
    assert json.loads(path.read_text())["file_metadata"] == after
    jams.load(str(path), strict=True)


def test_a_file_begins_from_its_base_only_while_it_does_not_exist(tmp_path):
    base, path = tmp_path / "base.jams", tmp_path / "out" / "deep" / "song.jams"
    base.write_text(FOREIGN)
    store(path, [annotation("a")], duration_s=1, base=base)
    base.write_text("[]")
    store(path, [annotation("b")], duration_s=1, base=base)
    found = read(path)
    assert [a["namespace"] for a in found["annotations"][:2]] == ["chord", "beat"]
    assert find_fingerprint(found, "a") == find_fingerprint(found, "b") == "f1"


# Refusals


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", r"is not JSON \(line 1, column 1"),
        (b'{\n"a": 1,,}', r"is not JSON \(line 2, column 8"),
        (b'{"a": "\xff"}', r"is not UTF-8 \(byte 7\)"),
        (b"[]", "holds a list: expected an object"),
        (b"null", "holds null: expected an object"),
        (b'{"annotations": {}}', "annotations are an object: expected a list"),
        (b'{"annotations": 0}', "annotations are a number: expected a list"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"1" * 5000 + b"}", "too many digits"),
        (b'{"a": 1e-99999999999999999999}', "too many digits"),
    ],
)
def test_what_is_no_jams_is_refused_in_one_line_and_left_alone(tmp_path, raw, reason):
    path = tmp_path / "song.jams"
    path.write_bytes(raw)
    with pytest.raises(JamsError, match=reason) as caught:
        store(path, [annotation()], duration_s=1)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == raw
    assert os.listdir(tmp_path) == ["song.jams"]


def test_a_missing_file_a_folder_and_a_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.jams")
    for name, reason in [("no.jams", "No such file"), ("", "regular"), ("pipe.jams", "regular")]:
        with pytest.raises(JamsError, match=reason):
            read(tmp_path / name)


@pytest.mark.parametrize("duration_s", [-1.0, float("nan"), float("inf")])
def test_an_impossible_duration_is_refused(tmp_path, duration_s):
    with pytest.raises(JamsError, match="expected a positive number"):
        store(tmp_path / "song.jams", [annotation()], duration_s=duration_s)
    assert not os.listdir(tmp_path)


def test_not_a_number_is_never_written_into_what_is_ours(tmp_path):
    made = annotation()
    made["data"][0]["confidence"] = float("nan")
    with pytest.raises(JamsError, match="does not fit into JSON"):
        store(tmp_path / "song.jams", [made], duration_s=1)


def test_file_metadata_that_is_no_object_is_refused(tmp_path):
    path = tmp_path / "song.jams"
    path.write_text('{"file_metadata": []}')
    with pytest.raises(JamsError, match="file_metadata is a list: expected an object"):
        store(path, [annotation()], duration_s=1)


def test_a_link_is_written_through_within_its_folder_only(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "near.jams").symlink_to("real.jams")
    store(inside / "near.jams", [annotation()], duration_s=1)
    assert (inside / "near.jams").is_symlink()
    assert find_fingerprint(read(inside / "real.jams"), "damff") == "f1"
    (inside / "far.jams").symlink_to(outside / "real.jams")
    with pytest.raises(JamsError, match="leads out of its folder"):
        store(inside / "far.jams", [annotation()], duration_s=1)
    assert not os.listdir(outside)


def test_something_else_under_the_hidden_name_is_never_written_into(tmp_path):
    path, victim = tmp_path / "song.jams", tmp_path / "victim"
    victim.write_text("precious")
    hidden = atomic.temp_path(path)
    hidden.symlink_to(victim)
    with pytest.raises(JamsError, match="cannot be written"):
        store(path, [annotation()], duration_s=1)
    hidden.unlink()
    os.link(victim, hidden)
    store(path, [annotation()], duration_s=1)
    os.mkfifo(hidden)
    with pytest.raises(JamsError, match="a special file is in the way"):
        store(path, [annotation()], duration_s=1)
    assert victim.read_text() == "precious"


def test_a_read_only_file_stays_as_it_is(tmp_path, monkeypatch):
    path = tmp_path / "song.jams"
    path.write_text("{}")
    # Whoever runs the tests may be root, to whom no file is read-only.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    with pytest.raises(JamsError, match="read-only; make it writable"):
        store(path, [annotation()], duration_s=1)
    assert path.read_text() == "{}"


# Atomic, whatever happens


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "song.jams"
    store(path, [annotation("a")], duration_s=1)
    before = path.read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(JamsError, match=r"cannot be written \(No space left on device\)"):
        store(path, [annotation("b")], duration_s=1)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["song.jams"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_mode_bits_are_kept(tmp_path, mode):
    path = tmp_path / "song.jams"
    path.write_text("{}")
    path.chmod(mode)
    store(path, [annotation()], duration_s=1)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_new_file_gets_the_mode_of_any_new_file(tmp_path):
    path, usual = tmp_path / "song.jams", tmp_path / "usual"
    usual.touch()
    leftover = atomic.temp_path(path)
    leftover.write_text("half a fi")
    leftover.chmod(0o600)
    store(path, [annotation()], duration_s=1)
    assert path.stat().st_mode == usual.stat().st_mode
    assert not leftover.exists()
    assert find_fingerprint(read(path), "damff") == "f1"


def test_the_longest_file_name_still_works(tmp_path):
    path = tmp_path / ("é" * 125 + ".jams")
    store(path, [annotation()], duration_s=1)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("missing", ["no module", "no support"])
def test_storing_works_where_there_are_no_locks(tmp_path, monkeypatch, missing):
    if missing == "no module":
        monkeypatch.setattr(atomic, "HAS_FLOCK", False)
    else:
        monkeypatch.setattr("fcntl.flock", _unsupported)
    path = tmp_path / "song.jams"
    store(path, [annotation("a")], duration_s=1)
    store(path, [annotation("b")], duration_s=1)
    assert len(read(path)["annotations"]) == 2
    assert os.listdir(tmp_path) == ["song.jams"]


def _unsupported(descriptor, operation):
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


CHILD = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import numpy as np
from mer_plugins.curves import EmotionCurve
from mer_plugins.jams_store import Provenance, store, to_annotation

def made(plugin, level, n=400):
    curve = EmotionCurve(np.arange(n) * 0.5, np.full((n, 2), level), 0.5)
    return to_annotation(curve, Provenance(plugin, "1", str(level), "", "", 0.5, "", ""))
"""


def child(code: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, *arguments],
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )


STORE_FOR_EVER = """
path, level = sys.argv[1], 0
print("ready", flush=True)
while True:
    level = round((level + 0.001) % 1, 3)
    store(path, [made("damff", level)], duration_s=200)
"""


@pytest.mark.parametrize("seed", range(30))
def test_a_writer_killed_at_any_moment_leaves_the_old_file_or_the_new(tmp_path, seed):
    path = tmp_path / "song.jams"
    path.write_text(FOREIGN)
    with child(STORE_FOR_EVER, str(path)) as writer:
        writer.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.06))
        writer.send_signal(signal.SIGKILL)
    found = read(path)
    ours = [a for a in found["annotations"][5:] if find_fingerprint({"annotations": [a]}, "damff")]
    assert len(found["annotations"]) == 5 + len(ours) <= 6
    for one in ours:
        levels = {value for row in one["data"] for value in row["value"]}
        assert (len(one["data"]), levels) == (400, {Decimal(one["sandbox"]["fingerprint"])})
    store(path, [annotation("after")], duration_s=1)
    assert find_fingerprint(read(path), "after") == "f1"
    assert os.listdir(tmp_path) == ["song.jams"]


STORE_FIFTY = """
for number in range(50):
    store(sys.argv[1], [made(f"{sys.argv[2]}{number}", 0.5, n=5)], duration_s=2.5)
"""


def test_two_processes_lose_nothing_of_each_other(tmp_path):
    path = tmp_path / "song.jams"
    with child(STORE_FIFTY, str(path), "a") as one, child(STORE_FIFTY, str(path), "b") as other:
        assert (one.wait(), other.wait()) == (0, 0)
    plugins = {a["sandbox"]["plugin"] for a in read(path)["annotations"]}
    assert plugins == {f"{name}{number}" for name in "ab" for number in range(50)}
    assert len(jams.load(str(path), strict=True).annotations) == 100
    assert os.listdir(tmp_path) == ["song.jams"]


def test_a_waiting_writer_sees_what_the_one_before_it_wrote(tmp_path):
    path = tmp_path / "song.jams"
    with atomic.replacing(path) as file:
        waiting = child(STORE_FIFTY.replace("50", "1"), str(path), "late")
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1.5)
        file.write(json.dumps({**new_jams(1), "annotations": [annotation("early")]}).encode())
    with waiting:
        assert waiting.wait() == 0
    found = read(path)
    assert find_fingerprint(found, "early") == "f1"
    assert find_fingerprint(found, "late0") == "0.5"


@pytest.mark.shared
def test_the_labels_of_deam_are_read():
    folder = ROOT.parent / "shared" / "data" / "deam" / "full45"
    if not folder.is_dir():
        pytest.skip("the DEAM excerpts are not beside the checkout, in ../shared")
    for path in sorted(folder.glob("*.jams")):
        ((label, found),) = curves(read(path))
        assert label == "DEAM"
        assert (found.times[0], found.hop_s, len(found)) == (15.0, 0.5, 60)
