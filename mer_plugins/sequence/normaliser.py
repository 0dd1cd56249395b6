"""Mean and deviation of each row of segments, against which a network sees them measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mer_plugins.sequence.excerpts import LabelledTrack


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Mean and standard deviation of each mel band (of all samples), shape=(f,), in training."""

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, tracks: Sequence[LabelledTrack]) -> Normaliser:
        """Measure the tracks, each weighing as much as it lasts; float64 sums.

        No band's deviation counts as less than that of the median band: where lossy coding took
        the top octave from all training data, its true deviation is next to nothing, and a
        recording that has its treble would reach the network thirty deviations away.
        """
        count = sum(t.segments.shape[0] * t.segments.shape[2] for t in tracks)
        total, square = np.zeros((2, tracks[0].segments.shape[1]))
        for track in tracks:
            values = track.segments.astype(np.float64)
            total += values.sum(axis=(0, 2))
            square += (values**2).sum(axis=(0, 2))
        mean = total / count
        std = np.sqrt(np.maximum(square / count - mean**2, 1e-8))
        std = np.maximum(std, np.median(std))
        return cls(torch.tensor(mean, dtype=torch.float32), torch.tensor(std, dtype=torch.float32))

    @classmethod
    def of(cls, mean: npt.NDArray[np.float32], std: npt.NDArray[np.float32]) -> Normaliser:
        """Make it of a checkpoint's arrays."""
        return cls(*(torch.tensor(values, dtype=torch.float32) for values in (mean, std)))

    def __call__(self, segments: Tensor) -> Tensor:
        """Normalise segments, shape=(..., f, n)."""
        return (segments - self.mean[:, None]) / self.std[:, None]

    def to(self, device: torch.device) -> Normaliser:
        """Return the same on another device."""
        return Normaliser(self.mean.to(device), self.std.to(device))
