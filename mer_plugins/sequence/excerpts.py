"""Labelled recordings, and the batches of excerpts that are drawn from them.

Letters: b excerpt, t segment of half a second, f mel band, n frame, d dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from mer_plugins.trained_on import Identity

Segments = npt.NDArray[np.floating[Any]]


NOTHING_HEARD: Segments = np.zeros((0, 1, 0), np.float16)
"""What a teacher hears where there is none."""


@dataclass(frozen=True, eq=False)
class LabelledTrack:
    """Features and labels of one recording on one grid.

    Parameters
    ----------
    name : str
        For messages and whatever is kept of each song; no two of a run share one.
    segments : np.ndarray, shape=(t, f, n)
        Segments of a front end, any float type; may be mapped from a file.
    labels : np.ndarray, shape=(t, 2)
        (valence, arousal) in [-1, 1]; any number where there is no label.
    mask : np.ndarray, shape=(t,)
        True where a label exists.
    quadrant : tuple of float, optional
        For recordings that only have one of Russell's quadrants: the signs of valence and arousal.
    group : str
        Artist, series or whatever must not be trained on and tested at once.
    corpus : str
        Of the annotation that counts: raters of different corpora read music differently.
    song_ids : frozenset of str
        Names that a table of folds may call it by.
    copies : tuple of np.ndarray, each shape=(t, f, n)
        Segments of lossy copies, for augmentation.
    identity : Identity
        What the list of songs that weights were trained on calls it by.
    heard : np.ndarray, shape=(t, 1, m)
        What a teacher hears of it (:mod:`mer_plugins.sequence.distillation`); empty without one.
    """

    name: str
    segments: Segments
    labels: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_]
    quadrant: tuple[float, float] | None = None
    group: str = ""
    corpus: str = ""
    song_ids: frozenset[str] = frozenset()
    copies: tuple[Segments, ...] = ()
    identity: Identity = field(default_factory=Identity)
    heard: Segments = field(default_factory=lambda: NOTHING_HEARD)


class Excerpt(NamedTuple):
    """Part of a track, from one of its copies or from itself."""

    track: LabelledTrack
    start: int
    segments: Segments


class Batch(NamedTuple):
    """Excerpts of equal length; what a short recording lacks is neither labelled nor present.

    Shapes: segments (b, t, f, n); labels (b, t, d); mask and present (b, t), 1 or 0;
    quadrants (b, d), +1, -1, or 0 where there is none; heard (b, t, 1, m), m = 0 without a teacher.
    """

    segments: Tensor
    labels: Tensor
    mask: Tensor
    present: Tensor
    quadrants: Tensor
    heard: Tensor


def draw_excerpts(
    tracks: Sequence[LabelledTrack], window: int, copied: float, rng: np.random.Generator
) -> Iterator[Excerpt]:
    """Yield each track once, in random order, from a random start.

    Where a track has labels, the excerpt has one of them at least. A share `copied` of those that
    have lossy copies comes from one of these.
    """
    for index in rng.permutation(len(tracks)):
        track = tracks[int(index)]
        starts = _starts(track.mask, window)
        start = int(starts[rng.integers(0, len(starts))])
        chosen = track.segments
        if copied and rng.random() < copied and track.copies:
            chosen = track.copies[int(rng.integers(len(track.copies)))]
        yield Excerpt(track, start, chosen)


def snippets(tracks: Iterable[LabelledTrack], length: int) -> list[LabelledTrack]:
    """Cut tracks into consecutive parts of `length` segments, so that each pass hears all of them.

    The last part of a track may be shorter. Parts without a label are left out; tracks that have
    none, or are no longer than a part, stay whole.
    """
    return [part for track in tracks for part in _cut(track, length)]


def _cut(track: LabelledTrack, length: int) -> list[LabelledTrack]:
    if not track.mask.any() or len(track.mask) <= length:
        return [track]
    parts = [slice(start, start + length) for start in range(0, len(track.mask), length)]
    return [_part(track, part) for part in parts if track.mask[part].any()]


def _part(track: LabelledTrack, part: slice) -> LabelledTrack:
    return replace(
        track,
        segments=track.segments[part],
        labels=track.labels[part],
        mask=track.mask[part],
        copies=tuple(copy[part] for copy in track.copies),
        heard=track.heard[part],
    )


def _starts(mask: npt.NDArray[np.bool_], window: int) -> npt.NDArray[np.intp]:
    """Return where excerpts may start: where they touch labels, if there are any."""
    touching = sliding_window_view(mask, min(window, len(mask))).any(axis=1)
    return np.flatnonzero(touching if touching.any() else ~touching)


def collate(batch: Sequence[Excerpt], window: int, padding: Tensor) -> Batch:
    """Stack excerpts to one batch; missing segments hold `padding`, shape=(f,)."""
    f, n = batch[0].segments.shape[1:]
    segments = np.empty((len(batch), window, f, n), dtype=np.float32)
    segments[:] = padding.cpu().numpy()[:, None]
    labels = np.zeros((len(batch), window, 2), dtype=np.float32)
    mask, present = np.zeros((2, len(batch), window), dtype=np.float32)
    quadrants = np.zeros((len(batch), 2), dtype=np.float32)
    heard = np.zeros((len(batch), window, 1, batch[0].track.heard.shape[2]), dtype=np.float32)
    for i, (track, start, chosen) in enumerate(batch):
        part = slice(start, start + window)
        length = len(track.mask[part])
        segments[i, :length] = chosen[part]
        mask[i, :length] = track.mask[part]
        present[i, :length] = 1
        labels[i, :length] = np.where(track.mask[part, None], track.labels[part], 0)
        quadrants[i] = track.quadrant or (0, 0)
        heard[i, : len(track.heard[part])] = track.heard[part]
    return Batch(*map(torch.from_numpy, (segments, labels, mask, present, quadrants, heard)))
