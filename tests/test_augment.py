"""Augmentation: what it says it does to the sound, it does to the log-mel; nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_plugins.sequence.augment import Augmentation, Augmenter
from mer_plugins.sequence.logmel import LogMel, LogMelConfig, mel_edges

FEATURES = LogMelConfig(floor=1e-4)


def noise(seconds, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, round(seconds * 44_100)).astype(np.float32)


def batch(count=3, length=4, features=FEATURES):
    log_mel = LogMel(features)
    made = np.stack([log_mel(noise(length / 2, seed)) for seed in range(count)])
    return torch.from_numpy(made), torch.ones(count, length)


def test_off_by_default_and_then_nothing_changes():
    segments, mask = batch()
    found, kept = Augmenter(Augmentation(), FEATURES, 0)(segments, mask)
    assert found is segments and kept is mask


def test_gain_is_that_of_the_samples():
    augmentation = Augmentation(gain_db=12)
    segments, mask = batch(1)
    gain_db = float(Augmenter(augmentation, FEATURES, 5).gains_db(1)[0, 0])
    assert 1 < abs(gain_db) <= 12
    found, _ = Augmenter(augmentation, FEATURES, 5)(segments, mask)
    expected = LogMel(FEATURES)(noise(2) * np.float32(10 ** (gain_db / 20)))
    np.testing.assert_allclose(found[0], expected, atol=2e-3)


def test_low_pass_empties_the_treble_and_leaves_the_rest():
    segments, mask = batch(16)
    augmenter = Augmenter(Augmentation(low_pass=1, low_pass_hz=4_000), FEATURES, 0)
    found, _ = augmenter(segments, mask)
    below = int(np.searchsorted(mel_edges(FEATURES)[1:-1], 4_000))
    torch.testing.assert_close(found[:, :, :below], segments[:, :, :below], atol=1e-3, rtol=0)
    emptied = (found - segments < -5).all(dim=1).all(dim=2)
    assert emptied.any(dim=1).sum() > 12, "nearly every cut lies below the last band"
    for row in emptied:
        assert (row.int().diff() >= 0).all(), "from the cut upwards, all is gone"


def test_an_equaliser_is_one_smooth_curve_per_excerpt():
    segments, mask = batch()
    found, _ = Augmenter(Augmentation(eq_db=3), FEATURES, 0)(segments, mask)
    curve = found - segments
    assert curve.std(dim=(1, 3)).max() < 0.01, "the same at all times"
    assert curve.mean(dim=(1, 3)).diff(dim=1).abs().max() < 0.3, "smooth over the bands"
    assert curve.abs().max() > 0.3


def test_noise_adds_power_at_the_ratio_asked_for():
    segments, mask = batch(8, 8)
    augmenter = Augmenter(Augmentation(noise=1, noise_snr_db=(20, 20)), FEATURES, 0)
    found, _ = augmenter(segments, mask)
    before = (segments.exp() - FEATURES.floor).mean(dim=(1, 2, 3))
    added = (found.exp() - segments.exp()).mean(dim=(1, 2, 3))
    assert (found >= segments - 1e-4).all()
    np.testing.assert_allclose(10 * torch.log10(before / added), 20, atol=0.3)


def test_a_share_of_the_excerpts_gets_noise():
    segments, mask = batch(40, 1)
    found, _ = Augmenter(Augmentation(noise=0.3), FEATURES, 0)(segments, mask)
    touched = (found - segments).abs().amax(dim=(1, 2, 3)) > 1e-3
    assert 5 <= touched.sum() <= 20


def test_a_shift_moves_frames_and_unlabels_what_it_drags_in():
    segments = torch.arange(2 * 4 * 1 * 5.0).view(2, 4, 1, 5)
    augmenter = Augmenter(Augmentation(shift_frames=7), FEATURES, 3)
    found, mask = augmenter(segments, torch.ones(2, 4))
    assert not torch.equal(found, segments)
    for before, after, kept in zip(segments, found, mask, strict=True):
        step = int(after.flatten().argmin())
        step = step - 20 if step > 10 else step
        assert abs(step) <= 7
        for t in range(4):
            frames = torch.arange(5 * t - step, 5 * t - step + 5)
            inside = bool(((frames >= 0) & (frames < 20)).all())
            assert bool(kept[t]) == inside
            if inside:
                torch.testing.assert_close(after[t, 0], before.flatten()[frames])


def test_masks_fill_whole_bands_and_frames_with_the_mean():
    segments, mask = batch(6)
    masked = Augmentation(frequency_masks=1, frequency_mask_bands=10)
    found, _ = Augmenter(masked, FEATURES, 0)(segments, mask)
    changed = found != segments
    assert torch.equal(changed.any(dim=3).any(dim=1), changed.all(dim=3).all(dim=1))
    assert 1 <= changed[:, 0, :, 0].sum(dim=1).max() <= 10
    masked = Augmentation(time_masks=1, time_mask_frames=30)
    changed = Augmenter(masked, FEATURES, 0)(segments, mask)[0] != segments
    assert 1 <= changed[:, :, 0].sum(dim=(1, 2)).max() <= 30


@settings(max_examples=25, deadline=None)
@given(
    gain=st.floats(0, 40),
    eq=st.floats(0, 10),
    low_pass=st.floats(0, 1),
    share=st.floats(0, 1),
    shift=st.integers(0, 120),
    masks=st.integers(0, 3),
    level=st.floats(-14, 16),
    seed=st.integers(0, 99),
)
def test_any_strength_gives_finite_features_and_the_same_seed_the_same(
    gain, eq, low_pass, share, shift, masks, level, seed
):
    segments = torch.full((2, 3, 128, 50), level)
    augmentation = Augmentation(
        gain_db=gain,
        eq_db=eq,
        low_pass=low_pass,
        noise=share,
        shift_frames=shift,
        frequency_masks=masks,
        time_masks=masks,
    )
    first, mask = Augmenter(augmentation, FEATURES, seed)(segments, torch.ones(2, 3))
    second, _ = Augmenter(augmentation, FEATURES, seed)(segments, torch.ones(2, 3))
    assert first.shape == segments.shape and torch.isfinite(first).all()
    assert mask.shape == (2, 3) and set(mask.unique().tolist()) <= {0.0, 1.0}
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"noise": 1.5}, "noise is 1.5: expected a share"),
        ({"low_pass": -0.1}, "low_pass is -0.1"),
        ({"gain_db": float("nan")}, "gain_db is nan"),
        ({"time_masks": -1}, "time_masks is -1"),
    ],
)
def test_strengths_that_mean_nothing(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        Augmentation(**wrong)
