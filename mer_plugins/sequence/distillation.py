"""Learning from a teacher: a network trained elsewhere, which hears what the pupil hears.

A teacher has learnt from far more music than has ever been rated over time. Its embedding of an
excerpt is one more target beside the labels, and so are the valence and arousal that a ridge
regression on its embeddings gives, fitted on the training recordings alone. Raters of different
corpora read music differently, so each corpus has a regression of its own, held near what all
share (:mod:`mer_plugins.sequence.ridge`). Since a teacher answers for any sound, a share of the
excerpts is mixed with others: no listener rated the mixture, the teacher does (the "consistent
teacher" of Beyer et al., CVPR 2022). Nothing of the teacher is needed at extraction.

Letters: b excerpt, t segment of half a second, f row, n column, k number of an embedding,
h number of an encoding, c corpus, d dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from mer_plugins.errors import PluginError
from mer_plugins.sequence.augment import power_ratio, to_log_mel, to_power
from mer_plugins.sequence.checks import (
    check_at_least_zero,
    check_range,
    check_shares,
    check_types,
)
from mer_plugins.sequence.excerpts import Batch, LabelledTrack
from mer_plugins.sequence.front_end import FrontEndConfig
from mer_plugins.sequence.losses import combined_loss
from mer_plugins.sequence.ridge import Array, ridge_by_corpus

_HIDDEN = 256
_FAR = 4.0
_LISTENED_TO = 3
_AT_ONCE = 32
# How far from its middle a normal distribution's upper half has its mean, in deviations: what to
# expect of a recording of which only the sign is known.
_HALF = (2 / np.pi) ** 0.5


@dataclass(frozen=True)
class Distillation:
    """How much a teacher counts; everything is off by default.

    Parameters
    ----------
    embedding_weight : float
        Weight of the mean squared error of the embedding, in deviations.
    value_weight : float
        Weight of 1 - CCC against the values that the teacher's embedding gives.
    mixed : float
        Share of excerpts that are mixed with another of the same step.
    mix_db : tuple of float
        Lowest and highest level of the other against the first, in dB.
    """

    embedding_weight: float = 0.0
    value_weight: float = 0.0
    mixed: float = 0.0
    mix_db: tuple[float, float] = (-6.0, 6.0)

    def __post_init__(self) -> None:
        check_types(self)
        check_at_least_zero(self, "embedding_weight", "value_weight")
        check_shares(self, "mixed")
        check_range(self, "mix_db")
        if self.mixed and not self:
            raise ValueError("mixed excerpts have no labels: expected a weight for the teacher")

    def __bool__(self) -> bool:
        """Tell whether a teacher counts at all."""
        return bool(self.embedding_weight or self.value_weight)


class Teacher(Protocol):
    """A trained network that gives embeddings; of the plugin that `mer train --teacher` names."""

    identity: str
    """Name and SHA-256 of its weights, for the record of a run."""
    span: int
    """Segments that one embedding is of."""

    @property
    def size(self) -> int:
        """Numbers in an embedding."""
        ...

    @property
    def features(self) -> FrontEndConfig:
        """What it hears: raw samples in segments as long as the pupil's."""
        ...

    def __call__(self, samples: Tensor) -> Tensor:
        """Map samples at its rate, (b, m), `span` segments long, to embeddings, (b, k)."""
        ...


class Lesson(NamedTuple):
    """What a teacher says of a step: where in each excerpt it listened, and what it heard.

    Shapes: start (b,), in segments; embedding (b, k), in deviations; values (b, d).
    """

    start: Tensor
    embedding: Tensor
    values: Tensor


class Classroom(nn.Module):
    """A teacher, what is known of its embeddings, and the pupil's projection onto them.

    Parameters
    ----------
    teacher : Teacher
        The teacher.
    encoding : int
        Numbers in the pupil's encoding of a segment.
    corpora : iterable of str
        Those of the training data.
    settings : Distillation
        Weights and mixing.
    floor : float
        What the pupil's log-mel adds to the power before the logarithm.
    """

    mean: Tensor
    std: Tensor
    coefficients: Tensor
    fitted: Tensor

    def __init__(
        self,
        teacher: Teacher,
        encoding: int,
        corpora: Iterable[str],
        settings: Distillation,
        floor: float = 0.0,
    ) -> None:
        super().__init__()
        self.settings, self._floor = settings, floor
        self._number = {name: c for c, name in enumerate(sorted(set(corpora)))}
        # Not a submodule: its weights are not trained and not kept.
        self._teacher = [teacher]
        k = teacher.size
        self.project = nn.Sequential(nn.Linear(encoding, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, k))
        shapes = {"mean": (k,), "std": (k,), "coefficients": (len(self._number), k + 1, 2)}
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("fitted", torch.tensor(False))

    def fit(self, tracks: Sequence[LabelledTrack]) -> None:
        """Measure the teacher's embeddings and fit its values; once, which its state remembers.

        Parameters
        ----------
        tracks : sequence of LabelledTrack
            The training data, each with what the teacher hears of it (`heard`). A quadrant counts
            as a label, on the scale of the others.

        Raises
        ------
        PluginError
            If no track has labels where the teacher can listen.
        """
        if self.fitted:
            return
        embeddings, labels, of = _heard_and_rated(self._teacher[0], tracks)
        mean, std = embeddings.mean(axis=0), np.maximum(embeddings.std(axis=0), 1e-6)
        normal = ((embeddings - mean) / std).clip(-_FAR, _FAR)
        self.mean.copy_(torch.from_numpy(mean))
        self.std.copy_(torch.from_numpy(std))
        corpora = np.array([self._number[track.corpus] for track in of])
        coefficients = ridge_by_corpus(normal, labels, corpora, len(self._number))
        self.coefficients.copy_(torch.from_numpy(coefficients))
        self.fitted.fill_(True)

    @property
    def span(self) -> int:
        """Segments that one embedding is of."""
        return self._teacher[0].span

    def readings(self, tracks: Iterable[LabelledTrack]) -> Tensor:
        """Return the corpus as whose raters the teacher is to rate each, (b, c), 1 or 0."""
        numbers = torch.tensor([self._number[track.corpus] for track in tracks])
        return nn.functional.one_hot(numbers, len(self._number)).float()

    def mixed(
        self, batch: Batch, readings: Tensor, rng: np.random.Generator
    ) -> tuple[Batch, Tensor]:
        """Mix a share of the excerpts with others of the batch, and their readings, half and half.

        Nobody has rated these.
        """
        b = len(batch.mask)
        chosen = torch.from_numpy(rng.random(b) < self.settings.mixed)
        partner = torch.from_numpy(rng.permutation(b))[chosen]
        gain = torch.from_numpy(rng.uniform(*self.settings.mix_db, b)).float()[chosen]
        segments, heard = batch.segments.clone(), batch.heard.clone()
        other = batch.segments[partner]
        segments[chosen] = mixed_with(batch.segments[chosen], other, gain, self._floor)
        heard[chosen] += batch.heard[partner] * 10 ** (gain / 20).view(-1, 1, 1, 1)
        rated = (~chosen).float()[:, None]
        mixture = batch._replace(
            segments=segments,
            heard=heard,
            mask=batch.mask * rated,
            quadrants=batch.quadrants * rated,
        )
        blended = readings.clone()
        blended[chosen] = (readings[chosen] + readings[partner]) / 2
        return mixture, blended

    @torch.no_grad()
    def lesson(self, batch: Batch, readings: Tensor, rng: np.random.Generator) -> Lesson:
        """Let the teacher listen to `span` segments of each excerpt, wherever it has music."""
        places = (batch.present.sum(dim=1) - self.span + 1).clamp(min=1)
        start = (torch.from_numpy(rng.random(len(places))) * places).long()
        parts = [
            excerpt[first : first + self.span].flatten()
            for excerpt, first in zip(batch.heard, start, strict=True)
        ]
        teacher = self._teacher[0]
        embedding = torch.cat([teacher(part) for part in torch.split(torch.stack(parts), _AT_ONCE)])
        normal = ((embedding.to(self.mean) - self.mean) / self.std).clamp(-_FAR, _FAR)
        slopes, constants = self.coefficients[:, :-1], self.coefficients[:, -1]
        read = torch.einsum("bk,ckd->bcd", normal, slopes) + constants
        values = (readings.to(read)[..., None] * read).sum(dim=1)
        return Lesson(start.to(self.mean.device), normal, values)

    def forward(
        self, encoded: Tensor, estimate: Tensor, lesson: Lesson, columns: Sequence[int]
    ) -> Tensor:
        """Return the loss of encodings, (b, t, h), and estimates, (b, t, d), of `columns`."""
        within = self._within(lesson.start, estimate.shape[1])
        loss = estimate.sum() * 0
        if self.settings.embedding_weight:
            told = (self.project(encoded).float() * within).sum(dim=1)
            error = (told - lesson.embedding).square().mean()
            loss = loss + self.settings.embedding_weight * error
        if self.settings.value_weight:
            level = (estimate.float() * within).sum(dim=1)
            values = lesson.values[:, list(columns)]
            all_of_them = torch.ones(1, len(level), device=level.device)
            names = ["ccc"] * len(columns)
            error = combined_loss(names, level[None], values[None], all_of_them)
            loss = loss + self.settings.value_weight * error
        return loss

    def _within(self, start: Tensor, t: int) -> Tensor:
        """Weigh the segments that the teacher heard alike, (b, t, 1)."""
        positions = torch.arange(t, device=start.device)
        inside = (positions >= start[:, None]) & (positions < start[:, None] + self.span)
        return inside[..., None] / self.span


def _heard_and_rated(
    teacher: Teacher, tracks: Sequence[LabelledTrack]
) -> tuple[Array, Array, list[LabelledTrack]]:
    """Return the mean embedding of each track at a few places, its label, and the tracks."""
    parts, curves, of = [], [], []
    for track, places in _listened_to(teacher, tracks):
        parts.append(np.stack([track.heard[p : p + teacher.span].ravel() for p in places]))
        if track.quadrant is None:
            inside = np.concatenate([np.arange(p, p + teacher.span) for p in places])
            curves.append(track.labels[inside][track.mask[inside]].mean(axis=0))
        of.append(track)
    if not curves:
        raise PluginError(
            f"no recording has labels in {teacher.span} segments one after the other, which the "
            "teacher needs"
        )
    with torch.no_grad():
        embeddings = [teacher(torch.from_numpy(part.astype(np.float32))).mean(0) for part in parts]
    known = np.stack(curves).astype(np.float64)
    signs = np.array([track.quadrant or (0, 0) for track in of])
    labels = known.mean(axis=0) + _HALF * known.std(axis=0) * signs
    labels[[track.quadrant is None for track in of]] = known
    return torch.stack(embeddings).cpu().numpy().astype(np.float64), labels, of


def _listened_to(
    teacher: Teacher, tracks: Sequence[LabelledTrack]
) -> Iterator[tuple[LabelledTrack, list[int]]]:
    """Yield the tracks that have a quadrant, or labels where the teacher can listen, and where."""
    for track in tracks:
        last = len(track.mask) - teacher.span
        if last >= 0 and len(track.heard) == len(track.mask):
            places = sorted({int(p) for p in np.linspace(0, last, _LISTENED_TO)})
            if track.quadrant is None:
                places = [p for p in places if track.mask[p : p + teacher.span].any()]
            if places:
                yield track, places


def mixed_with(segments: Tensor, other: Tensor, gain: Tensor, floor: float) -> Tensor:
    """Mix two batches of log-mel, (b, t, f, n), by power, the other at a gain in dB, (b,).

    Sounds that have nothing to do with each other add up in power, but for the chance of their
    phases, which the teacher hears and the pupil does not.
    """
    ratio = power_ratio(gain).view(-1, 1, 1, 1)
    return to_log_mel(to_power(segments, floor) + ratio * to_power(other, floor), floor)
