"""mir_eval's calling conventions, against the emotion module's own."""

from __future__ import annotations

import math

import audmetric
import numpy as np
import pytest
from mir_eval.util import filter_kwargs

from mer_adapters import mir_eval_bridge
from mer_plugins import emotion

TIMES = np.arange(40) * 0.5
INTERVALS = np.stack([TIMES, TIMES + 0.5], axis=1)
RNG = np.random.default_rng(0)
VALUES = RNG.uniform(-0.5, 0.5, (40, 2))
ESTIMATE = VALUES + RNG.uniform(-0.3, 0.3, (40, 2))


def test_equal_intervals_are_scored_as_times_are():
    found = mir_eval_bridge.evaluate(INTERVALS, VALUES, INTERVALS, ESTIMATE)
    assert list(found.items()) == list(emotion.evaluate(TIMES, VALUES, TIMES, ESTIMATE).items())


def test_unequal_intervals_last_as_long_as_they_say():
    edges = np.array([0.0, 1.0, 4.0, 4.5, 10.0])
    sections = np.stack([edges[:-1], edges[1:]], axis=1)
    levels = RNG.uniform(-0.5, 0.5, (4, 2))
    found = mir_eval_bridge.evaluate(sections, levels, INTERVALS, ESTIMATE)
    means = [ESTIMATE[(a <= TIMES) & (b > TIMES)].mean(axis=0) for a, b in sections]
    assert found["labelled frames"] == found["matched frames"] == 4
    for d, name in enumerate(("valence", "arousal")):
        expected = audmetric.concordance_cc(levels[:, d], np.array(means)[:, d])
        assert found[f"{name} ccc"] == pytest.approx(expected, abs=1e-9)


def test_gaps_and_nan_labels_are_not_scored():
    values = VALUES.copy()
    values[3] = math.nan
    kept = np.arange(40) != 7
    found = mir_eval_bridge.evaluate(INTERVALS[kept], values[kept], INTERVALS, ESTIMATE)
    assert found["labelled frames"] == 38 and found["coverage"] == 1
    nothing = mir_eval_bridge.evaluate(np.empty((0, 2)), np.empty((0, 2)), INTERVALS, ESTIMATE)
    assert nothing["labelled frames"] == 0 and math.isnan(nothing["valence ccc"])


def test_a_file_of_four_columns_is_read(tmp_path):
    rows = ["0,0.5,0.1,-0.2", "0.5 1.5 0.3 nan"]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    intervals, values = mir_eval_bridge.load_valence_arousal(tmp_path / "a.csv")
    assert intervals.tolist() == [[0, 0.5], [0.5, 1.5]] and values[0].tolist() == [0.1, -0.2]
    assert mir_eval_bridge.evaluate(intervals, values, INTERVALS, ESTIMATE)["labelled frames"] == 1
    (tmp_path / "b.csv").write_text("0,0.5,0.1\n")
    with pytest.raises(ValueError, match="Expected 4 columns"):
        mir_eval_bridge.load_valence_arousal(tmp_path / "b.csv")


@pytest.mark.parametrize(
    ("intervals", "values", "line"),
    [
        ([[0, 0.5], [0.4, 1]], VALUES[:2], "reference interval .* expected sorted"),
        ([[0.5, 1], [0, 0.5]], VALUES[:2], "reference interval .* expected sorted"),
        ([[0.5, 0.5]], VALUES[:1], "strictly positive"),
        ([[-1, 0.5]], VALUES[:1], "Negative interval"),
        ([0, 0.5], VALUES[:1], "array was expected|ndarray|shape"),
        ([[0, 0.5, 1]], VALUES[:1], "shape"),
        ([[0, math.inf]], VALUES[:1], "reference intervals reach inf"),
        ([[0, math.nan]], VALUES[:1], "reference intervals reach nan"),
        ([[0, 1.5e6]], VALUES[:1], "are they seconds"),
        ([[0, 0.5]], VALUES[:2], "reference values have shape"),
        ([[0, 0.5]], [[5, 5]], "reference values reach 5"),
    ],
)
def test_what_is_malformed_is_one_clear_line(intervals, values, line):
    with pytest.raises(ValueError, match=line):
        mir_eval_bridge.evaluate(intervals, values, INTERVALS, ESTIMATE)


def test_estimates_hold_no_nan():
    with pytest.raises(ValueError, match="estimated values hold NaN"):
        mir_eval_bridge.evaluate(INTERVALS, VALUES, INTERVALS[:1], [[math.nan, 0]])


def test_mir_evals_own_calls_work():
    found = filter_kwargs(
        mir_eval_bridge.evaluate, INTERVALS, VALUES, INTERVALS, ESTIMATE, max_lag_s=1.0
    )
    assert abs(found["valence lag_s"]) <= 1
    with pytest.warns(UserWarning, match="Ignored, not known here: window"):
        mir_eval_bridge.evaluate(INTERVALS, VALUES, INTERVALS, ESTIMATE, window=3)
