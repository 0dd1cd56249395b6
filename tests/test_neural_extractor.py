"""DAMFF as an extractor: the curve, streams in blocks, odd audio, odd parameters."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
import torch

from damff import DAMFF
from damff.model import DAMFFConfig, DAMFFNet
from mer_plugins import Audio
from mer_plugins.curves import concatenate
from mer_plugins.errors import AudioError, PluginError
from mer_plugins.sequence.checkpoint import Checkpoint, save_checkpoint
from mer_plugins.sequence.logmel import LogMelConfig


@pytest.fixture(scope="module")
def damff():
    return DAMFF(device="cpu")


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    """Make a checkpoint whose weights are random and loud, so that nothing hides by being small."""
    torch.manual_seed(0)
    net = DAMFFNet(DAMFFConfig())
    torch.nn.init.normal_(net.head.weight, std=3)
    path = tmp_path_factory.mktemp("own") / "untrained.safetensors"
    statistics = torch.full((128,), -3.0), torch.full((128,), 2.0)
    made = Checkpoint(
        "damff", asdict(net.config), LogMelConfig(), *statistics, 20, (1, 5), net.state_dict()
    )
    save_checkpoint([made], path)
    return net.eval(), path


@pytest.fixture(scope="module")
def untrained(loud):
    return DAMFF(checkpoint=loud[1], device="cpu")


def noise(seconds, rate=44_100, channels=None, seed=0):
    n = round(seconds * rate)
    shape = n if channels is None else (channels, n)
    return Audio(np.random.default_rng(seed).uniform(-0.5, 0.5, shape).astype(np.float32), rate)


@pytest.mark.parametrize("seconds", [0.5, 0.51, 3.0, 9.99, 10.0, 23.7])
def test_a_value_each_half_second_from_0_to_the_end(damff, seconds):
    curve = damff(noise(seconds))
    np.testing.assert_allclose(curve.times, np.arange(int(np.ceil(seconds / 0.5 - 1e-9))) * 0.5)
    assert curve.hop_s == 0.5
    assert np.isfinite(curve.values).all() and np.abs(curve.values).max() <= 1


@pytest.mark.parametrize("seed", range(4))
def test_blocks_of_any_size_give_the_same_curve(damff, seed):
    audio = noise(41.3)
    cuts = np.sort(np.random.default_rng(seed).integers(0, len(audio.samples), 30))
    stream = damff.open()
    parts = [stream.feed(part) for part in np.split(audio.samples, cuts)]
    found = concatenate([*(p for p in parts if p is not None), stream.finish()])
    whole = damff(audio)
    np.testing.assert_array_equal(found.values, whole.values)
    np.testing.assert_array_equal(found.times, whole.times)


@pytest.mark.parametrize("block", [100, 22_050, 100_000])
def test_live_it_says_the_same_and_says_it_early(untrained, block):
    audio = noise(45)
    stream, parts = untrained.open(), []
    for start in range(0, len(audio.samples), block):
        if (part := stream.feed(audio.samples[start : start + block])) is not None:
            assert part.times[-1] <= (start + block) / 44_100
            parts.append(part)
    assert parts
    found, whole = concatenate([*parts, stream.finish()]), untrained(audio)
    np.testing.assert_array_equal(found.values, whole.values)
    assert whole.values.std() > 0.01


def test_values_beyond_the_scale_are_clipped(untrained):
    values = untrained(noise(20, seed=3)).values
    assert np.isfinite(values).all() and np.abs(values).max() <= 1


@torch.no_grad()
def test_the_curve_is_the_whole_network_over_one_window(loud, untrained):
    net, audio = loud[0], noise(8)
    segments = torch.from_numpy(untrained.front_end(audio.samples))
    expected = net((segments + 3)[None] / 2)[0].clamp(-1, 1)
    np.testing.assert_allclose(untrained(audio).values, expected, atol=1e-5)


def test_another_window_and_hop(untrained):
    short = DAMFF(checkpoint=untrained.info.checkpoint, device="cpu", window_s=5, hop_s=2.5)
    assert (short.info.window_s, short.window, short.hops) == (5, 10, (5, 5))
    whole, part = untrained(noise(15)), short(noise(15))
    assert len(part) == len(whole) == 30
    assert np.abs(part.values - whole.values).max() > 1e-4


def test_the_same_again_is_the_same(damff):
    np.testing.assert_array_equal(damff(noise(4)).values, damff(noise(4)).values)


def test_channels_are_mixed_and_other_rates_taken(damff):
    mono = noise(3)
    stereo = Audio(np.stack([mono.samples, mono.samples]), 44_100)
    np.testing.assert_allclose(damff(stereo).values, damff(mono).values, atol=1e-6)
    for rate in (8_000, 192_000):
        assert len(damff(noise(3, rate))) == 6


def test_silence_has_a_curve_and_a_moment_is_an_error(damff):
    assert len(damff(Audio(np.zeros(88_200, dtype=np.float32), 44_100))) == 4
    with pytest.raises(AudioError, match="at least 0.5 s"):
        damff(noise(0.3))


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"device": "quantum"}, "not available"),
        ({"device": "meta"}, "not available"),
        ({"device": "hpu"}, "not available"),
        ({"device": "cuda:999"}, "not available"),
        ({"device": None}, "not available"),
        ({"hop_s": 0.3}, "hop is 0.3 s: expected a positive multiple of 0.5 s"),
        ({"hop_s": float("nan")}, "hop is nan s"),
        ({"window_s": float("inf")}, "window is inf s"),
        ({"window_s": -10}, "window is -10 s"),
        ({"smoothing_s": -1}, "smoothing is -1 s"),
        ({"smoothing_s": 0.7}, "smoothing is 0.7 s: expected a positive multiple of 0.5 s"),
        ({"window_s": "long"}, "window is long s"),
        ({"window_s": 0.0}, "multiple"),
        ({"window_s": 2, "hop_s": 3}, "longer than the window"),
    ],
)
def test_impossible_parameters(parameters, complaint):
    with pytest.raises(PluginError, match=complaint):
        DAMFF(**{"device": "cpu"} | parameters)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are asked through torch")
def test_without_a_gpu_driver_torch_is_not_imported():
    code = (
        "import sys; from mer_plugins.sequence import backends; backends._GPU_DRIVERS = ();"
        "print(backends.find_device('auto'), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", "False"]
