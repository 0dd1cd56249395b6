"""MusiCNN in PyTorch, from samples to its embedding, with the published weights.

It is the network that Essentia's TensorFlow runs, in batches and wherever PyTorch runs: embeddings
agree with those of ``TensorflowPredictMusiCNN`` to rounding (a test holds them to each other).

Source: Pons and Serra, musicnn, arXiv:1909.06654; the graph of ``msd-musicnn-1.pb``; Essentia's
``TensorflowInputMusiCNN`` (frames of 512 at 16 kHz, a symmetric Hann window, 96 bands of Slaney's
mel scale with unit area, log10(1 + 10000 power)).

Letters: b patch, f mel band, n frame, p position of a filter along the bands, c channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d, pad, relu

from mer_adapters.frozen_graph import read_constants
from mer_adapters.musicnn_backbone import FRAME_HOP, PATCH_FRAMES, SAMPLE_RATE
from mer_plugins.errors import CheckpointError

N_FFT, N_MELS = 512, 96
_COMPRESSION = 10_000.0
_BN_EPS = 1e-3
# Filters that lie along the bands, those that lie along time, and the layers after them.
_TIMBRAL, _TEMPORAL, _MIDDLE = (0, 1), (2, 3, 4), (5, 6, 7)
_LAST_NORM = 9

Weights = Mapping[str, npt.NDArray[np.float32]]


class MusiCNN(nn.Module):
    """The network of the frozen graph, without its tags.

    Parameters
    ----------
    path : pathlib.Path
        ``msd-musicnn-1.pb``.
    dtype : torch.dtype
        What the filters multiply in; in bfloat16 embeddings move by 1 % of their deviation.

    Raises
    ------
    CheckpointError
        If the file cannot be read or is another network.
    """

    window: Tensor
    mel: Tensor
    slope0: Tensor
    offset0: Tensor
    dense: Tensor
    dense_bias: Tensor

    def __init__(self, path: Path, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self._dtype = dtype
        weights = read_constants(path)
        try:
            self._keep(weights)
        except (KeyError, ValueError) as exc:
            raise CheckpointError(
                f"{path}: is not MusiCNN ({exc}): expected msd-musicnn-1.pb"
            ) from exc
        self.register_buffer("window", torch.hann_window(N_FFT, periodic=False), persistent=False)
        self.register_buffer("mel", torch.from_numpy(mel_filters()).float(), persistent=False)

    def _keep(self, weights: Weights) -> None:
        for layer in (0, *(i + 1 for i in (*_TIMBRAL, *_TEMPORAL, *_MIDDLE)), _LAST_NORM):
            gamma, beta, mean, variance = (
                weights[f"{_numbered('batch_normalization', layer)}/{name}"]
                for name in ("gamma", "beta", "moving_mean", "moving_variance")
            )
            slope = gamma / np.sqrt(variance + _BN_EPS)
            self._buffer(f"slope{layer}", slope)
            self._buffer(f"offset{layer}", beta - mean * slope)
        for layer in (*_TIMBRAL, *_TEMPORAL, *_MIDDLE):
            name = _numbered("conv2d", layer)
            # (time, band, 1, channel); after the bands are gone, what was a channel is a band.
            self._buffer(f"kernel{layer}", weights[f"{name}/kernel"][:, :, 0])
            self._buffer(f"bias{layer}", weights[f"{name}/bias"])
        self._buffer("dense", weights["dense/kernel"])
        self._buffer("dense_bias", weights["dense/bias"])

    def _buffer(self, name: str, values: npt.NDArray[np.float32]) -> None:
        self.register_buffer(name, torch.tensor(values), persistent=False)

    @property
    def size(self) -> int:
        """Numbers in an embedding."""
        return self.dense_bias.shape[0]

    def spectrum(self, samples: Tensor) -> Tensor:
        """Map samples at 16 kHz, (b, m), to (b, n, f); the first frame is centred on the first.

        There is a frame for every 256 samples, the last one begun included.
        """
        frames = pad(samples, (N_FFT // 2, N_FFT)).unfold(1, N_FFT, FRAME_HOP)
        count = -(-samples.shape[1] // FRAME_HOP)
        power = torch.fft.rfft(frames[:, :count] * self.window).abs().square()
        return torch.log10(1 + _COMPRESSION * power @ self.mel)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Map patches, (b, n, f), of 187 frames each, to embeddings, (b, size)."""
        x = (spectrum.transpose(1, 2) * self.slope0 + self.offset0).to(self._dtype)
        front = torch.cat(
            [
                *(self._timbral(i, x) for i in _TIMBRAL),
                *(self._temporal(i, x) for i in _TEMPORAL),
            ],
            dim=1,
        )
        middle = [self._middle(_MIDDLE[0], front)]
        for layer in _MIDDLE[1:]:
            middle.append(self._middle(layer, middle[-1]) + middle[-1])
        found = torch.cat([front, *middle], dim=1)
        pooled = torch.stack([found.amax(dim=2), found.mean(dim=2)], dim=2).flatten(1)
        norm = pooled * self._of("slope", _LAST_NORM) + self._of("offset", _LAST_NORM)
        embedding: Tensor = norm @ self.dense + self.dense_bias
        return embedding.float()

    def _of(self, name: str, layer: int) -> Tensor:
        found: Tensor = getattr(self, f"{name}{layer}")
        return found

    def _timbral(self, layer: int, x: Tensor) -> Tensor:
        """Filter some bands and 7 frames at a time, (b, f, n) -> (b, c, n)."""
        length, bands, _ = self._of("kernel", layer).shape
        frames = pad(x, (length // 2, length // 2)).unfold(2, length, 1)
        return self._highest(layer, frames.unfold(1, bands, 1))

    def _temporal(self, layer: int, x: Tensor) -> Tensor:
        """Filter one band and many frames at a time, (b, f, n) -> (b, c, n)."""
        length = self._of("kernel", layer).shape[0]
        # "Same" as TensorFlow has it: of an odd sum, the end gets the larger half.
        frames = pad(x, ((length - 1) // 2, length // 2)).unfold(2, length, 1)
        return self._highest(layer, frames[..., None])

    def _highest(self, layer: int, views: Tensor) -> Tensor:
        """Convolve, rectify, normalise and keep the highest position of all.

        `views` is what the filter sees at each place, (b, p, n, time, bands); returns (b, c, n).
        Of a channel whose normalisation falls, the highest is the lowest before it: there the
        filter is turned round. One patch at a time stays in cache.
        """
        kernel, slope = self._of("kernel", layer), self._of("slope", layer + 1)
        sign = torch.where(slope < 0, -1.0, 1.0)
        filters = (kernel.flatten(0, 1) * sign).to(self._dtype)
        found = [
            (view.reshape(-1, filters.shape[0]) @ filters).view(*view.shape[:2], -1).amax(dim=0)
            for view in views
        ]
        extreme = torch.stack(found).float() * sign + self._of("bias", layer)
        return (relu(extreme) * slope + self._of("offset", layer + 1)).transpose(1, 2)

    def _middle(self, layer: int, x: Tensor) -> Tensor:
        """Convolve along time, (b, c, n) -> (b, 64, n)."""
        kernel = self._of("kernel", layer)
        found = relu(
            conv1d(
                x, kernel.permute(2, 1, 0), self._of("bias", layer), padding=kernel.shape[0] // 2
            )
        )
        return (
            found * self._of("slope", layer + 1)[:, None] + self._of("offset", layer + 1)[:, None]
        )


def patches(spectrum: Tensor, count: int) -> Tensor:
    """Cut `count` patches of 187 frames evenly from (b, n, f), first and last flush with the ends.

    What is shorter than a patch is filled up with its own frames, as Essentia does.

    Returns
    -------
    Tensor, shape=(b, count, 187, f)
    """
    n = spectrum.shape[1]
    if n < PATCH_FRAMES:
        return spectrum[:, torch.arange(PATCH_FRAMES) % n][:, None].expand(-1, count, -1, -1)
    starts = np.linspace(0, n - PATCH_FRAMES, count).round().astype(int)
    return torch.stack([spectrum[:, s : s + PATCH_FRAMES] for s in starts], dim=1)


def mel_filters() -> npt.NDArray[np.float64]:
    """Return Slaney's mel filters with unit area, shape=(257, 96), from 0 to 8000 Hz."""
    edges = _hz(np.linspace(_mel(0.0), _mel(SAMPLE_RATE / 2), N_MELS + 2))
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    hz = np.arange(N_FFT // 2 + 1)[:, None] * SAMPLE_RATE / N_FFT
    rising, falling = (hz - low) / (centre - low), (high - hz) / (high - centre)
    filters: npt.NDArray[np.float64] = np.minimum(rising, falling).clip(0) * 2 / (high - low)
    return filters


_LINEAR_UP_TO_HZ, _LINEAR_MELS, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27


def _mel(hz: float) -> float:
    if hz < _LINEAR_UP_TO_HZ:
        return hz * _LINEAR_MELS / _LINEAR_UP_TO_HZ
    return float(_LINEAR_MELS + np.log(hz / _LINEAR_UP_TO_HZ) / _LOG_STEP)


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    linear = mel * _LINEAR_UP_TO_HZ / _LINEAR_MELS
    above = _LINEAR_UP_TO_HZ * np.exp((mel - _LINEAR_MELS) * _LOG_STEP)
    hz: npt.NDArray[np.float64] = np.where(mel < _LINEAR_MELS, linear, above)
    return hz


def _numbered(name: str, layer: int) -> str:
    return f"{name}_{layer}" if layer else name
