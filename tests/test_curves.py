"""Curves and scales: what enters is converted once, what is wrong is refused with its value."""

from __future__ import annotations

import ast
import subprocess
import sys
from io import BytesIO
from itertools import pairwise

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
        ({"values": np.array([[0, 0], [0, -1.0001]])}, "reach -1.0001"),
        ({"values": np.zeros(2)}, r"values have shape \(2,\): expected \(2, 2\) for 2 times"),
        ({"values": np.zeros((2, 3))}, r"shape \(2, 3\)"),
        ({"times": np.array([0.5, 0.0])}, "increase strictly"),
        ({"times": np.array([0.0, np.inf])}, "infinity"),
        ({"times": np.zeros(0)}, r"expected \(0, 2\) for 0 times"),
        ({"hop_s": -0.5}, "hop_s is -0.5"),
        ({"hop_s": np.nan}, "hop_s is nan"),
        ({"hop_s": np.inf}, "hop_s is inf"),
        ({"std": np.array([[0.1, 0.1], [-0.1, 0]])}, "std reaches -0.1"),
        ({"std": np.zeros((1, 2))}, r"std have shape \(1, 2\)"),
        ({"std": np.full((2, 2), np.nan)}, "std hold NaN"),
    ],
)
def test_what_is_wrong_is_refused_with_its_value(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        EmotionCurve(**({"times": TIMES, "values": VALUES, "hop_s": 0.5} | change))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((1, 1), "from 1 to 1: low must be below high"),
        ((9, 1), "from 9 to 1: low must be below high"),
        ((0, float("nan")), "from 0 to nan"),
        ((0, 1, ("valence", "valence")), "expected both of"),
        ((0, 1, ("valence",)), "expected both of"),
        ((0, 1, ("valence", "arousal", "dominance")), "expected both of"),
        ((0, 1, ("Valence", "Arousal")), "expected both of"),
    ],
)
def test_impossible_scales(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        Scale(*arguments)


@given(
    low=st.floats(-100, 100),
    span=st.floats(0.1, 100),
    swapped=st.booleans(),
    shape=st.lists(st.integers(0, 4), max_size=2),
    seed=st.integers(0, 2**32 - 1),
)
def test_native_values_there_and_back_in_any_shape(low, span, swapped, shape, seed):
    order = ("arousal", "valence") if swapped else ("valence", "arousal")
    scale = Scale(low, low + span, order)
    native = np.random.default_rng(seed).uniform(low, low + span, (*shape, 2))
    given_values = native.copy()
    unit = scale.to_unit(native)
    assert unit.shape == native.shape and np.all(np.abs(unit) <= 1 + 1e-9)
    np.testing.assert_allclose(scale.from_unit(unit), native, atol=1e-9)
    np.testing.assert_array_equal(native, given_values)


@pytest.mark.parametrize("order", [("valence", "arousal"), ("arousal", "valence")])
def test_the_ends_of_a_scale_become_exactly_one(order):
    scale = Scale(1, 9, order)
    (unit,) = scale.to_unit(np.array([[1, 9]]))
    assert dict(zip(("valence", "arousal"), unit, strict=True)) == {order[0]: -1, order[1]: 1}
    np.testing.assert_array_equal(scale.to_unit(np.array([1, 1])), [-1, -1])
    assert str(scale) == f"({order[0]}, {order[1]}) in [1, 9]"


def test_a_curve_tells_its_columns_and_its_length():
    whole = EmotionCurve(TIMES + 2, VALUES, 0.5, std=np.full((2, 2), 0.1))
    assert len(whole) == 2 and whole.duration_s == 1.0
    np.testing.assert_array_equal(whole.valence, [0.1, 0.3])
    np.testing.assert_array_equal(whole.arousal, [-0.2, 0.0])
    empty = EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5)
    assert len(empty) == 0 and empty.duration_s == 0.0


@given(n=st.integers(1, 30), cuts=st.lists(st.integers(0, 30), max_size=5), std=st.booleans())
def test_however_a_curve_is_cut_its_parts_join_to_it(n, cuts, std):
    rng = np.random.default_rng(n)
    times, values = np.arange(n) * 0.5, rng.uniform(-1, 1, (n, 2))
    spread = rng.uniform(0, 1, (n, 2)) if std else None
    edges = [0, *sorted(min(cut, n) for cut in cuts), n]
    parts = [
        EmotionCurve(times[a:b], values[a:b], 0.5, None if spread is None else spread[a:b])
        for a, b in pairwise(edges)
    ]
    whole = concatenate(parts)
    np.testing.assert_array_equal(whole.times, times)
    np.testing.assert_array_equal(whole.values, values)
    if spread is None:
        assert whole.std is None
    else:
        np.testing.assert_array_equal(whole.std, spread)
    assert whole.hop_s == 0.5


def test_no_parts_make_no_curve():
    with pytest.raises(ValueError, match="expected parts of one hop"):
        concatenate([])


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


def test_an_order_given_as_a_list_does_not_swap_the_columns():
    values = np.array([[0.1, 0.9]])
    np.testing.assert_allclose(Scale(order=["valence", "arousal"]).to_unit(values), values)
    swapped = Scale(order=["arousal", "valence"]).to_unit(values)
    np.testing.assert_allclose(swapped, [[0.9, 0.1]])


def test_an_infinite_scale_is_refused():
    with pytest.raises(ValueError, match="finite"):
        Scale(-np.inf, 1)


def test_lists_become_arrays():
    curve = EmotionCurve([0.0, 0.5], [[0.1, 0.2], [0.3, 0.4]], 0.5)
    np.testing.assert_array_equal(curve.arousal, [0.2, 0.4])


def test_an_empty_part_does_not_take_the_deviation_away_and_a_mixture_is_refused():
    known = EmotionCurve(TIMES, VALUES, 0.5, np.full((2, 2), 0.1))
    empty = EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5)
    np.testing.assert_array_equal(concatenate([known, empty]).std, known.std)
    with pytest.raises(ValueError, match="all or none"):
        concatenate([known, EmotionCurve(TIMES + 1, VALUES, 0.5)])


def test_a_table_has_a_column_a_dimension_and_the_time_as_index():
    table = EmotionCurve(TIMES, VALUES, 0.5).to_pandas()
    assert list(table.columns) == ["valence", "arousal"] and table.index.name == "time"
    np.testing.assert_array_equal(table.index, TIMES)
    np.testing.assert_array_equal(table, VALUES)


def test_a_table_has_the_deviations_where_there_are_any():
    std = np.array([[0.1, 0.2], [0.3, 0.4]])
    table = EmotionCurve(TIMES, VALUES, 0.5, std).to_pandas()
    assert list(table.columns) == ["valence", "arousal", "valence_std", "arousal_std"]
    np.testing.assert_array_equal(table[["valence_std", "arousal_std"]], std)


def test_a_table_is_a_copy_and_an_empty_curve_an_empty_table():
    curve = EmotionCurve(TIMES, VALUES.copy(), 0.5)
    table = curve.to_pandas()
    table.loc[0.0, "valence"] = 0.9
    assert curve.valence[0] == 0.1
    empty = EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5).to_pandas()
    assert empty.shape == (0, 2) and empty.index.name == "time"


def test_a_notebook_gets_a_picture_of_the_curve():
    from matplotlib.image import imread

    picture = EmotionCurve(TIMES, VALUES, 0.5)._repr_png_()
    pixels = imread(BytesIO(picture), format="png")
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 10
    assert EmotionCurve(TIMES, -VALUES, 0.5)._repr_png_() != picture


def test_an_empty_curve_has_no_picture():
    assert EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5)._repr_png_() is None


def test_curves_need_numpy_alone():
    code = (
        "import sys, mer_plugins.curves; "
        "print({m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"pandas", "matplotlib", "scipy", "torch"}.isdisjoint(ast.literal_eval(done.stdout))
    assert {"numpy", "mer_plugins"} <= ast.literal_eval(done.stdout)
