"""Augmentation of training excerpts: what copies of one recording differ in, done to log-mel.

A filter multiplies the power of each band, so gain, equaliser and low-pass are exact up to their
slope within a band, and noise adds its own power; all of it costs a hundredth of what filtering the
samples and computing the spectrogram again would. Pitch and tempo stay: they move the emotion.

Letters: b excerpt, t segment of half a second, f mel band, n frame in a segment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from mer_plugins.sequence.checks import (
    check_at_least_zero,
    check_range,
    check_shares,
    check_types,
)
from mer_plugins.sequence.front_end import FrontEndConfig
from mer_plugins.sequence.logmel import LogMelConfig, mel_edges

_LN10_10 = math.log(10) / 10
# Far below what a 16-bit recording holds.
_STOP_BAND_DB = 90.0
_TRANSITION_BANDS = 2.0
_EQ_POINTS = 6


@dataclass(frozen=True)
class Augmentation:
    """How strongly excerpts are varied; everything is off by default.

    Parameters
    ----------
    gain_db : float
        Level changes uniformly within +- this many dB.
    eq_db : float
        Standard deviation in dB of a smooth random curve over the mel bands.
    low_pass : float
        Share of excerpts that lose their treble, from `low_pass_hz` (lowest) to the highest band.
    low_pass_hz : float
        Lowest cut-off, in Hz; cut-offs are uniform on the mel scale.
    noise : float
        Share of excerpts with added noise, white to brown.
    noise_snr_db : tuple of float
        Lowest and highest ratio of signal to noise, in dB.
    shift_frames : int
        Time shift of the features against the labels, uniform within +- this many frames; the
        segments that would reach outside the excerpt lose their label.
    reencoded : float
        Share of excerpts taken from the lossy copies of a recording, where it has any.
    frequency_masks, time_masks : int
        SpecAugment (Park et al. 2019): number of masks, filled with the excerpt's mean.
    frequency_mask_bands, time_mask_frames : int
        Largest width of a mask.
    """

    gain_db: float = 0.0
    eq_db: float = 0.0
    low_pass: float = 0.0
    low_pass_hz: float = 6_000.0
    noise: float = 0.0
    noise_snr_db: tuple[float, float] = (10.0, 40.0)
    shift_frames: int = 0
    reencoded: float = 0.0
    frequency_masks: int = 0
    frequency_mask_bands: int = 16
    time_masks: int = 0
    time_mask_frames: int = 50

    @property
    def needs_log_mel(self) -> bool:
        """Whether anything is on that is done to log-mel, and to no other segments."""
        filtered = self.gain_db or self.eq_db or self.low_pass or self.noise
        return bool(filtered or self.frequency_masks or self.time_masks)

    def __post_init__(self) -> None:
        check_types(self)
        check_shares(self, "low_pass", "noise", "reencoded")
        check_at_least_zero(self, "gain_db", "eq_db", "low_pass_hz", "shift_frames")
        check_at_least_zero(self, "frequency_masks", "frequency_mask_bands")
        check_at_least_zero(self, "time_masks", "time_mask_frames")
        check_range(self, "noise_snr_db")


def to_power(log_mel: Tensor, floor: float) -> Tensor:
    """Return the power of each band and frame; what the floor hides is silence."""
    return (log_mel.exp() - floor).clamp_(min=0)


def to_log_mel(power: Tensor, floor: float) -> Tensor:
    """Return log-mel of power, which is overwritten."""
    return power.add_(floor).log_()


def power_ratio(db: Tensor) -> Tensor:
    """Turn decibels into ratios of power."""
    return torch.exp(db * _LN10_10)


class Augmenter:
    """Varies batches of log-mel excerpts, each excerpt on its own.

    Parameters
    ----------
    augmentation : Augmentation
        What to do.
    features : FrontEndConfig
        The front end the excerpts come from; log-mel, unless there is nothing but a shift.
    seed : int
        The same seed and batches give the same result.
    """

    def __init__(self, augmentation: Augmentation, features: FrontEndConfig, seed: int) -> None:
        self.augmentation = augmentation
        if isinstance(features, LogMelConfig):
            self.features = features
        elif augmentation.needs_log_mel:
            raise ValueError(f"front end is {features}: expected log-mel")
        self.random = torch.Generator().manual_seed(seed)

    @cached_property
    def _centres(self) -> Tensor:
        return torch.from_numpy(mel_edges(self.features)[1:-1]).float()

    def __call__(self, segments: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Vary log-mel (b, t, f, n) and mask (b, t) of where labels exist; returns new ones."""
        a = self.augmentation
        if a.shift_frames:
            segments, mask = self._shifted(segments, mask)
        if a.gain_db or a.eq_db or a.low_pass or a.noise:
            segments = self._filtered(segments)
        if a.frequency_masks or a.time_masks:
            segments = self._masked(segments)
        return segments, mask

    def _uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.random)

    def _filtered(self, segments: Tensor) -> Tensor:
        floor = self.features.floor
        power = to_power(segments, floor)
        curve = self.gains_db(len(segments))
        power *= power_ratio(curve)[:, None, :, None]
        if self.augmentation.noise:
            power += self._noise(power)
        return to_log_mel(power, floor)

    def gains_db(self, b: int) -> Tensor:
        """Draw the filter of each excerpt: gain, equaliser and low-pass in dB, shape=(b, f)."""
        a, f = self.augmentation, self.features.n_mels
        points = torch.randn(b, 1, _EQ_POINTS, generator=self.random) * a.eq_db
        curve = interpolate(points, size=f, mode="linear", align_corners=True)[:, 0]
        gains = curve + self._uniform(-a.gain_db, a.gain_db, b, 1)
        return gains - self._low_pass_db(b)

    def _low_pass_db(self, b: int) -> Tensor:
        a, bands = self.augmentation, torch.arange(self.features.n_mels).float()
        lowest = float((self._centres < a.low_pass_hz).sum())
        cut = self._uniform(lowest, self.features.n_mels, b, 1)
        depth = ((bands - cut) / _TRANSITION_BANDS).clamp(0, 1) * _STOP_BAND_DB
        return depth * (self._uniform(0, 1, b, 1) < a.low_pass)

    def _noise(self, power: Tensor) -> Tensor:
        a, (b, t, f, n) = self.augmentation, power.shape
        slope = self._uniform(0, 2, b, 1)
        spectrum = (self._centres / 1000).clamp(min=0.05).pow(-slope)
        snr = self._uniform(*a.noise_snr_db, b, 1)
        # Mel filters have unit area: their sum weighed by width would be the power of all bins.
        ratio = power.mean(dim=(1, 3)).mean(dim=1, keepdim=True) / spectrum.mean(1, keepdim=True)
        level = spectrum * ratio * power_ratio(-snr)
        level = level * (self._uniform(0, 1, b, 1) < a.noise)
        # The power of noise in one band and frame is exponentially distributed.
        noisy = level.any(dim=1)
        grain = torch.rand(int(noisy.sum()), t, f, n, generator=self.random)
        noise = torch.zeros_like(power)
        noise[noisy] = level[noisy, None, :, None] * -torch.log(grain.clamp_(min=1e-7))
        return noise

    def _shifted(self, segments: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        b, t, _, n = segments.shape
        reach = self.augmentation.shift_frames
        steps = torch.randint(-reach, reach + 1, (b,), generator=self.random)
        shifted, kept = torch.empty_like(segments), mask.clone()
        for i, step in enumerate(steps.tolist()):
            frames = segments[i].transpose(0, 1).flatten(1)
            shifted[i] = frames.roll(step, dims=1).view(-1, t, n).transpose(0, 1)
            outside = math.ceil(abs(step) / n)
            kept[i, : outside if step > 0 else 0] = 0
            kept[i, t - (outside if step < 0 else 0) :] = 0
        return shifted, kept

    def _masked(self, segments: Tensor) -> Tensor:
        a, (b, t, f, n) = self.augmentation, segments.shape
        bands = self._holes(b, a.frequency_masks, a.frequency_mask_bands, f)[:, None, :, None]
        frames = self._holes(b, a.time_masks, a.time_mask_frames, t * n).view(b, t, 1, n)
        return torch.where(bands | frames, segments.mean(dim=(1, 2, 3), keepdim=True), segments)

    def _holes(self, b: int, count: int, widest: int, size: int) -> Tensor:
        holes = torch.zeros(b, size, dtype=torch.bool)
        positions = torch.arange(size)
        for _ in range(count):
            width = torch.randint(0, min(widest, size) + 1, (b, 1), generator=self.random)
            start = (torch.rand(b, 1, generator=self.random) * (size - width + 1)).long()
            holes |= (positions >= start) & (positions < start + width)
        return holes
