"""Losses against audmetric and closed forms, under masks, and where their gradients could break."""

from __future__ import annotations

import audmetric
import numpy as np
import pytest
import torch

from mer_plugins.sequence.losses import LOSSES, combined_loss

EVERY = torch.ones(3, 20)


def pair(seed=0):
    g = torch.Generator().manual_seed(seed)
    reference = torch.rand(3, 20, generator=g) + torch.tensor([[0.0], [0.4], [-0.3]])
    return reference + 0.3 * torch.rand(3, 20, generator=g), reference


def concordance(reference, estimate):
    return audmetric.concordance_cc(reference.numpy(), estimate.numpy())


@pytest.mark.parametrize("seed", range(3))
def test_concordance_over_the_batch_and_per_sequence_are_audmetrics(seed):
    estimate, reference = pair(seed)
    whole = concordance(reference.flatten(), estimate.flatten())
    each = [concordance(r, e) for r, e in zip(reference, estimate, strict=True)]
    assert float(LOSSES["ccc"](estimate, reference, EVERY)) == pytest.approx(1 - whole, abs=1e-5)
    per_sequence = float(LOSSES["ccc-sequence"](estimate, reference, EVERY))
    assert per_sequence == pytest.approx(1 - np.mean(each), abs=1e-5)
    # The level between songs is agreed upon, so the whole agrees better than its parts.
    assert whole > np.mean(each) + 0.05


def test_concordance_of_small_within_song_changes():
    g = torch.Generator().manual_seed(0)
    reference = 0.7 + 0.03 * torch.randn(1, 60, generator=g)
    estimate = reference + 0.01 * torch.randn(1, 60, generator=g)
    expected = 1 - concordance(reference[0].double(), estimate[0].double())
    found = float(LOSSES["ccc-sequence"](estimate, reference, torch.ones(1, 60)))
    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "loss"), [(lambda x: x, 0), (lambda x: 2 * x.mean() - x, 2), (torch.zeros_like, 1)]
)
def test_concordance_has_its_closed_forms(change, loss):
    reference = pair()[1]
    found = LOSSES["ccc"](change(reference), reference, EVERY)
    assert float(found) == pytest.approx(loss, abs=1e-5)


def test_errors_are_the_textbooks():
    estimate, reference = pair()
    expected = np.mean((estimate.numpy() - reference.numpy()) ** 2)
    assert float(LOSSES["mse"](estimate, reference, EVERY)) == pytest.approx(expected, rel=1e-5)
    assert float(LOSSES["rmse"](estimate, reference, EVERY)) == pytest.approx(
        np.sqrt(expected), rel=1e-5
    )


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("garbage", [1e3, -1e6])
def test_what_is_masked_has_no_say(name, garbage):
    estimate, reference = pair()
    mask = EVERY.clone()
    mask[:, 12:] = 0
    cut = LOSSES[name](estimate[:, :12], reference[:, :12], mask[:, :12])
    estimate[:, 12:], reference[:, 12:] = garbage, -garbage
    estimate.requires_grad_()
    loss = LOSSES[name](estimate, reference, mask)
    torch.testing.assert_close(loss, cut)
    loss.backward()
    assert (estimate.grad[:, 12:] == 0).all()
    assert estimate.grad[:, :12].abs().max() > 0


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_clip_without_labels_has_no_say(name):
    estimate, reference = pair()
    mask = EVERY.clone()
    mask[1] = 0
    labelled = [0, 2]
    torch.testing.assert_close(
        LOSSES[name](estimate, reference, mask),
        LOSSES[name](estimate[labelled], reference[labelled], mask[labelled]),
    )


def test_a_clip_with_one_label_has_no_concordance():
    estimate, reference = pair()
    mask = EVERY.clone()
    mask[1, 1:] = 0
    others = [0, 2]
    torch.testing.assert_close(
        LOSSES["ccc-sequence"](estimate, reference, mask),
        LOSSES["ccc-sequence"](estimate[others], reference[others], mask[others]),
    )
    alone = estimate[1:2].requires_grad_()
    loss = LOSSES["ccc-sequence"](alone, reference[1:2], mask[1:2])
    loss.backward()
    assert loss == 0 and (alone.grad == 0).all()


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("case", ["perfect", "constant", "constant and perfect", "no labels"])
def test_loss_and_gradient_stay_finite(name, case):
    reference = pair()[1] if case != "constant and perfect" else torch.full((3, 20), 0.1)
    estimate = reference.clone() if "perfect" in case else torch.full((3, 20), 0.1)
    mask = torch.zeros(3, 20) if case == "no labels" else EVERY
    loss = LOSSES[name](estimate.requires_grad_(), reference, mask)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(estimate.grad).all()


def test_each_dimension_has_its_own_loss():
    estimate, reference = pair()
    both = torch.stack([estimate, reference], -1), torch.stack([reference, estimate * 2], -1)
    expected = LOSSES["rmse"](estimate, reference, EVERY)
    expected = expected + LOSSES["ccc"](reference, estimate * 2, EVERY)
    torch.testing.assert_close(combined_loss(("rmse", "ccc"), *both, EVERY), expected)
    half = combined_loss(("rmse", "ccc"), both[0].bfloat16(), both[1], EVERY)
    assert half.dtype == torch.float32
