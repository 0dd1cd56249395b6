"""Valence-arousal scores in time and over songs: matching, lag, aggregation."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import audmetric
import numpy as np
import pytest

from mer_plugins import emotion

FIXTURES = Path(__file__).parent / "fixtures" / "emotion"
MAKE = runpy.run_path(str(FIXTURES / "make_fixtures.py"))
CASES = sorted(path.stem[-2:] for path in FIXTURES.glob("ref*.csv"))
NAMES = ("valence", "arousal")
TIMES = np.arange(40) * 0.5
VALUES = MAKE["walk"](np.random.default_rng(1), 40)
CURVE = (TIMES, VALUES)


def song(i):
    return (*MAKE["read"](FIXTURES / f"ref{i}.csv"), *MAKE["read"](FIXTURES / f"est{i}.csv"))


# Matching in time


def test_only_labelled_time_is_scored():
    gap = np.where((TIMES[:, np.newaxis] >= 5) & (TIMES[:, np.newaxis] < 10), np.nan, VALUES)
    wild = np.where(np.isnan(gap), -1.0, VALUES)
    scores = emotion.evaluate(TIMES, gap, TIMES, wild)
    assert (scores["labelled frames"], scores["matched frames"]) == (30, 30)
    assert scores["valence ccc"] == scores["arousal ccc"] == 1


def test_half_a_label_is_none():
    half = VALUES.copy()
    half[4, 1] = np.nan
    assert emotion.evaluate(TIMES, half, *CURVE)["labelled frames"] == 39


def test_labels_that_begin_late_are_met_by_the_estimate_of_that_time():
    scores = emotion.evaluate(TIMES[30:], VALUES[30:], *CURVE)
    assert scores["coverage"] == scores["valence ccc"] == 1


def test_an_estimate_is_not_stretched_over_what_it_does_not_cover():
    times, reference, _ = emotion.match(*CURVE, TIMES[5:12], VALUES[5:12])
    np.testing.assert_array_equal(times, TIMES[5:12])
    np.testing.assert_array_equal(reference, VALUES[5:12])
    assert emotion.evaluate(*CURVE, TIMES[5:12], VALUES[5:12])["coverage"] == 7 / 40


def test_a_gap_in_the_estimate_is_not_filled():
    kept = np.r_[0:10, 20:40]
    assert len(emotion.match(*CURVE, TIMES[kept], VALUES[kept])[0]) == 30


def test_a_stated_hop_holds_values_longer():
    sparse = (TIMES[::5], VALUES[::5])
    assert len(emotion.match(*CURVE, *sparse, estimated_hop_s=0.5)[0]) == 8
    assert len(emotion.match(*CURVE, *sparse)[0]) == 40


def test_an_interval_ends_where_the_next_begins():
    _, reference, estimate = emotion.match(*CURVE, *CURVE, reference_hop_s=5, estimated_hop_s=5)
    # The last one lasts the hop.
    np.testing.assert_array_equal(estimate, reference)
    np.testing.assert_array_equal(reference, VALUES)


@pytest.mark.parametrize(("covered_s", "frames"), [(0.24, 1), (0.25, 2), (0.26, 2)])
def test_half_an_interval_is_enough(covered_s, frames):
    late = np.array([0.5 - covered_s, 0.5])
    found, _, _ = emotion.match(TIMES[:2], VALUES[:2], late, VALUES[:2], estimated_hop_s=0.5)
    assert len(found) == frames


def test_rounded_times_change_nothing():
    jitter = TIMES + np.random.default_rng(3).uniform(0, 1e-9, 40)
    scores = emotion.evaluate(jitter, VALUES, *CURVE)
    assert scores["matched frames"] == 40
    assert scores["valence rmse"] < 1e-8


def test_swapped_dimensions_are_scored_as_swapped():
    swapped = emotion.evaluate(*CURVE, TIMES, VALUES[:, ::-1])
    assert swapped["valence ccc"] == swapped["arousal ccc"]
    assert swapped["valence ccc"] == emotion.ccc(VALUES[:, 0], VALUES[:, 1]) < 0.9


# Lag


@pytest.mark.parametrize("late_s", [-3.0, -1.5, -0.5, 0.0, 0.5, 2.0, 3.0])
def test_a_shift_is_recovered_and_positive_where_the_estimate_is_late(late_s):
    values = MAKE["walk"](np.random.default_rng(5), 100)
    times = np.arange(100) * 0.5 + 10
    # Half the scale and another level: lag is told from shape alone.
    scores = emotion.evaluate(times, values, times + late_s, values * 0.5 + 0.3)
    for dimension in NAMES:
        assert scores[f"{dimension} lag_s"] == late_s
        assert scores[f"{dimension} pcc at lag"] == pytest.approx(1)
        assert scores[f"{dimension} pcc at lag"] >= scores[f"{dimension} pcc"]


def test_a_shift_of_a_third_of_a_second_is_found_with_a_finer_step():
    values = MAKE["walk"](np.random.default_rng(5), 100)
    times = np.arange(100) * 0.3
    valence, _ = emotion.best_lag(times, values, times + 0.6, values, lag_step_s=0.2)
    assert valence.lag_s == pytest.approx(0.6)


def test_no_lag_beyond_the_largest():
    values = MAKE["walk"](np.random.default_rng(5), 100)
    times = np.arange(100) * 0.5
    for lag in emotion.best_lag(times, values, times + 2.5, values, max_lag_s=1):
        assert abs(lag.lag_s) <= 1
    for lag in emotion.best_lag(times, values, times + 2.5, values, max_lag_s=0):
        assert lag.lag_s == 0


def test_a_slope_at_the_wrong_level_is_not_a_delay():
    slope = np.linspace([-0.5, -0.4], [0.4, 0.5], 40)
    scores = emotion.evaluate(TIMES, slope, TIMES, slope + 0.1)
    assert scores["valence lag_s"] == scores["arousal lag_s"] == 0


def test_a_lag_leaves_at_least_half_of_the_intervals():
    # At 3 s the two would agree perfectly, but in two of eight intervals.
    times, reference, estimate = TIMES[:8], VALUES[6:14], VALUES[:8]
    for lag in emotion.best_lag(times, reference, times, estimate):
        assert abs(lag.lag_s) <= 2


# Aggregation


def test_each_aggregate_is_the_metric_taken_its_own_way():
    songs = [song(i) for i in CASES]
    found = emotion.aggregate(songs)
    pairs = [emotion.match(*s)[1:] for s in songs]
    each = [emotion.evaluate(*s) for s in songs]
    for d, dimension in enumerate(NAMES):
        single = [emotion.ccc(r[:, d], e[:, d]) for r, e in pairs]
        assert found[f"per-song {dimension} ccc"] == pytest.approx(np.mean(single))
        assert found[f"per-song {dimension} ccc sd"] == pytest.approx(np.std(single))
        r, e = (np.concatenate([pair[k] for pair in pairs])[:, d] for k in (0, 1))
        assert found[f"pooled {dimension} ccc"] == pytest.approx(audmetric.concordance_cc(r, e))
        r, e = (np.array([pair[k].mean(axis=0) for pair in pairs])[:, d] for k in (0, 1))
        assert found[f"song-level {dimension} ccc"] == pytest.approx(audmetric.concordance_cc(r, e))
    assert found["pooled frames"] == sum(scores["matched frames"] for scores in each)
    assert emotion.per_song(each).items() <= found.items()


def test_every_aggregate_says_which_it_is():
    prefixes = ("per-song ", "pooled ", "song-level ")
    assert all(name.startswith(prefixes) for name in emotion.aggregate([song("00")]))


def test_long_songs_weigh_more_only_when_pooled():
    good, bad = (TIMES, VALUES, TIMES, VALUES), (TIMES[:10], VALUES[:10], TIMES[:10], -VALUES[:10])
    found = emotion.aggregate([good, bad])
    error = emotion.mae(VALUES[:10, 0], -VALUES[:10, 0])
    assert found["per-song valence mae"] == pytest.approx(error / 2)
    assert found["pooled valence mae"] == pytest.approx(error / 5)


def test_songs_that_cannot_be_scored_are_counted():
    short = (TIMES[:1], VALUES[:1], *CURVE)
    with pytest.warns(UserWarning, match="Estimate covers no labelled interval"):
        found = emotion.aggregate([(*CURVE, *CURVE), short, (*CURVE, TIMES + 100, VALUES)])
    assert (found["per-song songs"], found["per-song songs scored"]) == (3, 1)
    assert found["per-song valence ccc"] == found["per-song valence rmse"] + 1 == 1
    assert (found["pooled frames"], found["song-level songs"]) == (41, 2)


def test_a_constant_estimate_lowers_the_mean_and_is_counted():
    constant = (*CURVE, TIMES, np.zeros((40, 2)))
    found = emotion.aggregate([(*CURVE, *CURVE), constant])
    assert found["per-song valence ccc"] == pytest.approx(0.5)
    assert found["per-song valence pcc"] == pytest.approx(1)
    assert found["per-song valence pcc undefined"] == 1
    assert found["per-song valence constant estimate"] == 1
    assert found["per-song valence constant reference"] == 0
    assert found["per-song valence lag_s"] == 0


def test_no_song_gives_the_same_keys():
    nothing = emotion.aggregate([])
    assert list(nothing) == list(emotion.aggregate([song("00")]))
    assert nothing["per-song songs"] == nothing["pooled frames"] == nothing["song-level songs"] == 0
    assert math.isnan(nothing["per-song valence ccc"])


def test_estimating_each_songs_mean_has_three_different_scores():
    songs = [(TIMES, MAKE["walk"](np.random.default_rng(i), 40), TIMES) for i in range(12)]
    songs = [(*s, np.repeat(s[1].mean(axis=0, keepdims=True), 40, axis=0)) for s in songs]
    found = emotion.aggregate(songs)
    values = np.stack([s[1] for s in songs])
    between, within = values.mean(axis=1).var(axis=0), values.var(axis=1).mean(axis=0)
    for d, dimension in enumerate(NAMES):
        assert found[f"per-song {dimension} ccc"] == 0
        expected = 2 * between[d] / (2 * between[d] + within[d])
        assert found[f"pooled {dimension} ccc"] == pytest.approx(expected)
        assert found[f"song-level {dimension} ccc"] == pytest.approx(1)
        assert found[f"per-song {dimension} pcc undefined"] == 12
