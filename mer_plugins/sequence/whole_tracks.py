"""A trained network over whole recordings whose features are at hand, with any hop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from mer_plugins.sequence.calibration import Calibration
from mer_plugins.sequence.checkpoint import load_checkpoint
from mer_plugins.sequence.excerpts import Segments
from mer_plugins.sequence.networks import build_network, halves
from mer_plugins.sequence.normaliser import Normaliser
from mer_plugins.sequence.recipe import Trainable
from mer_plugins.sequence.sliding import TwoHopWindow

_ENCODED_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class TrackNetwork:
    """One network of a checkpoint: encode a recording once, slide over it with many hops."""

    network: nn.Module
    normalise: Normaliser
    calibration: Calibration
    window: int
    device: torch.device

    @classmethod
    def load(
        cls, path: Path, plugin: str, trainable: Trainable, device: torch.device
    ) -> TrackNetwork:
        """Load the first network of a plugin's checkpoint; CheckpointError if it does not fit."""
        found = load_checkpoint(path, plugin)[0]
        network = build_network(found, trainable, path).to(device).eval()
        normalise = Normaliser(found.mean, found.std).to(device)
        return cls(network, normalise, found.calibration, found.window, device)

    @torch.inference_mode()
    def encode(self, segments: Segments) -> Tensor:
        """Map the segments of a recording, (t, f, n), to (t, h)."""
        encode = halves(self.network)[0]
        parts = [
            encode(self.normalise(torch.from_numpy(part.astype(np.float32)).to(self.device)))
            for part in np.array_split(segments, -(-len(segments) // _ENCODED_AT_ONCE))
        ]
        return torch.cat(parts)

    @torch.inference_mode()
    def slide(self, encoded: Tensor, hops: tuple[int, int]) -> npt.NDArray[np.float64]:
        """Predict a recording, shape=(t, 2), with hops for valence and arousal, in segments."""
        window = TwoHopWindow(halves(self.network)[1], self.window, hops)
        values = torch.cat([window.feed(encoded), window.finish()])
        return self.calibration(values.double().cpu().numpy())
