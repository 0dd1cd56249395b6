"""The moving average: against scipy's convolution, in parts, at the ends, and through training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import convolve1d
from test_fit import RECIPE, plan, tracks

from damff import DAMFF
from mer_plugins import Audio
from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.checkpoint import load_checkpoint, save_checkpoint
from mer_plugins.sequence.fit import fit
from mer_plugins.sequence.smoothing import Smoother, smoothed

CURVES = st.integers(1, 60).flatmap(
    lambda t: arrays(np.float64, (t, 2), elements=st.floats(-1, 1, width=32))
)
WIDTHS = st.integers(1, 20)


@given(CURVES, WIDTHS)
def test_it_is_the_hann_weighted_mean_of_what_there_is(curve, width):
    kernel = np.hanning(2 * width + 1)[1:-1]
    total = convolve1d(curve, kernel, axis=0, mode="constant")
    weight = convolve1d(np.ones(len(curve)), kernel, mode="constant")
    np.testing.assert_allclose(smoothed(curve, width), total / weight[:, None], atol=1e-12)


@given(CURVES, WIDTHS, st.data())
def test_parts_of_any_size_give_the_same_bits_and_each_as_early_as_can_be(curve, width, data):
    smoother, found, fed = Smoother(width), [], 0
    while fed < len(curve):
        size = data.draw(st.integers(0, len(curve) - fed) if fed else st.just(1))
        found.append(smoother.feed(curve[fed : fed + size]))
        fed += size
        assert sum(map(len, found)) == max(0, fed - width + 1)
        if not size:
            break
    found += [smoother.feed(curve[fed:]), smoother.finish()]
    np.testing.assert_array_equal(np.concatenate(found), smoothed(curve, width))


@given(CURVES)
def test_a_width_of_one_changes_nothing(curve):
    np.testing.assert_array_equal(smoothed(curve, 1), curve)


@given(st.floats(-1, 1), st.integers(1, 50), WIDTHS)
def test_a_constant_stays(value, length, width):
    np.testing.assert_allclose(smoothed(np.full((length, 2), value), width), value, atol=1e-15)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="width is 0: expected 1 or more"):
        Smoother(0)
    with pytest.raises(ValueError, match="expected at least one value"):
        Smoother(3).finish()


@pytest.mark.parametrize("width", [0, -3, 7201])
def test_a_checkpoint_with_an_impossible_width_is_refused(tmp_path, width):
    fit(plan(replace(RECIPE, epochs=1)), tracks(), [], tmp_path / "run")
    (found,) = load_checkpoint(tmp_path / "run" / "model.safetensors", "damff")
    save_checkpoint([replace(found, smoothing=width)], tmp_path / "own.safetensors")
    with pytest.raises(CheckpointError, match=f"smoothing is {width} segments: expected from 1"):
        load_checkpoint(tmp_path / "own.safetensors", "damff")


def test_a_recipe_smooths_what_it_scores_and_what_its_checkpoint_says(tmp_path):
    held_out = tracks(2, length=30, seed=1)
    recipe = replace(RECIPE, epochs=1)
    slow = replace(recipe, smoothing_s=3 * recipe.features.segment_s)
    plain = fit(plan(recipe), tracks(), held_out, tmp_path / "plain").estimates
    found = fit(plan(slow), tracks(), held_out, tmp_path / "slow").estimates
    for name, values in plain.items():
        # Values beyond [-1, 1] are cut off after the average, which these few passes do not reach.
        assert np.abs(values).max() < 1
        np.testing.assert_allclose(found[name], smoothed(values, 3), atol=1e-6)
    checkpoint = tmp_path / "slow" / "model.safetensors"
    audio = Audio(np.random.default_rng(0).normal(0, 0.1, 100_000), 8_000)
    curve, raw = (
        DAMFF(checkpoint=checkpoint, device="cpu", smoothing_s=s)(audio) for s in (None, 0)
    )
    np.testing.assert_allclose(curve.values, smoothed(raw.values, 3), atol=1e-6)
    wide = DAMFF(checkpoint=checkpoint, device="cpu", smoothing_s=4 * recipe.features.segment_s)
    np.testing.assert_allclose(wide(audio).values, smoothed(raw.values, 4), atol=1e-6)
