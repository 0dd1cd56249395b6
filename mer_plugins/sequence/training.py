"""The training loop of every neural plugin: one visible loop, one recipe.

Letters: b excerpt, t segment of half a second, f mel band, n frame, d dimension.
"""

from __future__ import annotations

import copy
import ctypes
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mer_plugins.sequence.losses import combined_loss
from mer_plugins.sequence.recipe import Recipe

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


@dataclass(frozen=True, eq=False)
class LabelledTrack:
    """Features and labels of one recording on one grid.

    Parameters
    ----------
    name : str
        For messages and per-song scores.
    segments : np.ndarray, shape=(t, f, n)
        Log-mel segments.
    labels : np.ndarray, shape=(t, 2)
        (valence, arousal) in [-1, 1]; any number where there is no label.
    mask : np.ndarray, shape=(t,)
        True where a label exists.
    """

    name: str
    segments: npt.NDArray[np.float32]
    labels: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Mean and standard deviation of each mel band, shape=(f,), over the training data."""

    mean: Tensor
    std: Tensor

    @classmethod
    def fit(cls, tracks: Sequence[LabelledTrack]) -> Normaliser:
        """Measure the tracks, each weighing as much as it lasts; float64 sums."""
        count = sum(t.segments.shape[0] * t.segments.shape[2] for t in tracks)
        total = sum(t.segments.sum(axis=(0, 2), dtype=np.float64) for t in tracks)
        square = sum((t.segments.astype(np.float64) ** 2).sum(axis=(0, 2)) for t in tracks)
        mean = np.asarray(total) / count
        std = np.sqrt(np.maximum(np.asarray(square) / count - mean**2, 1e-8))
        return cls(torch.tensor(mean, dtype=torch.float32), torch.tensor(std, dtype=torch.float32))

    def __call__(self, segments: Tensor) -> Tensor:
        """Normalise log-mel, shape=(..., f, n)."""
        return (segments - self.mean[:, None]) / self.std[:, None]


@dataclass
class History:
    """Mean training loss of each epoch."""

    loss: list[float] = field(default_factory=list)


def keep_freed_memory() -> None:
    """Let glibc keep what a step frees, for the next step.

    Activations are large and short-lived; given back to the system and fetched again page by page,
    they cost two thirds of the time of a step. Other C libraries are left as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, -1)


def has_bfloat16() -> bool:
    """Tell whether this processor multiplies bfloat16 in hardware."""
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe and probe())


def excerpts(
    tracks: Sequence[LabelledTrack], window: int, rng: np.random.Generator
) -> Iterator[tuple[LabelledTrack, int]]:
    """Yield each track once, in random order, with the random start of its excerpt."""
    for index in rng.permutation(len(tracks)):
        track = tracks[int(index)]
        yield track, int(rng.integers(0, max(1, len(track.mask) - window + 1)))


def collate(
    batch: Sequence[tuple[LabelledTrack, int]], window: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Stack excerpts to (b, t, f, n), (b, t, d), (b, t); what a short track lacks is masked."""
    f, n = batch[0][0].segments.shape[1:]
    segments = np.zeros((len(batch), window, f, n), dtype=np.float32)
    labels = np.zeros((len(batch), window, 2), dtype=np.float32)
    mask = np.zeros((len(batch), window), dtype=np.float32)
    for i, (track, start) in enumerate(batch):
        part = slice(start, start + window)
        length = len(track.mask[part])
        segments[i, :length] = track.segments[part]
        mask[i, :length] = track.mask[part]
        labels[i, :length] = np.where(track.mask[part, None], track.labels[part], 0)
    return torch.from_numpy(segments), torch.from_numpy(labels), torch.from_numpy(mask)


class Trainer:
    """Fits a network to labelled tracks, one epoch at a time.

    Parameters
    ----------
    model : torch.nn.Module
        Maps normalised segments (b, t, f, n) to (b, t, d).
    recipe : Recipe
        Losses, window, optimiser.
    tracks : sequence of LabelledTrack
        The training data, each with at least one label.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, tracks: Sequence[LabelledTrack]) -> None:
        keep_freed_memory()
        self.recipe, self.tracks = recipe, tracks
        self.model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.normaliser = Normaliser.fit(tracks)
        self.average = copy.deepcopy(model).eval()
        self.optimiser = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
        self.rng = np.random.default_rng(recipe.seed)
        self.bfloat16 = has_bfloat16()
        self.history = History()
        self._steps = 0

    def epoch(self) -> float:
        """Run one pass over the tracks; return its mean loss."""
        self.model.train()
        order = list(excerpts(self.tracks, self.recipe.window, self.rng))
        size = self.recipe.batch_size
        losses = [self._step(order[i : i + size]) for i in range(0, len(order), size)]
        self.history.loss.append(float(np.mean(losses)))
        return self.history.loss[-1]

    def _step(self, batch: Sequence[tuple[LabelledTrack, int]]) -> float:
        segments, labels, mask = collate(batch, self.recipe.window)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            estimate = self.model(self.normaliser(segments))
        loss = combined_loss(self.recipe.losses, estimate, labels, mask)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        self._average()
        return float(loss.detach())

    @torch.no_grad()
    def _average(self) -> None:
        """Move the kept weights towards the current ones; early on, faster (as a plain mean)."""
        self._steps += 1
        decay = min(self.recipe.average_decay, 1 - 1 / self._steps)
        current = self.model.state_dict()
        for name, kept in self.average.state_dict().items():
            if kept.is_floating_point():
                kept.lerp_(current[name], 1 - decay)
            else:
                kept.copy_(current[name])

    @torch.no_grad()
    def predict(self, track: LabelledTrack) -> npt.NDArray[np.float64]:
        """Predict a whole track in one window with the kept weights, shape=(t, 2)."""
        segments = self.normaliser(torch.from_numpy(track.segments))[None]
        values: npt.NDArray[np.float64] = self.average(segments)[0].double().numpy()
        return values
