"""Which annotations are by people, and which by a program of whatever maker."""

from __future__ import annotations

import numpy as np
import pytest

from mer_plugins.curves import EmotionCurve
from mer_plugins.labels import corpus_within, human_curve, human_quadrant, on_grid, rater_curves


def annotation(value, source="", tools="", namespace="mood_thayer", annotator=None, **sandbox):
    metadata = {"data_source": source, "annotation_tools": tools, "annotator": annotator or {}}
    row = {"time": 0.0, "duration": 0.5, "value": value, "confidence": None}
    return {
        "namespace": namespace,
        "annotation_metadata": metadata,
        "data": [row],
        "sandbox": sandbox,
    }


BY_PROGRAMS = [
    {"source": "program"},
    {"source": "Program "},
    {"source": "program", "tools": "another tool 2.0"},
    {"tools": "Essentia 2.1"},
    {"tools": "mer-plugins 0.1 / damff 1.1"},
    {"checkpoint": "model.pt"},
    {"plugin": "damff", "fingerprint": "0a"},
]
BY_PEOPLE = [
    {},
    {"source": "crowdsource"},
    {"source": "expert human", "tools": "Sonic Visualiser 4"},
    {"source": "manual annotation", "model": "Russell"},
    {"tools": "Sonic Visualiser 4"},
]


@pytest.mark.parametrize("words", BY_PROGRAMS)
def test_curves_by_programs_are_no_labels(words):
    program, human = annotation([0.9, 0.9], **words), annotation([0.1, 0.2], "crowdsource")
    assert human_curve({"annotations": [program]}) is None
    assert human_curve({"annotations": [program, human]}).valence[0] == 0.1


@pytest.mark.parametrize("words", BY_PEOPLE)
def test_curves_by_people_are(words):
    assert human_curve({"annotations": [annotation([0.1, 0.2], **words)]}).arousal[0] == 0.2


def test_quadrants_by_programs_are_no_labels():
    tagger = annotation("Q1", "program", namespace="tag_open")
    editor = annotation("Q3", "expert human", namespace="tag_open")
    assert human_quadrant({"annotations": [tagger, editor]}) == (-1, -1)
    assert human_quadrant({"annotations": [tagger]}) is None


def test_the_corpus_is_that_of_the_annotation_that_counts():
    def of(corpus, found):
        return found | {"annotation_metadata": {**found["annotation_metadata"], "corpus": corpus}}

    program = of("no", annotation([0.9, 0.9], "program"))
    genre = of("genres", annotation("Rock", "expert human", namespace="tag_open"))
    quadrant = of("4Q", annotation("Q3", "expert human", namespace="tag_open"))
    curve = of("DEAM", annotation([0.1, 0.2], "crowdsource"))
    assert corpus_within({"annotations": [program, genre, quadrant, curve]}) == "DEAM"
    assert corpus_within({"annotations": [program, genre, quadrant]}) == "4Q"
    assert corpus_within({"annotations": [program, genre]}) == ""
    assert corpus_within({"annotations": [annotation([0, 0], "crowdsource")]}) == ""


def test_raters_have_an_id_and_are_grouped():
    def by(rater, group="", **sandbox):
        return annotation([0, 0], "crowdsource", annotator={"id": rater, "group": group}, **sandbox)

    mean = annotation([0, 0], "crowdsource", annotator={"name": "mean"})
    program = annotation([0, 0], "program", annotator={"id": "x"})
    static = by("3", kind="static")
    found = rater_curves({"annotations": [mean, by("1"), by("2"), by("3", "b"), static, program]})
    assert {group: len(curves) for group, curves in found.items()} == {"": 2, "b": 1}


def test_labels_longer_than_a_segment_count_in_each_that_they_cover():
    curve = EmotionCurve(np.array([1.0, 3.3]), np.array([[0.1, 0.2], [0.3, 0.4]]), 2.3)
    labels, mask = on_grid(curve, 14, 0.5)
    # From 1 to 5.6 s; the last segment is covered by a fifth.
    assert np.flatnonzero(mask).tolist() == list(range(2, 11))
    np.testing.assert_allclose(labels[2:6], [[0.1, 0.2]] * 4)
    np.testing.assert_allclose(labels[6], [0.6 * 0.1 + 0.4 * 0.3, 0.6 * 0.2 + 0.4 * 0.4])
    np.testing.assert_allclose(labels[7:11], [[0.3, 0.4]] * 4)
    assert not labels[~mask].any()
