"""Curves and scales: what enters is converted once, what is wrong is refused with its value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_plugins import EmotionCurve, Scale
from mer_plugins.curves import concatenate

TIMES, VALUES = np.array([0.0, 0.5]), np.array([[0.1, -0.2], [0.3, 0.0]])


@given(
    low=st.floats(-100, 100),
    span=st.floats(0.1, 100),
    swapped=st.booleans(),
    pair=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_a_scale_there_and_back(low, span, swapped, pair):
    order = ("arousal", "valence") if swapped else ("valence", "arousal")
    scale = Scale(low, low + span, order)
    native = scale.from_unit(np.array([pair]))
    assert native.min() >= low - 1e-6 and native.max() <= low + span + 1e-6
    np.testing.assert_allclose(scale.to_unit(native), [pair], atol=1e-9)


def test_essentias_scale_and_a_swapped_one():
    np.testing.assert_allclose(Scale(1, 9).to_unit(np.array([[1.0, 7.0]])), [[-1, 0.5]])
    swapped = Scale(0, 1, ("arousal", "valence"))
    np.testing.assert_allclose(swapped.to_unit(np.array([[1.0, 0.5]])), [[0, 1]])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"times": np.array([[0.0], [0.5]])}, r"times have shape \(2, 1\)"),
        ({"times": np.array([0.5, 0.5])}, "increase strictly"),
        ({"times": np.array([-0.5, 0.0])}, "not be negative"),
        ({"times": np.array([0.0, np.nan])}, "NaN"),
        ({"values": np.zeros((3, 2))}, r"expected \(2, 2\)"),
        ({"values": np.array([[0, 0], [np.nan, 0]])}, "NaN"),
        ({"values": np.array([[0, 0], [5.0, 0]])}, "reach 5.*Scale.to_unit"),
        ({"hop_s": 0.0}, "hop_s is 0"),
        ({"std": np.array([[0.1, 0.1], [-0.1, 0]])}, "std reaches -0.1"),
    ],
)
def test_what_is_wrong_is_refused_with_its_value(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        EmotionCurve(**({"times": TIMES, "values": VALUES, "hop_s": 0.5} | change))


@pytest.mark.parametrize(("low", "high", "order"), [(1, 1, None), (0, 1, ("valence", "valence"))])
def test_impossible_scales(low, high, order):
    with pytest.raises(ValueError, match="expected|must be below"):
        Scale(low, high, order or ("valence", "arousal"))


def test_parts_join_to_the_whole_and_empty_parts_do_no_harm():
    empty = EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5)
    later = EmotionCurve(TIMES + 1, VALUES, 0.5)
    whole = concatenate([EmotionCurve(TIMES, VALUES, 0.5), empty, later])
    np.testing.assert_array_equal(whole.times, [0, 0.5, 1, 1.5])
    assert whole.duration_s == 2.0
    with pytest.raises(ValueError, match="increase strictly"):
        concatenate([later, later])
    with pytest.raises(ValueError, match="one hop"):
        concatenate([later, EmotionCurve(TIMES + 5, VALUES, 1.0)])
