"""Evaluating one jams annotation against another."""

from __future__ import annotations

import jams
import numpy as np
import pytest

from mer_adapters import jams_bridge, jams_eval
from mer_plugins import EmotionCurve, Scale, emotion
from mer_plugins.curves import UNIT_SCALE
from mer_plugins.errors import JamsError

NAMES = ("valence", "arousal")
TIMES = np.arange(40) * 0.5
VALUES = np.random.default_rng(1).uniform(-1, 1, (40, 2))


def annotation(values, scale=UNIT_SCALE):
    curve = EmotionCurve(np.arange(len(values)) * 0.5, values, 0.5)
    return jams_bridge.to_jams(curve, scale)


def test_annotations_score_as_their_arrays_do():
    estimate = np.random.default_rng(2).uniform(-1, 1, (40, 2))
    found = jams_eval.evaluate(annotation(VALUES), annotation(estimate))
    assert found == pytest.approx(emotion.evaluate(TIMES, VALUES, TIMES, estimate), abs=1e-12)


def test_annotations_in_other_scales_are_converted_once_stated():
    native = Scale(1, 9, ("arousal", "valence"))
    estimate = annotation(VALUES, native)
    with pytest.raises(JamsError, match="state the scale they are in"):
        jams_eval.evaluate(annotation(VALUES), estimate)
    found = jams_eval.evaluate(annotation(VALUES), estimate, estimated_scale=native, max_lag_s=1)
    assert found["valence ccc"] == pytest.approx(1)


def test_an_annotation_of_another_namespace_is_an_error():
    with pytest.raises(JamsError, match="expected 'mood_thayer'"):
        jams_eval.evaluate(annotation(VALUES), jams.Annotation("beat"))


def test_a_single_observation_brings_its_own_duration():
    found = jams_eval.evaluate(annotation(VALUES[:1]), annotation(VALUES[:1]))
    assert (found["matched frames"], found["valence rmse"]) == (1, 0)


@pytest.mark.shared
def test_real_labels_score_as_their_statistics_say(shared):
    folder = shared / "data" / "deam" / "full45"
    if not folder.is_dir():
        pytest.skip("the DEAM excerpts are not beside the checkout, in ../shared")
    paths = sorted(folder.glob("*.jams"))
    references = [
        jams.load(str(path), validate=False).search(namespace="mood_thayer")[0] for path in paths
    ]
    songs = []
    for reference in references:
        assert jams_eval.evaluate(reference, reference)["valence ccc"] == 1
        curve = jams_bridge.from_jams(reference)
        constant = np.repeat(curve.values.mean(axis=0, keepdims=True), len(curve), axis=0)
        songs.append((curve.times, curve.values, curve.times, constant))
    found = emotion.aggregate(songs)
    assert found["per-song songs scored"] == len(paths) > 0
    for dimension in NAMES:
        assert found[f"per-song {dimension} ccc"] == 0
        assert found[f"per-song {dimension} constant reference"] == 0
        assert found[f"pooled {dimension} ccc"] > 0.8
