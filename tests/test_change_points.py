"""Change points: levels that are known are found, noise and slow drift of no account are not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_plugins import EmotionCurve
from mer_plugins.change_points import change_points


def stepped(levels, lengths, noise=0.0, hop_s=0.5, start_s=0.0, seed=0):
    values = np.repeat(np.array(levels, float), lengths, axis=0)
    values += np.random.default_rng(seed).normal(0, noise, values.shape) if noise else 0
    times = start_s + np.arange(len(values)) * hop_s
    return EmotionCurve(times, values.clip(-1, 1), hop_s)


@given(
    lengths=st.lists(st.integers(20, 60), min_size=2, max_size=6),
    noise=st.sampled_from([0.0, 0.02, 0.05]),
    start_s=st.sampled_from([0.0, 15.0]),
    seed=st.integers(0, 99),
)
def test_levels_are_found_within_a_hop(lengths, noise, start_s, seed):
    levels = [((-1) ** i * 0.3, 0.2 * (-1) ** (i // 2)) for i in range(len(lengths))]
    found = change_points(stepped(levels, lengths, noise, start_s=start_s, seed=seed))
    expected = start_s + np.cumsum(lengths)[:-1] / 2
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, atol=0.5 + 1e-9)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.1, 0.25])
@pytest.mark.parametrize("length", [1, 40, 100, 400])
def test_noise_about_one_level_is_no_change(length, noise):
    for seed in range(20):
        assert change_points(stepped([(0.1, -0.1)], [length], noise, seed=seed)) == []


def autoregressive(n, correlation, deviation, seed):
    noise = np.random.default_rng(seed).normal(0, deviation, (n, 2))
    for before, value in pairwise(noise):
        value *= np.sqrt(1 - correlation**2)
        value += correlation * before
    return noise


@pytest.mark.parametrize(("correlation", "at_most"), [(0.5, 3), (0.8, 12)])
@pytest.mark.parametrize("deviation", [0.05, 0.1])
def test_noise_whose_neighbours_are_alike_is_seldom_a_change(correlation, at_most, deviation):
    flat = [autoregressive(200, correlation, deviation, seed) for seed in range(100)]
    found = [change_points(EmotionCurve(np.arange(200) / 2, v.clip(-1, 1), 0.5)) for v in flat]
    assert sum(map(bool, found)) <= at_most


def test_a_change_is_found_in_noise_whose_neighbours_are_alike():
    levels = np.repeat([[-0.3, -0.2], [0.3, 0.2]], 100, axis=0)
    values = levels + autoregressive(200, 0.8, 0.05, seed=0)
    (found,) = change_points(EmotionCurve(np.arange(200) / 2, values, 0.5))
    assert found == pytest.approx(50, abs=2)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_stretches_may_be_as_short_as_a_value(n):
    values = np.eye(2)[np.arange(n) % 2]
    found = change_points(EmotionCurve(np.arange(n) / 2, values, 0.5), least_s=0.5)
    assert set(found) <= set(np.arange(1, n) / 2)


@pytest.mark.parametrize("n", [0, 1, 2, 19])
def test_what_is_shorter_than_two_stretches_has_none(n):
    assert change_points(EmotionCurve(np.arange(n) / 2, np.eye(2)[np.arange(n) % 2], 0.5)) == []


def test_a_change_counts_from_its_size_on():
    small = stepped([(0, 0), (0.05, 0)], [10, 10])
    assert change_points(small) == []
    assert change_points(small, change=0.04) == [5.0]
    # As the squared error has it: half the size, but for much longer.
    assert change_points(stepped([(0, 0), (0.05, 0)], [100, 100])) == [50.0]


def test_a_change_of_one_dimension_is_enough():
    for levels in ([(0, 0), (0.4, 0)], [(0, 0), (0, -0.4)]):
        assert change_points(stepped(levels, [30, 30])) == [15.0]


def test_ten_hours_are_averaged_and_still_found():
    halves = stepped([(-0.3, -0.3), (0.3, 0.3)], [36_000, 36_000], noise=0.05)
    (found,) = change_points(halves)
    assert found == pytest.approx(18_000, abs=10)


@pytest.mark.parametrize("wrong", [{"change": 0}, {"change": -1}, {"least_s": 0}])
def test_sizes_are_positive(wrong):
    with pytest.raises(ValueError, match="expected positive numbers"):
        change_points(stepped([(0, 0)], [40]), **wrong)
