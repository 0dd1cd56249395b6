"""A trained network over whole recordings whose features are at hand, with any hop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mer_plugins.sequence.backends import Array, load_networks
from mer_plugins.sequence.checkpoint import load_checkpoint
from mer_plugins.sequence.excerpts import Segments
from mer_plugins.sequence.extractor import ENCODER_BATCH, Member
from mer_plugins.sequence.recipe import Trainable
from mer_plugins.sequence.sliding import TwoHopWindow


@dataclass(frozen=True, eq=False)
class TrackNetwork:
    """One network of a checkpoint: encode a recording once, slide over it with many hops."""

    member: Member
    window: int

    @classmethod
    def load(cls, path: Path, plugin: str, trainable: Trainable, device: str) -> TrackNetwork:
        """Load the first network of a plugin's checkpoint; CheckpointError if it does not fit."""
        found = load_checkpoint(path, plugin)[0]
        (network,) = load_networks([found], path, trainable, path.parent, device)
        return cls(Member.of(network, found), found.window)

    def encode(self, segments: Segments) -> Array:
        """Map the segments of a recording, (t, f, n), to (t, h)."""
        starts = range(0, len(segments), ENCODER_BATCH)
        batches = [segments[i : i + ENCODER_BATCH].astype(np.float32) for i in starts]
        return np.concatenate([self.member.encode(batch) for batch in batches])

    def slide(self, encoded: Array, hops: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Predict a recording, shape=(t, 2), with hops for valence and arousal, in segments."""
        window = TwoHopWindow(self.member.decode, self.window, hops)
        values = np.concatenate([window.feed(encoded), window.finish()])
        return self.member.curve(values)
