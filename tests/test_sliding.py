"""The cached sliding window against the paper's naive scheme, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from damff.model import DAMFFConfig, DAMFFNet
from mer_plugins.sequence.networks import on_arrays
from mer_plugins.sequence.sliding import SlidingWindow, TwoHopWindow


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    return DAMFFNet(DAMFFConfig(n_mels=16, n_frames=12)).eval()


@torch.no_grad()
def naive(net, segments, window, hop):
    """Section 4.4.1, from scratch in every window; a last window flush with the end."""
    n = len(segments)
    if n <= window:
        return net(segments[None])[0]
    out = list(net(segments[None, :window])[0])
    for start in range(hop, n - window + 1, hop):
        out += list(net(segments[None, start : start + window])[0, -hop:])
    missing = n - len(out)
    if missing:
        out += list(net(segments[None, n - window :])[0, -missing:])
    return torch.stack(out)


def whole(sliding, encoded):
    return np.concatenate([sliding.feed(encoded.numpy()), sliding.finish()])


@pytest.mark.parametrize("n", [1, 5, 6, 7, 13, 40])
@pytest.mark.parametrize(("window", "hop"), [(6, 1), (6, 5), (6, 6), (20, 3)])
@torch.no_grad()
def test_cached_is_naive(net, n, window, hop):
    segments = torch.randn(n, 16, 12, generator=torch.Generator().manual_seed(n))
    sliding = SlidingWindow(on_arrays(net.decode), window, hop)
    found = whole(sliding, net.encode(segments))
    np.testing.assert_allclose(found, naive(net, segments, window, hop), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_valence_and_arousal_with_a_hop_each(net):
    segments = torch.randn(33, 16, 12)
    found = whole(TwoHopWindow(on_arrays(net.decode), 10, (1, 5)), net.encode(segments))
    for column, hop in enumerate((1, 5)):
        expected = naive(net, segments, 10, hop)[:, column]
        np.testing.assert_allclose(found[:, column], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("n", [9, 33])
@torch.no_grad()
def test_each_window_is_run_once(net, n):
    windows = []

    def decode(encoded):
        windows.extend(encoded)
        return on_arrays(net.decode)(encoded)

    sliding = TwoHopWindow(decode, 10, (5, 5))
    found = whole(sliding, net.encode(torch.randn(n, 16, 12)))
    assert len(found) == n
    # 33: ends at 10, 15, 20, 25, 30 and the tail, once for both dimensions.
    assert len(windows) == (1 if n == 9 else 6)


@torch.no_grad()
def test_predictions_come_as_soon_as_they_are_final(net):
    sliding = SlidingWindow(on_arrays(net.decode), 6, 2)
    encoded = net.encode(torch.randn(10, 16, 12)).numpy()
    counts = [len(sliding.feed(encoded[i : i + 1])) for i in range(10)]
    assert counts == [0, 0, 0, 0, 0, 6, 0, 2, 0, 2]
    assert len(sliding.finish()) == 0


def test_nothing_fed_is_an_error(net):
    with pytest.raises(ValueError, match="no segment was fed"):
        SlidingWindow(on_arrays(net.decode), 6, 2).finish()


@pytest.mark.parametrize("seed", range(8))
@torch.no_grad()
def test_fed_in_pieces_is_the_same(net, seed):
    rng = np.random.default_rng(seed)
    encoded = net.encode(torch.randn(37, 16, 12))
    at_once, pieces = (TwoHopWindow(on_arrays(net.decode), 8, (1, 3)) for _ in range(2))
    cuts = np.sort(rng.integers(0, 37, 5))
    fed = [pieces.feed(part) for part in np.split(encoded.numpy(), cuts)]
    found, expected = np.concatenate([*fed, pieces.finish()]), whole(at_once, encoded)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("window", "hop"), [(4, 5), (4, 0)])
def test_impossible_hops_are_refused(net, window, hop):
    with pytest.raises(ValueError, match="expected 1 <= hop <= window"):
        SlidingWindow(on_arrays(net.decode), window, hop)
