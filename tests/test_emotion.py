"""The task module for valence-arousal: mir_eval's four kinds of test, then independent oracles."""

from __future__ import annotations

import json
import math
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import audmetric
import mir_eval
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import r2_score

from mer_plugins import Scale, emotion

FIXTURES = Path(__file__).parent / "fixtures" / "emotion"
MAKE = runpy.run_path(str(FIXTURES / "make_fixtures.py"))
CASES = sorted(path.stem[-2:] for path in FIXTURES.glob("ref*.csv"))
NAMES = ("valence", "arousal")
NOTHING = np.array([])
TIMES = np.arange(40) * 0.5
VALUES = MAKE["walk"](np.random.default_rng(1), 40)
CURVE = (TIMES, VALUES)


def song(i):
    return (*MAKE["read"](FIXTURES / f"ref{i}.csv"), *MAKE["read"](FIXTURES / f"est{i}.csv"))


def matched(reference, estimate):
    """Score values that share one grid."""
    times = np.arange(len(reference)) * 0.5
    return emotion.evaluate(times, reference, times, estimate)


def both(series):
    return np.column_stack([series, series])


# Empty


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ((NOTHING, NOTHING, *CURVE), "Reference has no labelled interval"),
        ((TIMES, np.full((40, 2), np.nan), *CURVE), "Reference has no labelled interval"),
        ((*CURVE, NOTHING, NOTHING), "Estimate is empty"),
        ((*CURVE, TIMES + 100, VALUES), "covers no labelled interval"),
    ],
)
def test_an_empty_curve_warns_and_scores_nothing(curves, message):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = emotion.evaluate(*curves)
    assert any(message in str(w.message) for w in caught)
    assert scores["matched frames"] == 0
    for dimension in NAMES:
        for metric in (*emotion.METRICS, *emotion.LAG_METRICS):
            assert math.isnan(scores[f"{dimension} {metric}"]), metric


def test_both_curves_empty_warn_of_both():
    with pytest.warns(UserWarning) as caught:
        emotion.validate(NOTHING, NOTHING, NOTHING, NOTHING)
    assert len(caught) == 2


# Malformed


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        (TIMES[:, np.newaxis], VALUES, r"times have shape \(40, 1\): expected \(n,\)"),
        (TIMES[::-1], VALUES, "times go from 19.5 to 19: expected strictly increasing"),
        (np.zeros(40), VALUES, "times go from 0 to 0: expected strictly increasing"),
        (TIMES - 1, VALUES, "times begin at -1: expected no negative time"),
        (TIMES * 10_000, VALUES, "times reach 195000: expected at most 30000 .are they seconds"),
        (np.where(TIMES == 1, np.nan, TIMES), VALUES, "times hold NaN or infinity"),
        (TIMES, VALUES[:-1], r"values have shape \(39, 2\): expected \(40, 2\)"),
        (TIMES, VALUES[:, 0], r"values have shape \(40,\): expected \(40, 2\)"),
        (TIMES, VALUES.T, r"values have shape \(2, 40\): expected \(40, 2\)"),
        (TIMES, Scale(1, 9).from_unit(VALUES), r"values reach .*: expected .* in \[-1, 1\]; conv"),
        (TIMES, np.where(TIMES[:, np.newaxis] == 2, -np.inf, VALUES), "values reach -inf"),
        (NOTHING, VALUES, r"values have shape \(40, 2\): expected \(0, 2\)"),
    ],
)
@pytest.mark.parametrize("side", ["reference", "estimated"])
def test_a_malformed_curve_is_an_error_that_names_it(side, times, values, message):
    curves = (times, values, *CURVE) if side == "reference" else (*CURVE, times, values)
    with pytest.raises(ValueError, match=f"{side} {message}"):
        emotion.validate(*curves)
    with pytest.raises(ValueError, match=f"{side} {message}"):
        emotion.evaluate(*curves)


def test_only_the_reference_may_lack_values():
    gap = np.where(TIMES[:, np.newaxis] == 3, np.nan, VALUES)
    emotion.validate(TIMES, gap, *CURVE)
    with pytest.raises(ValueError, match="estimated values hold NaN"):
        emotion.validate(*CURVE, TIMES, gap)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reference_hop_s": 0}, "reference_hop_s is 0: expected a positive number of seconds"),
        ({"estimated_hop_s": math.nan}, "estimated_hop_s is nan: expected a positive"),
        ({"max_lag_s": -1}, "max_lag_s is -1: expected seconds, not negative"),
        ({"lag_step_s": 0}, "lag_step_s is 0: expected a positive"),
    ],
)
def test_a_malformed_option_is_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        emotion.evaluate(*CURVE, *CURVE, **options)


@pytest.mark.parametrize("metric", [emotion.ccc, emotion.rmse, emotion.error_parts])
def test_metrics_want_two_finite_series_of_one_length(metric):
    with pytest.raises(ValueError, match=r"reference has shape \(3,\), estimate \(2,\)"):
        metric([0, 1, 2], [0, 1])
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        metric([[0, 1], [1, 2]], [[0, 1], [1, 2]])
    with pytest.raises(ValueError, match="NaN or infinity"):
        metric([0, 1], [0, math.nan])


# Perfect


@pytest.mark.parametrize("i", CASES)
def test_a_perfect_estimate_has_the_best_scores(i):
    times, values = song(i)[:2]
    labelled = ~np.isnan(values).any(axis=1)
    scores = emotion.evaluate(times, values, times[labelled], values[labelled])
    assert scores["coverage"] == 1
    best = {"ccc": 1, "pcc": 1, "rmse": 0, "mae": 0, "r2": 1, "bias": 0, "scale": 1}
    best |= {"ccc centred": 1, "mse level": 0, "mse spread": 0, "mse shape": 0}
    best |= {"lag_s": 0, "pcc at lag": 1, "ccc at lag": 1} | dict.fromkeys(emotion.FLAGS, 0)
    for dimension in NAMES:
        assert {m: scores[f"{dimension} {m}"] for m in best} == pytest.approx(best, abs=1e-12)


# Regression


@pytest.mark.parametrize("i", CASES)
def test_scores_stay_as_they_are(i):
    frozen = json.loads((FIXTURES / f"output{i}.json").read_text())
    assert_frozen(emotion.evaluate(*song(i)), frozen)


def test_aggregates_stay_as_they_are():
    frozen = json.loads((FIXTURES / "aggregate.json").read_text())
    assert_frozen(emotion.aggregate([song(i) for i in CASES]), frozen)


def assert_frozen(scores, frozen):
    expected = {name: math.nan if x is None else x for name, x in frozen.items()}
    assert list(scores) == list(expected)
    assert all(type(x) is float for x in scores.values())
    assert scores == pytest.approx(expected, abs=1e-12, rel=1e-12, nan_ok=True)


def test_the_script_still_makes_these_fixtures(tmp_path):
    MAKE["write"](tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {path.name for path in FIXTURES.iterdir() if path.suffix in (".csv", ".json")}
    for i in CASES:
        for name in (f"ref{i}.csv", f"est{i}.csv"):
            for new, old in zip(
                MAKE["read"](tmp_path / name), MAKE["read"](FIXTURES / name), strict=True
            ):
                np.testing.assert_allclose(new, old, atol=2e-6)


# Independent oracles


@pytest.mark.parametrize("i", CASES)
def test_metrics_equal_audmetric_and_scikit_learn(i):
    _, reference, estimate = emotion.match(*song(i))
    for r, e in zip(reference.T, estimate.T, strict=True):
        if np.ptp(e):
            assert emotion.pcc(r, e) == pytest.approx(audmetric.pearson_cc(r, e), abs=1e-12)
        assert emotion.ccc(r, e) == pytest.approx(audmetric.concordance_cc(r, e), abs=1e-12)
        assert emotion.rmse(r, e) ** 2 == pytest.approx(audmetric.mean_squared_error(r, e))
        assert emotion.mae(r, e) == pytest.approx(audmetric.mean_absolute_error(r, e))
        assert emotion.r2(r, e) == pytest.approx(r2_score(r, e), abs=1e-12)


def slow_match(reference_times, reference_values, estimated_times, estimated_values):
    """Sample both curves every millisecond and average: the rule of matching, by brute force."""

    def at(times, milliseconds):
        starts = np.round(times * 1000).astype(int)
        hop = round(1000 * float(np.median(np.diff(times))))
        row = np.searchsorted(starts, milliseconds, side="right") - 1
        return np.where((row >= 0) & (milliseconds < starts[row] + hop), row, -1)

    clock = np.arange(round(1000 * max(reference_times[-1], estimated_times[-1])) + 10_000)
    rows, columns = at(reference_times, clock), at(estimated_times, clock)
    pairs = []
    for row, value in enumerate(reference_values):
        inside = columns[rows == row]
        if not np.isnan(value).any() and (inside >= 0).mean() >= 0.5:
            pairs.append((value, estimated_values[inside[inside >= 0]].mean(axis=0)))
    return np.array(pairs).transpose(1, 0, 2)


@pytest.mark.parametrize("i", CASES)
def test_matching_equals_brute_force_on_every_grid(i):
    reference, estimate = slow_match(*song(i))
    _, found_reference, found_estimate = emotion.match(*song(i))
    np.testing.assert_array_equal(found_reference, reference)
    np.testing.assert_allclose(found_estimate, estimate, atol=1e-12)


def test_closed_form_of_a_wrong_level():
    r = VALUES[:, 0]
    for offset in (0.05, 0.15):
        expected = 1 / (1 + offset**2 / (2 * r.var()))
        assert emotion.ccc(r, r + offset) == pytest.approx(expected, abs=1e-12)
        assert emotion.ccc_centred(r, r + offset) == pytest.approx(1)
        parts = emotion.error_parts(r, r + offset)
        assert parts == pytest.approx((offset**2, 0, 0), abs=1e-12)


@pytest.mark.parametrize("factor", [0.1, 0.5, 2.0, -1.0])
def test_closed_form_of_a_wrong_scale(factor):
    r = VALUES[:, 1] - VALUES[:, 1].mean()
    expected = 2 * factor / (1 + factor**2)
    assert emotion.ccc(r, factor * r) == pytest.approx(expected, abs=1e-12)
    assert emotion.ccc_centred(r, factor * r + 0.3) == pytest.approx(expected, abs=1e-12)
    assert emotion.scale(r, factor * r) == pytest.approx(abs(factor))
    assert emotion.r2(r, factor * r) == pytest.approx(1 - (1 - factor) ** 2)


def test_moments_divide_by_n_throughout():
    # A 1/n covariance over 1/(n - 1) variances would give identity (n - 1)/n.
    assert emotion.ccc([0, 1], [0, 1]) == 1
    # Lin's estimate by hand: means 2 and 3, variances 2/3, covariance 2/3.
    assert emotion.ccc([1, 2, 3], [2, 3, 4]) == pytest.approx((4 / 3) / (4 / 3 + 1))


# Degenerate cases

FLAT = np.full(10, 0.1)
SLOPE = np.linspace(-0.5, 0.5, 10)


@pytest.mark.parametrize(
    ("reference", "estimate", "ccc", "r2", "scale", "flags"),
    [
        (SLOPE, FLAT, 0, 1 - (0.1**2 + SLOPE.var()) / SLOPE.var(), 0, (1, 0, 1)),
        (FLAT, SLOPE, 0, 0, math.nan, (1, 1, 0)),
        (FLAT, FLAT, 1, 1, math.nan, (1, 1, 1)),
        (FLAT, FLAT + 0.2, 0, 0, math.nan, (1, 1, 1)),
        (FLAT, FLAT * 3 / 3, 1, 1, math.nan, (1, 1, 1)),
    ],
)
def test_constant_curves_have_defined_and_flagged_scores(
    reference, estimate, ccc, r2, scale, flags
):
    scores = matched(both(reference), both(estimate))
    for dimension in NAMES:
        found = {name: scores[f"{dimension} {name}"] for name in ("ccc", "pcc", "r2", "scale")}
        expected = {"ccc": ccc, "pcc": math.nan, "r2": r2, "scale": scale}
        assert found == pytest.approx(expected, abs=1e-12, nan_ok=True)
        assert tuple(scores[f"{dimension} {flag}"] for flag in emotion.FLAGS) == flags
        assert math.isnan(scores[f"{dimension} lag_s"])
        assert scores[f"{dimension} ccc at lag"] == ccc


def test_a_varying_curve_is_not_flagged():
    scores = matched(VALUES, VALUES[::-1])
    assert sum(scores[f"{d} {flag}"] for d in NAMES for flag in emotion.FLAGS) == 0


def test_a_single_interval_has_errors_but_no_correlation():
    scores = emotion.evaluate([15.0], [[0.1, 0.2]], TIMES, np.full((40, 2), 0.5))
    assert scores["matched frames"] == 1
    assert scores["valence rmse"] == pytest.approx(0.4)
    for metric in ("ccc", "pcc", "r2", "scale", "ccc centred", "lag_s", "ccc at lag"):
        assert math.isnan(scores[f"valence {metric}"]), metric


def test_two_single_values_last_equally_long():
    pair = ([1.0], [[0.1, 0.2]], [1.0], [[0.1, 0.3]])
    for hops in ({}, {"reference_hop_s": 30}, {"estimated_hop_s": 0.5}):
        scores = emotion.evaluate(*pair, **hops)
        assert scores["coverage"] == 1
        assert scores["arousal rmse"] == pytest.approx(0.1) and math.isnan(scores["arousal ccc"])
    assert emotion.aggregate([pair, pair])["song-level songs"] == 2


def test_a_single_value_lasts_as_long_as_the_hop_that_is_given_for_the_other():
    curve = (np.arange(10) * 0.5, np.full((10, 2), 0.1))
    found = emotion.evaluate([0.0], [[0.1, 0.2]], *curve, estimated_hop_s=0.2)
    assert found["coverage"] == 1
    with pytest.warns(UserWarning, match="covers no labelled interval"):
        late = emotion.evaluate([4.65], [[0.1, 0.2]], *curve, estimated_hop_s=0.2)
    assert late["coverage"] == 0


def test_a_curve_that_hardly_moves_is_not_constant():
    # JAMS files of ours keep six decimals; single precision would lose this movement.
    movement = 1e-6 * np.sin(TIMES)
    movement -= movement.mean()
    assert emotion.ccc(0.8 + movement, 0.8 + 2 * movement) == pytest.approx(0.8, abs=1e-6)
    assert emotion.pcc(0.8 + movement, 0.8 + 2 * movement) == pytest.approx(1, abs=1e-6)


# Properties

UNIT = st.integers(-1000, 1000).map(lambda k: k / 1000)


@st.composite
def pairs(draw, least=2):
    n = draw(st.integers(least, 30))
    return tuple(draw(hnp.arrays(float, n, elements=UNIT)) for _ in range(2))


@given(pairs())
def test_ccc_is_symmetric_and_within_bounds(pair):
    r, e = pair
    assert emotion.ccc(r, e) == pytest.approx(emotion.ccc(e, r), abs=1e-12)
    assert -1 <= emotion.ccc(r, e) <= 1
    if np.ptp(r) and np.ptp(e):
        assert abs(emotion.ccc(r, e)) <= abs(emotion.ccc_centred(r, e)) + 1e-12
        assert abs(emotion.ccc_centred(r, e)) <= abs(emotion.pcc(r, e)) + 1e-12


@given(pairs(), st.floats(0.1, 10), st.floats(-5, 5))
def test_scores_do_not_depend_on_the_unit(pair, factor, offset):
    r, e = pair
    assume(np.ptp(r) > 0 and np.ptp(e) > 0)
    moved = factor * r + offset, factor * e + offset
    for metric in (emotion.ccc, emotion.pcc, emotion.scale):
        assert metric(*moved) == pytest.approx(metric(r, e), abs=1e-9)
    for metric in (emotion.rmse, emotion.mae, emotion.bias):
        assert metric(*moved) == pytest.approx(factor * metric(r, e), abs=1e-9)
    # Correlation alone also ignores a unit that only the estimate has.
    assert emotion.pcc(r, moved[1]) == pytest.approx(emotion.pcc(r, e), abs=1e-9)


@given(pairs(least=1))
def test_the_parts_of_the_error_add_up(pair):
    parts = emotion.error_parts(*pair)
    assert min(parts) >= 0
    assert sum(parts) == pytest.approx(emotion.rmse(*pair) ** 2, abs=1e-12)
    assert parts[0] == pytest.approx(emotion.bias(*pair) ** 2, abs=1e-12)
    assert emotion.mae(*pair) <= emotion.rmse(*pair) + 1e-12


@given(pairs(), st.randoms(use_true_random=False))
def test_the_order_of_frames_does_not_matter(pair, random):
    order = list(range(len(pair[0])))
    random.shuffle(order)
    for metric in (emotion.ccc, emotion.pcc, emotion.rmse, emotion.r2):
        found = metric(pair[0][order], pair[1][order])
        assert found == pytest.approx(metric(*pair), abs=1e-9, rel=1e-9, nan_ok=True)


@settings(max_examples=50)
@given(st.integers(-6, 6), st.integers(0, 2**32 - 1))
def test_any_shift_within_three_seconds_is_recovered(steps, seed):
    values = MAKE["walk"](np.random.default_rng(seed), 60)
    times = np.arange(60) * 0.5 + 5
    for lag in emotion.best_lag(times, values, times + 0.5 * steps, values):
        assert lag == pytest.approx((0.5 * steps, 1, 1), abs=1e-9)


@settings(max_examples=50)
@given(st.floats(0, 1000), st.integers(0, 2**32 - 1))
def test_scores_do_not_depend_on_where_time_begins(start_s, seed):
    rng = np.random.default_rng(seed)
    reference, estimate = MAKE["walk"](rng, 20), MAKE["walk"](rng, 20)
    moved = emotion.evaluate(TIMES[:20] + start_s, reference, TIMES[:20] + start_s, estimate)
    assert moved == pytest.approx(matched(reference, estimate), abs=1e-9)


# Calling conventions


def test_it_is_called_as_mir_eval_calls_its_tasks(tmp_path):
    columns = mir_eval.io.load_delimited(str(FIXTURES / "ref00.csv"), [str] * 3, delimiter=",")
    times, *values = (np.array(column[1:], dtype=float) for column in columns)
    found = mir_eval.util.filter_kwargs(
        emotion.evaluate, times, np.column_stack(values), *song("00")[2:], max_lag_s=1.0
    )
    assert found["valence ccc"] == emotion.evaluate(*song("00"))["valence ccc"]
    lag = mir_eval.util.filter_kwargs(emotion.best_lag, *song("01"), max_lag_s=1.0, window=3)
    assert abs(lag[0].lag_s) <= 1
    assert mir_eval.util.filter_kwargs(emotion.ccc, [0, 1], [0, 1], window=3) == 1


def test_an_unknown_option_is_ignored_and_named():
    with pytest.warns(UserWarning, match="Ignored, not known here: max_lag, window"):
        found = emotion.evaluate(*CURVE, *CURVE, window=3, max_lag=1, max_lag_s=2)
    assert found == emotion.evaluate(*CURVE, *CURVE, max_lag_s=2)


def test_plain_lists_will_do():
    curves = (TIMES.tolist(), VALUES.tolist())
    assert emotion.evaluate(*curves, *curves) == emotion.evaluate(*CURVE, *CURVE)


def test_the_curves_given_are_not_changed():
    kept = [array.copy() for array in (*CURVE, *CURVE)]
    emotion.evaluate(*CURVE, *CURVE)
    for before, after in zip(kept, (*CURVE, *CURVE), strict=True):
        np.testing.assert_array_equal(before, after)


def test_importing_it_imports_no_heavy_library():
    code = (
        "import sys, mer_plugins.emotion;"
        "print({'torch', 'jams', 'audmetric', 'scipy', 'mir_eval', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
