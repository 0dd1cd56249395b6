"""The paper's four baselines: sizes, what sees what, gradients, coding of bits, and learning."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_plugins.baselines.binary import (
    bit_weights,
    decode_bits,
    encode_bits,
    step,
    weighted_bce,
)
from mer_plugins.baselines.dnn import DNNConfig
from mer_plugins.baselines.mcrnn import Augmentation, MCRNNConfig
from mer_plugins.baselines.recipes import (
    BCRSN_TRAINING,
    CRNN_TRAINING,
    DNN_TRAINING,
    HALF_SECOND_BANDS,
    MCRNN_TRAINING,
)
from mer_plugins.errors import PluginError
from mer_plugins.sequence.logmel import LogMel, LogMelStream
from mer_plugins.sequence.losses import LOSSES
from mer_plugins.sequence.networks import on_arrays
from mer_plugins.sequence.sliding import TwoHopWindow
from mer_plugins.sequence.training import LabelledTrack, Trainer
from mer_plugins.sequence.waveform import WaveformConfig

SHAPES = {
    "crnn": (CRNN_TRAINING, (64, 1)),
    "bcrsn": (BCRSN_TRAINING, (128, 50)),
    "dnn": (DNN_TRAINING, (1, 11_025)),
    "mcrnn": (MCRNN_TRAINING, (1, 11_025)),
}
EVERY = pytest.mark.parametrize("name", list(SHAPES))
INDEPENDENT = pytest.mark.parametrize("name", ["bcrsn", "dnn", "mcrnn"])


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def network(name, **settings):
    training = SHAPES[name][0]
    return training.network(training.config_class(**settings))


def segments(name, *leading):
    return torch.randn(*leading, *SHAPES[name][1])


def parameters(module):
    return sum(p.numel() for p in module.parameters())


# What every network promises


@pytest.mark.parametrize(
    ("name", "settings", "count"),
    [
        # conv and norm, layer, then per branch GRU and maxout
        ("crnn", {}, 80 + 16 + 4_104 + 2 * (864 + 34)),
        ("dnn", {}, 1_768 + 1_544 + 2 * (864 + 34)),
        ("dnn", {"iterations": 2}, 1_768 + 1_544 + 192 + 2 * (864 + 34)),
        # two convolutions, input term, LSTM, selection
        ("bcrsn", {}, 416 + 4_640 + 393_344 + 99_328 + 2_064),
        ("bcrsn", {"pools": (2, 2)}, 416 + 4_640 + 1_572_992 + 99_328 + 2_064),
        # three first blocks, three times the later two, LSTM, head
        ("mcrnn", {}, (1_072 + 4_144 + 16_432) + 3 * (1_632 + 6_336) + 329_728 + 258),
    ],
)
def test_sizes(name, settings, count):
    assert parameters(network(name, **settings)) == count


def test_all_four_fit_into_four_megabytes():
    total = sum(parameters(network(name)) for name in SHAPES)
    assert 4 * total < 4e6


@EVERY
def test_shapes_of_a_window_and_of_its_two_halves(name):
    net, x = network(name).eval(), segments(name, 2, 5)
    assert net(x).shape == (2, 5, 2)
    encoded = (
        net.encode(x.flatten(0, 1)).unflatten(0, (2, 5)) if independent(net) else net.encode(x)
    )
    assert encoded.shape[:2] == (2, 5) and encoded.ndim == 3
    torch.testing.assert_close(net.decode(encoded), net(x), atol=1e-5, rtol=1e-5)


def independent(net):
    return type(net).segments_independent


def test_which_encoders_see_one_segment_at_a_time():
    assert {name: independent(network(name)) for name in SHAPES} == {
        "crnn": False,
        "bcrsn": True,
        "dnn": True,
        "mcrnn": True,
    }


@INDEPENDENT
def test_segments_do_not_see_each_other(name):
    net, x = network(name).eval(), segments(name, 6)
    alone = torch.cat([net.encode(x[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(net.encode(x), alone, atol=1e-5, rtol=1e-5)
    changed = x.clone()
    changed[3] += 1 + torch.randn_like(x[3])
    differs = (net.encode(changed) - net.encode(x)).abs().amax(dim=1) > 1e-6
    assert differs.tolist() == [False, False, False, True, False, False]


def test_crnns_filters_see_one_segment_to_either_side():
    net, x = network("crnn").eval(), segments("crnn", 1, 7)
    changed = x.clone()
    changed[:, 3] += 1
    differs = (net.encode(changed) - net.encode(x)).abs().amax(dim=(0, 2)) > 1e-6
    assert differs.tolist() == [False, False, True, True, True, False, False]


@EVERY
def test_the_sequence_head_sees_past_and_future(name):
    net, x = network(name).eval(), segments(name, 1, 4)
    changed = x.clone()
    changed[:, 1] = 3 * torch.randn_like(x[:, 1])
    assert ((net(changed) - net(x)).abs().amax(dim=2) > 0).all()


def naive(net, x, window, hop):
    ends = [*range(window, len(x) + 1, hop)]
    parts = [net(x[None, :window])[0]]
    parts += [net(x[None, end - window : end])[0, -hop:] for end in ends[1:]]
    if missing := len(x) - ends[-1]:
        parts.append(net(x[None, -window:])[0, -missing:])
    return torch.cat(parts)


def slid(decode, encoded, window, hops):
    sliding = TwoHopWindow(on_arrays(decode), window, hops)
    parts = [sliding.feed(part.numpy()) for part in (encoded[:3], encoded[3:])]
    return torch.from_numpy(np.concatenate([*parts, sliding.finish()]))


@torch.inference_mode()
@EVERY
def test_sliding_windows_are_the_naive_scheme(name):
    net, x = network(name).eval(), segments(name, 9)
    found = (
        slid(net.decode, net.encode(x), 4, (1, 2)) if independent(net) else slid(net, x, 4, (1, 2))
    )
    expected = torch.stack([naive(net, x, 4, 1)[:, 0], naive(net, x, 4, 2)[:, 1]], dim=1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_crnns_windows_cannot_be_cached():
    net, x = network("crnn").eval(), segments("crnn", 9)
    cached = slid(net.decode, net.encode(x[None])[0], 4, (2, 2))
    assert (cached - naive(net, x, 4, 2)).abs().max() > 1e-4


@EVERY
def test_every_parameter_gets_a_gradient(name):
    net = network(name)
    net(segments(name, 2, 3)).square().mean().backward()
    check_gradients(net)


def test_every_parameter_gets_a_gradient_with_reconstruction():
    net = network("dnn", iterations=2)
    net(segments("dnn", 2, 3)).square().mean().backward()
    check_gradients(net)


@pytest.mark.parametrize("gray", [False, True])
def test_every_parameter_gets_a_gradient_from_bcrsns_own_loss(gray):
    net = network("bcrsn", gray=gray)
    net.own_loss(segments("bcrsn", 2, 3), torch.rand(2, 3, 2), torch.ones(2, 3)).backward()
    check_gradients(net)


def check_gradients(net):
    parameters = dict(net.named_parameters())
    for name, parameter in parameters.items():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        # Batch normalisation takes the bias before it away again.
        has_norm = name.replace("conv.bias", "norm.bias") in parameters
        if not (name.endswith("conv.bias") and has_norm):
            assert parameter.grad.abs().max() > 0, name


@EVERY
def test_evaluation_is_deterministic_and_leaves_the_network_as_it_is(name):
    net, x = network(name).eval(), segments(name, 2, 4)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    torch.testing.assert_close(net(x), net(x), atol=0, rtol=0)
    for key, value in net.state_dict().items():
        torch.testing.assert_close(value, before[key], atol=0, rtol=0)


@EVERY
def test_the_same_seed_makes_the_same_network(name):
    def made():
        torch.manual_seed(7)
        net = network(name)
        return net(segments(name, 2, 3)).detach()

    torch.testing.assert_close(made(), made(), atol=0, rtol=0)


@EVERY
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("kind", ["single segment", "silence", "very loud", "constant"])
def test_odd_input_gives_finite_values(name, mode, kind):
    net = network(name).train(mode == "train")
    x = {
        "single segment": segments(name, 1, 1),
        "silence": torch.zeros(2, 3, *SHAPES[name][1]),
        "very loud": 1e4 * segments(name, 2, 3),
        "constant": torch.ones(2, 3, *SHAPES[name][1]),
    }[kind]
    out = net(x)
    assert out.shape == (*x.shape[:2], 2) and torch.isfinite(out).all()


@EVERY
def test_valence_and_arousal_are_two_outputs_in_that_order(name):
    """What only belongs to arousal moves only the second column."""
    net, x = network(name).eval(), segments(name, 1, 3)
    before = net(x)
    head = {
        "crnn": lambda: net.recurrent.branches["arousal"].maxout.linear.bias,
        "dnn": lambda: net.recurrent.branches["arousal"].maxout.linear.bias,
        "bcrsn": lambda: net.selection.bias[8:],
        "mcrnn": lambda: net.head.bias[1:],
    }[name]()
    with torch.no_grad():
        head.add_(1)
    moved = (net(x) - before).abs().amax(dim=(0, 1)) > 1e-3
    assert moved.tolist() == [False, True]


# Settings and recipes


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("crnn", {"n_mels": 0}, "n_mels is 0: expected a whole number"),
        ("crnn", {"channels": 8.0}, "channels is 8.0: expected a whole number"),
        ("crnn", {"hidden": True}, "hidden is True: expected a whole number"),
        ("crnn", {"kernel": (3, 4)}, r"kernel is \(3, 4\): expected 2 odd"),
        ("crnn", {"kernel": (3,)}, r"kernel is \(3,\): expected 2 whole"),
        ("crnn", {"kernel": 3}, "kernel is 3: expected 2 whole"),
        ("crnn", {"dropout": 1.0}, "dropout is 1.0: expected at least 0"),
        ("crnn", {"dropout": "no"}, "dropout is 'no': expected a number"),
        ("dnn", {"dropout": False}, "dropout is False: expected a number"),
        ("dnn", {"iterations": -1}, "iterations is -1: expected a whole number from 0"),
        ("dnn", {"samples": 549}, "samples is 549: expected at least 550"),
        ("dnn", {"stride": 0}, "stride is 0: expected"),
        ("bcrsn", {"bits": 0}, "bits is 0: expected"),
        ("bcrsn", {"bits": 17}, "bits is 17: expected at most 16"),
        ("bcrsn", {"gray": "yes"}, "gray is 'yes': expected true or false"),
        ("bcrsn", {"l1": "1e-4x"}, "l1 is '1e-4x': expected a number"),
        ("bcrsn", {"n_frames": 7}, "128 bands x 7 frames is too small"),
        ("bcrsn", {"kernels": (5, 2)}, "kernels is .*: expected 2 odd"),
        ("bcrsn", {"pools": (2, 2, 2)}, "pools is .*: expected 2 whole"),
        ("bcrsn", {"l1": -1.0}, "l1 is -1.0: expected a number from 0"),
        ("mcrnn", {"kernels": ()}, r"kernels is \(\): expected some"),
        ("mcrnn", {"kernels": 64}, "kernels is 64: expected some"),
        ("mcrnn", {"strides": (16, 64)}, "strides is .*: expected 3"),
        ("mcrnn", {"samples": 2_815}, "samples is 2815: expected at least 2816"),
        ("mcrnn", {"later_kernel": 2}, "later_kernel is 2: expected an odd"),
        ("mcrnn", {"shift": 1.5}, "shift is 1.5: expected a whole number"),
        ("mcrnn", {"noise": float("nan")}, "noise is nan: expected a number from 0"),
        ("mcrnn", {"gain_db": None}, "gain_db is None: expected a number"),
        ("mcrnn", {"dropout": -0.1}, "dropout is -0.1: expected at least 0"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(name, wrong, message):
    with pytest.raises(ValueError, match=message):
        SHAPES[name][0].config_class(**wrong)
    training = SHAPES[name][0]
    recipe = next(iter(training.recipes.values()))
    decided = {"n_mels", "n_frames", "samples"} & set(wrong)
    expected = "follows the recipe" if decided else message
    with pytest.raises(PluginError, match=expected):
        training.config(wrong, recipe)


@pytest.mark.parametrize(
    ("name", "smallest"),
    [
        ("crnn", {"n_mels": 1, "kernel": (1, 1)}),
        ("dnn", {"samples": 550}),
        ("bcrsn", {"n_mels": 8, "n_frames": 8, "bits": 1}),
        ("mcrnn", {"samples": 2_816, "layers": 1}),
        ("mcrnn", {"kernels": (64,), "strides": (16,), "samples": 176}),
    ],
    ids=str,
)
def test_the_smallest_segments_that_are_allowed_work(name, smallest):
    net = network(name, **smallest)
    c = net.config
    shape = {"crnn": (c.n_mels, 1) if name == "crnn" else None}.get(name) or (
        (c.n_mels, c.n_frames) if name == "bcrsn" else (1, c.samples)
    )
    assert net.eval()(torch.randn(2, 3, *shape)).shape == (2, 3, 2)


@EVERY
def test_settings_survive_json(name):
    training = SHAPES[name][0]
    recipe = next(iter(training.recipes.values()))
    config = training.config_class()
    plain = json.loads(json.dumps(asdict(config)))
    free = {k: v for k, v in plain.items() if k not in ("n_mels", "n_frames", "samples")}
    assert training.config(free, recipe) == config


@EVERY
def test_recipes_name_known_losses_and_segments_the_network_takes(name):
    training = SHAPES[name][0]
    kinds = {"paper", "paper-damff-losses", "deam-clips", "deam-clips-damff-losses"}
    assert set(training.recipes) == kinds
    for recipe in training.recipes.values():
        assert set(recipe.losses) <= set(LOSSES) or recipe.has_own_loss
        assert recipe.features.segment_s == 0.5
        samples = np.random.default_rng(0).uniform(-1, 1, recipe.features.sample_rate)
        found = recipe.features.make()(samples.astype(np.float32))
        assert found.shape == (2, *SHAPES[name][1])


@EVERY
def test_recipes_differ_by_their_losses_alone(name):
    recipes = SHAPES[name][0].recipes
    assert (recipes["paper-damff-losses"].window, recipes["paper-damff-losses"].epochs) == (60, 100)
    assert recipes["deam-clips-damff-losses"].window == 20
    for own in ("paper", "deam-clips"):
        other = recipes[f"{own}-damff-losses"]
        expected = ("own", "own") if name == "bcrsn" else ("mse", "mse")
        assert recipes[own].losses == expected != other.losses
        assert replace(recipes[own], losses=other.losses) == other


def test_waveform_networks_take_the_default_front_end():
    assert WaveformConfig().segment_shape == SHAPES["dnn"][1] == SHAPES["mcrnn"][1]
    assert DNNConfig().samples == MCRNNConfig().samples == WaveformConfig().segment_length


def test_half_second_bands_do_not_depend_on_blocks():
    samples = np.random.default_rng(0).uniform(-1, 1, 100_000).astype(np.float32)
    log_mel = LogMel(HALF_SECOND_BANDS)
    stream = LogMelStream(log_mel)
    parts = [stream.feed(part) for part in np.split(samples, [1, 20_000, 50_000, 50_000, 99_999])]
    found = np.concatenate([*parts, stream.finish()])
    assert found.shape == (5, 64, 1)
    np.testing.assert_array_equal(found, log_mel(samples))


# Bits


@settings(deadline=None)
@given(
    values=st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20),
    bits=st.integers(1, 16),
    gray=st.booleans(),
)
def test_decoding_undoes_encoding_up_to_half_a_step(values, bits, gray):
    y = torch.tensor(values)
    found = decode_bits(encode_bits(y, bits, gray=gray), gray=gray)
    assert (found - y).abs().max() <= step(bits) / 2 + 1e-6


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 5, 8])
def test_encoding_undoes_decoding_of_every_pattern(bits, gray):
    patterns = torch.tensor(list(itertools.product([0.0, 1.0], repeat=bits)))
    values = decode_bits(patterns, gray=gray)
    torch.testing.assert_close(encode_bits(values, bits, gray=gray), patterns)
    levels = torch.linspace(-1, 1, 2**bits)
    torch.testing.assert_close(values.sort().values, levels, atol=1e-6, rtol=0)


@settings(deadline=None)
@given(
    low=st.floats(-1, 1, width=32),
    high=st.floats(-1, 1, width=32),
    bits=st.integers(1, 16),
    gray=st.booleans(),
)
def test_larger_values_never_decode_to_smaller_ones(low, high, bits, gray):
    pair = torch.tensor(sorted([low, high]))
    found = decode_bits(encode_bits(pair, bits, gray=gray), gray=gray)
    assert found[0] <= found[1] + 1e-6


def test_neighbours_differ_in_one_gray_bit_and_in_all_plain_bits_at_zero():
    levels = torch.linspace(-1, 1, 256)
    gray = encode_bits(levels, 8, gray=True).diff(dim=0).abs().sum(dim=1)
    plain = encode_bits(levels, 8).diff(dim=0).abs().sum(dim=1)
    assert (gray == 1).all()
    assert plain[127] == 8


def test_weights_of_bits_halve_and_sum_to_one():
    torch.testing.assert_close(bit_weights(2), torch.tensor([2 / 3, 1 / 3]))
    weights = bit_weights(8)
    torch.testing.assert_close(weights[:-1] / weights[1:], torch.full((7,), 2.0))
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("gray", [False, True])
def test_probabilities_decode_to_the_expected_value(gray):
    p = torch.rand(3)
    expected = 0.0
    for pattern in itertools.product([0.0, 1.0], repeat=3):
        hard = torch.tensor(pattern)
        probability = torch.where(hard == 1, p, 1 - p).prod()
        expected += probability * decode_bits(hard, gray=gray)
    torch.testing.assert_close(decode_bits(p, gray=gray), expected)


def test_what_lies_beyond_the_range_is_its_end():
    odd = torch.tensor([-3.0, 1.5, float("inf"), float("nan")])
    found = decode_bits(encode_bits(odd, 8))
    torch.testing.assert_close(found[:3], torch.tensor([-1.0, 1.0, 1.0]))
    assert found[3].abs() <= step(8) / 2 + 1e-6


@pytest.mark.parametrize("bits", [0, 17, 8.0])
def test_impossible_numbers_of_bits_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits is {bits}: expected a whole number from 1 to 16"):
        encode_bits(torch.zeros(1), bits)


def test_the_loss_by_its_formula():
    logits, reference = torch.randn(2, 3, 2, 4), torch.rand(2, 3, 2) * 2 - 1
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    p, target = logits.sigmoid(), encode_bits(reference, 4)
    bce = -(target * p.log() + (1 - target) * (1 - p).log())
    weighted = (bce * torch.tensor([8, 4, 2, 1]) / 15).sum(dim=-1).sum(dim=-1)
    torch.testing.assert_close(
        weighted_bce(logits, reference, mask), (weighted[0, :2].sum() + weighted[1, 0]) / 3
    )


@pytest.mark.parametrize("gray", [False, True])
def test_the_loss_is_nothing_for_certain_and_right_bits(gray):
    reference, mask = torch.rand(2, 3, 2) * 2 - 1, torch.ones(2, 3)
    right = 100 * (2 * encode_bits(reference, 8, gray=gray) - 1)
    assert weighted_bce(right, reference, mask, gray=gray) < 1e-6
    assert weighted_bce(-right, reference, mask, gray=gray) > 100
    if gray:
        assert weighted_bce(right, reference, mask) > 1


def test_the_loss_does_not_see_what_has_no_label():
    logits, reference = torch.randn(1, 4, 2, 8, requires_grad=True), torch.rand(1, 4, 2)
    mask = torch.tensor([[1.0, 0.0, 1.0, 0.0]])
    other = reference.clone()
    other[:, 1], other[:, 3] = float("nan"), 1e9
    loss = weighted_bce(logits, other, mask)
    torch.testing.assert_close(loss, weighted_bce(logits, reference, mask))
    loss.backward()
    assert (logits.grad[0, [1, 3]] == 0).all() and torch.isfinite(logits.grad).all()
    assert weighted_bce(logits, reference, torch.zeros(1, 4)) == 0


# BCRSN


@pytest.mark.parametrize("gray", [False, True])
def test_bcrsns_values_are_its_decoded_bits(gray):
    net, x = network("bcrsn", gray=gray).eval(), segments("bcrsn", 2, 3)
    logits = net.logits(x)
    assert logits.shape == (2, 3, 2, 8)
    torch.testing.assert_close(net(x), decode_bits(logits.sigmoid(), gray=gray))
    with torch.no_grad():
        net.selection.weight.mul_(1_000)
    assert net(x).abs().max() <= 1 + 1e-6


def test_bcrsns_own_loss_is_that_of_the_bits_and_the_penalty():
    net, x = network("bcrsn", l1=0.01).eval(), segments("bcrsn", 2, 3)
    reference, mask = torch.rand(2, 3, 2), torch.ones(2, 3)
    expected = weighted_bce(net.logits(x), reference, mask) + net.penalty()
    torch.testing.assert_close(net.own_loss(x, reference, mask), expected)
    torch.testing.assert_close(net.penalty(), 0.01 * net.selection.weight.abs().sum())


def test_bcrsns_penalty_alone_deselects():
    net = network("bcrsn", l1=0.01)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    before = net.selection.weight.abs().sum().item()
    for _ in range(20):
        optimiser.zero_grad()
        net.penalty().backward()
        optimiser.step()
    assert net.selection.weight.abs().sum().item() < 0.8 * before


def test_bcrsns_bits_stay_exact_in_bfloat16():
    net, x = network("bcrsn").eval(), segments("bcrsn", 1, 3)
    with torch.autocast("cpu", torch.bfloat16):
        assert net(x).dtype == torch.float32
        assert net.own_loss(x, torch.zeros(1, 3, 2), torch.ones(1, 3)).dtype == torch.float32


# DNN's layer, MCRNN's augmentation


def test_without_iterations_the_layer_is_plain_and_one_more_reconstructs():
    layer = network("dnn", iterations=1).features
    x = torch.randn(5, 192)
    w, b = layer.encoder.weight, layer.encoder.bias
    once = torch.tanh(x @ w.T + b)
    torch.testing.assert_close(layer(x), torch.tanh((once @ w + layer.decoder_bias) @ w.T + b))
    layer.iterations = 0
    torch.testing.assert_close(layer(x), once)


def augmented(x, **settings):
    quiet = {"gain_db": 0.0, "noise": 0.0, "shift": 0}
    return Augmentation(MCRNNConfig(**(quiet | settings)))(x)


def test_gain_is_one_factor_an_excerpt_within_its_bound():
    x = segments("mcrnn", 8, 3)
    factors = (augmented(x, gain_db=6.0) / x).flatten(1)
    assert (factors.std(dim=1) < 1e-4).all()
    decibels = 20 * factors.mean(dim=1).log10()
    assert decibels.abs().max() <= 6 and decibels.std() > 0.5


def test_noise_has_the_deviation_it_was_given():
    x = segments("mcrnn", 2, 3)
    assert (augmented(x, noise=0.05) - x).std() == pytest.approx(0.05, rel=0.05)


def test_shift_moves_an_excerpt_as_a_whole():
    x = segments("mcrnn", 4, 3)
    for before, after in zip(x.flatten(1), augmented(x, shift=50).flatten(1), strict=True):
        assert any(torch.equal(before.roll(s), after) for s in range(-50, 51))


def test_augmentation_is_for_training_only():
    net, x = network("mcrnn", dropout=0.0), segments("mcrnn", 2, 3)
    torch.testing.assert_close(net.augment.eval()(x), x, atol=0, rtol=0)
    net.augment.train()
    assert not torch.equal(net.augment(x), x)
    torch.testing.assert_close(augmented(x), x)


# Learning


def tracks(name, count=6, length=8):
    """Songs whose level tells arousal and whose colour tells valence."""
    rng = np.random.default_rng(0)
    made = []
    for i, (valence, arousal) in enumerate(rng.uniform(-0.8, 0.8, (count, 2))):
        f, n = SHAPES[name][1]
        if f > 1:
            tilt = valence * np.linspace(-1, 1, f)[:, None]
            x = rng.normal(0, 0.2, (length, f, n)) + tilt + arousal
        else:
            tone = np.sin(2 * np.pi * (600 + 500 * valence) * np.arange(n) / 22_050)
            x = (1 + arousal) * (tone + rng.normal(0, 0.05, (length, f, n)))
        labels = np.tile([valence, arousal], (length, 1))
        mask = np.ones(length, dtype=bool)
        made.append(LabelledTrack(str(i), x.astype(np.float32), labels.astype(np.float32), mask))
    return made


@EVERY
@pytest.mark.parametrize("losses", [("mse", "mse"), ("ccc", "ccc")], ids=str)
def test_it_learns_six_songs_by_heart(name, losses):
    songs = tracks(name)
    recipe = replace(
        SHAPES[name][0].recipes["deam-clips-damff-losses"],
        losses=losses,
        window_s=4.0,
        batch_size=6,
        learning_rate=1e-2 if name in ("crnn", "dnn") else 3e-3,
        average_decay=0.0,
    )
    extra = {} if name == "bcrsn" else {"dropout": 0.0}
    trainer = Trainer(network(name, **extra), recipe, songs)
    for _ in range(60):
        trainer.epoch()
    estimate = np.stack([trainer.predict(song) for song in songs])
    reference = np.stack([song.labels for song in songs])
    error = np.sqrt(np.mean((estimate - reference) ** 2))
    assert error < 0.4 * reference.std()


@pytest.mark.parametrize("gray", [False, True])
def test_bcrsn_learns_six_songs_by_its_own_loss(gray):
    songs, net = tracks("bcrsn"), network("bcrsn", gray=gray, bits=4)
    own = BCRSN_TRAINING.recipes["deam-clips"]
    recipe = replace(own, window_s=4.0, batch_size=6, learning_rate=3e-3, average_decay=0.0)
    trainer = Trainer(net, recipe, songs)
    for _ in range(40):
        trainer.epoch()
    estimate = np.stack([trainer.predict(song) for song in songs])
    reference = np.stack([song.labels for song in songs])
    error = np.sqrt(np.mean((estimate - reference) ** 2))
    assert error < 0.4 * reference.std()
    assert trainer.validation_loss(songs) == pytest.approx(2 * error**2, rel=1e-4)
