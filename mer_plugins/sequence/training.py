"""The training loop of every neural plugin: one visible loop, one recipe.

Letters: b excerpt, t segment of half a second, f mel band, n frame, d dimension.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mer_plugins.errors import PluginError
from mer_plugins.sequence.augment import Augmenter
from mer_plugins.sequence.distillation import Classroom, Lesson, Teacher
from mer_plugins.sequence.excerpts import (
    Batch,
    Excerpt,
    LabelledTrack,
    collate,
    draw_excerpts,
    snippets,
)
from mer_plugins.sequence.losses import QuadrantLoss, combined_loss
from mer_plugins.sequence.networks import OnTensors, halves, of_lengths, on_arrays
from mer_plugins.sequence.normaliser import Normaliser
from mer_plugins.sequence.processor import has_bfloat16, keep_freed_memory
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.sliding import Array, SlidingWindow
from mer_plugins.sequence.smoothing import smoothed

_WARM_UP = 0.05
_ENCODED_AT_ONCE = 64
_OF_VALUES = "mse"


class OwnLoss(Protocol):
    """A network that brings its loss itself."""

    def own_loss(self, segments: Tensor, reference: Tensor, mask: Tensor) -> Tensor:
        """Return the loss of normalised (b, t, f, n), against labels (b, t, 2) where mask is 1."""
        ...


class Trainer:
    """Fits a network to labelled tracks, one epoch at a time.

    Parameters
    ----------
    model : torch.nn.Module
        Maps normalised segments (b, t, f, n) to (b, t, d); ``encode`` and ``decode`` as for
        extraction.
    recipe : Recipe
        Losses, window, optimiser, augmentation.
    tracks : sequence of LabelledTrack
        The training data, each with a label or a quadrant.
    dimensions : tuple of int
        Columns of the labels that the outputs stand for: (0, 1), or one of them.
    device : torch.device, optional
        Where to train; the processor unless told.
    normaliser : Normaliser, optional
        That of the tracks, where it is known; measured unless given.
    teacher : Teacher, optional
        For recipes that learn from one.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        tracks: Sequence[LabelledTrack],
        dimensions: tuple[int, ...] = (0, 1),
        device: torch.device | None = None,
        normaliser: Normaliser | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        keep_freed_memory()
        self.recipe, self.dimensions = recipe, dimensions
        self.tracks = snippets(tracks, recipe.excerpt) if recipe.snippets else tracks
        self.device = device or torch.device("cpu")
        self.model = model.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.model).eval()
        self.quadrants = QuadrantLoss(len(dimensions)).to(self.device)
        self.normaliser = (normaliser or Normaliser.fit(tracks)).to(self.device)
        self.classroom = self._classroom(teacher)
        aside = (self.quadrants, self.classroom) if self.classroom else (self.quadrants,)
        self.optimiser = torch.optim.AdamW(
            [*self.model.parameters(), *(p for module in aside for p in module.parameters())],
            lr=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
        )
        self.rng = np.random.default_rng(recipe.seed)
        self.augment = Augmenter(recipe.augmentation, recipe.features, recipe.seed)
        self.bfloat16 = has_bfloat16(self.device)
        self._losses = [_OF_VALUES if recipe.has_own_loss else recipe.losses[d] for d in dimensions]
        self._step_count = 0

    def _classroom(self, teacher: Teacher | None) -> Classroom | None:
        settings = self.recipe.distillation
        if not settings:
            return None
        if teacher is None:
            raise PluginError("this recipe learns from a teacher: expected one, by --teacher NAME")
        encode, _ = halves(self.average)
        with torch.no_grad():
            silence = torch.zeros(1, *self.recipe.features.segment_shape, device=self.device)
            encoded = encode(silence)
        if encoded.dim() != 2:
            raise PluginError("this network does not encode segments alone, as a teacher needs it")
        floor = getattr(self.recipe.features, "floor", 0.0)
        corpora = (track.corpus for track in self.tracks)
        return Classroom(teacher, encoded.shape[1], corpora, settings, floor).to(self.device)

    @property
    def _is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def steps_per_epoch(self) -> int:
        """Steps of the optimiser in one pass, at most."""
        return math.ceil(len(self.tracks) / self.recipe.batch_size)

    def epoch(self, tell: Callable[[float], None] = lambda loss: None) -> float:
        """Run one pass over the tracks; return its mean loss. `tell` hears that of each step."""
        self.model.train()
        if self.classroom is not None:
            self.classroom.fit(self.tracks)
        share = self.recipe.augmentation.reencoded
        order = list(draw_excerpts(self.tracks, self.recipe.excerpt, share, self.rng))
        losses = []
        for batch in self._batches(order):
            losses.append(self._step(batch))
            tell(losses[-1])
        return float(np.mean(losses))

    def _batches(self, order: Sequence[Excerpt]) -> list[Sequence[Excerpt]]:
        size = self.recipe.batch_size
        batches = [order[i : i + size] for i in range(0, len(order), size)]
        # One segment alone has no deviation, which batch normalisation divides by.
        if len(batches) > 1 and size > 1 and self._is_one_segment(batches[-1]):
            *batches, before, last = batches
            batches.append([*before, *last])
        modules = self.model.modules()
        divides = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in modules)
        if divides and any(map(self._is_one_segment, batches)):
            raise PluginError(
                f"a batch is a single segment of {self.recipe.features.segment_s:g} s, which this "
                "network cannot normalise: expected a batch_size of 2 or more and longer recordings"
            )
        return batches

    def _is_one_segment(self, excerpts: Sequence[Excerpt]) -> bool:
        return len(excerpts) == self._longest(excerpts) == 1

    def _longest(self, excerpts: Sequence[Excerpt]) -> int:
        return min(self.recipe.excerpt, max(len(e.track.mask) for e in excerpts))

    def _step(self, excerpts: Sequence[Excerpt]) -> float:
        batch, lesson = self._batch(excerpts)
        self._set_learning_rate()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            loss = self._loss(self.normaliser(batch.segments), batch, lesson)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.optimiser.step()
        self._step_count += 1
        self._average()
        return float(loss.detach())

    def _batch(self, excerpts: Sequence[Excerpt]) -> tuple[Batch, Lesson | None]:
        batch = collate(excerpts, self._longest(excerpts), self.normaliser.mean)
        lesson = None
        if self.classroom is not None:
            readings = self.classroom.readings(e.track for e in excerpts)
            batch, readings = self.classroom.mixed(batch, readings, self.rng)
            lesson = self.classroom.lesson(batch, readings, self.rng)
        segments, mask = self.augment(batch.segments, batch.mask)
        batch = batch._replace(segments=segments, mask=mask)
        return Batch(*(tensor.to(self.device) for tensor in batch)), lesson

    def _loss(self, segments: Tensor, batch: Batch, lesson: Lesson | None) -> Tensor:
        if self.recipe.has_own_loss:
            network = cast(OwnLoss, self.model)
            return network.own_loss(segments, batch.labels, batch.mask)
        columns = list(self.dimensions)
        taught: Tensor | float = 0.0
        if lesson is None and batch.present.all():
            estimate: Tensor = self.model(segments)
        else:
            encoded, estimate = of_lengths(self.model, segments, batch.present)
            if self.classroom is not None and lesson is not None:
                taught = self.classroom(encoded, estimate, lesson, columns)
        loss = combined_loss(self._losses, estimate, batch.labels[..., columns], batch.mask)
        loss = loss + taught
        if self.recipe.quadrant_weight:
            known = batch.quadrants[:, columns]
            weight = self.recipe.quadrant_weight
            loss = loss + weight * self.quadrants(estimate, batch.present, known)
        return loss

    def _set_learning_rate(self) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * self._rate_factor()

    def _rate_factor(self) -> float:
        if self.recipe.schedule == "constant":
            return 1.0
        done = self._step_count / (self.recipe.epochs * self.steps_per_epoch)
        return min(1.0, (done + 1e-3) / _WARM_UP) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    @torch.no_grad()
    def _average(self) -> None:
        """Move the kept weights towards the current ones; early on, faster (as a plain mean)."""
        decay = min(self.recipe.average_decay, 1 - 1 / self._step_count)
        current = self.model.state_dict()
        for name, kept in self.average.state_dict().items():
            if kept.is_floating_point():
                kept.lerp_(current[name], 1 - decay)
            else:
                kept.copy_(current[name])

    @torch.no_grad()
    def predict(self, track: LabelledTrack) -> npt.NDArray[np.float64]:
        """Predict a track as extraction does, with the kept weights, shape=(t, d)."""
        encode, decode = halves(self.average)
        count = math.ceil(len(track.mask) / _ENCODED_AT_ONCE)
        parts = [
            encode(self.normaliser(torch.from_numpy(part.astype(np.float32)).to(self.device)))
            for part in np.array_split(track.segments, count)
        ]
        encoded = torch.cat(parts).cpu().numpy()
        columns = [self._slide(decode, encoded, self.recipe.hops[d]) for d in self.dimensions]
        values = np.stack([found[:, i] for i, found in enumerate(columns)], axis=1)
        return smoothed(values.astype(np.float64), self.recipe.smoothing).clip(-1, 1)

    def _slide(self, decode: OnTensors, encoded: Array, hop: int) -> Array:
        on_windows = on_arrays(decode, self.device)
        window = SlidingWindow(on_windows, self.recipe.window, hop, len(self.dimensions))
        return np.concatenate([window.feed(encoded), window.finish()])

    def validation_loss(self, tracks: Sequence[LabelledTrack]) -> float:
        """Return the recipe's loss over whole tracks, with the kept weights; NaN without labels.

        Where the network has a loss of its own, it is the mean squared error of its values.
        """
        labelled = [track for track in tracks if track.mask.any()]
        if not labelled:
            return math.nan
        longest = max(len(track.mask) for track in labelled)
        estimate, reference = np.zeros((2, len(labelled), longest, len(self.dimensions)))
        mask = np.zeros((len(labelled), longest))
        for i, track in enumerate(labelled):
            length = len(track.mask)
            estimate[i, :length] = self.predict(track)
            reference[i, :length] = np.where(track.mask[:, None], track.labels, 0)[
                :, list(self.dimensions)
            ]
            mask[i, :length] = track.mask
        tensors = [torch.from_numpy(x).float() for x in (estimate, reference, mask)]
        return float(combined_loss(self._losses, *tensors))

    def state(self) -> dict[str, Any]:
        """Return everything that the next epoch depends on, for :meth:`restore`."""
        return {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "quadrants": self.quadrants.state_dict(),
            "classroom": self.classroom.state_dict() if self.classroom else {},
            "optimiser": self.optimiser.state_dict(),
            "step_count": self._step_count,
            "rng": self.rng.bit_generator.state,
            "augment": self.augment.random.get_state(),
            "torch": torch.get_rng_state(),
            **({"cuda": torch.cuda.get_rng_state(self.device)} if self._is_cuda else {}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state: the same data and recipe then give the same weights."""
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.quadrants.load_state_dict(state["quadrants"])
        if self.classroom:
            self.classroom.load_state_dict(state["classroom"])
        self.optimiser.load_state_dict(state["optimiser"])
        self._step_count = state["step_count"]
        self.rng.bit_generator.state = state["rng"]
        self.augment.random.set_state(state["augment"])
        torch.set_rng_state(state["torch"])
        # States of older versions have none.
        if self._is_cuda and "cuda" in state:
            torch.cuda.set_rng_state(state["cuda"], self.device)
