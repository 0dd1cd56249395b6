"""An extractor made of a network and a checkpoint; plugins add their network and their name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from torch import Tensor, nn

from mer_plugins.audio import Audio
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.curves import EmotionCurve, FloatArray, concatenate
from mer_plugins.errors import PluginError
from mer_plugins.sequence.checkpoint import Checkpoint, load_checkpoint, load_weights
from mer_plugins.sequence.logmel import LogMel, LogMelStream
from mer_plugins.sequence.sliding import TwoHopWindow
from mer_plugins.sequence.training import Normaliser

# Small enough to stay in a core's cache, and always the same, so that neither the size of the
# blocks nor of the recording changes a bit of the result.
ENCODER_BATCH = 32
_DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")


class SegmentNetwork(Protocol):
    """A network whose encoder sees one segment at a time."""

    def encode(self, segments: Tensor) -> Tensor:
        """Map (t, f, n) to (t, h)."""
        ...

    def decode(self, encoded: Tensor) -> Tensor:
        """Map (b, t, h) to (b, t, 2)."""
        ...


class NeuralExtractor:
    """Emotion curves by a segment network and its checkpoint.

    Parameters
    ----------
    info : ExtractorInfo
        As registered; window, rate and checksum are taken from the checkpoint.
    build : callable
        Makes the network of a checkpoint, without its weights.
    checkpoint : pathlib.Path
        The weights.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    window_s, hop_s : float, optional
        Other window and hop (of both dimensions) than the checkpoint's, in seconds.

    Raises
    ------
    CheckpointError
        If the checkpoint is damaged or does not fit.
    PluginError
        If the device does not exist, or window or hop are no multiples of a segment.
    """

    def __init__(
        self,
        info: ExtractorInfo,
        build: Callable[[Checkpoint, Path], nn.Module],
        checkpoint: Path,
        *,
        device: str = "auto",
        window_s: float | None = None,
        hop_s: float | None = None,
    ) -> None:
        loaded = load_checkpoint(checkpoint, info.name)
        self.device = find_device(device)
        model = build(loaded, checkpoint)
        load_weights(model, loaded.weights, checkpoint)
        model = model.to(device=self.device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.network = cast(SegmentNetwork, model)
        self.normalise = Normaliser(loaded.mean.to(self.device), loaded.std.to(self.device))
        self.log_mel = LogMel(loaded.features)
        self.segment_s = loaded.features.segment_s
        self.window = loaded.window if window_s is None else self._segments("window", window_s)
        self.hops = loaded.hops if hop_s is None else (self._segments("hop", hop_s),) * 2
        if max(self.hops) > self.window:
            raise PluginError(
                f"hop of {max(self.hops) * self.segment_s:g} s is longer than the window of "
                f"{self.window * self.segment_s:g} s: expected at most the window"
            )
        self.info = replace(
            info,
            checkpoint=str(checkpoint),
            checkpoint_sha256=loaded.sha256,
            sample_rate=loaded.features.sample_rate,
            window_s=self.window * self.segment_s,
            hop_s=self.segment_s,
            min_duration_s=self.segment_s,
        )

    def _segments(self, name: str, seconds: float) -> int:
        is_number = isinstance(seconds, int | float) and math.isfinite(seconds)
        count = round(seconds / self.segment_s) if is_number else 0
        if count < 1 or abs(count * self.segment_s - seconds) > 1e-6:
            raise PluginError(
                f"{name} is {seconds} s: expected a positive multiple of {self.segment_s:g} s"
            )
        return count

    def open(self) -> NeuralStream:
        """Begin a recording whose samples come at ``info.sample_rate``."""
        return NeuralStream(self)

    def __call__(self, audio: Audio) -> EmotionCurve:
        """Extract the curve of a whole recording, at any rate and number of channels."""
        stream = self.open()
        mono = audio.mono().resampled(self.log_mel.config.sample_rate)
        head, tail = stream.feed(mono.samples), stream.finish()
        return tail if head is None else concatenate([head, tail])


class NeuralStream:
    """One recording on its way through a :class:`NeuralExtractor`."""

    def __init__(self, extractor: NeuralExtractor) -> None:
        self._extractor = extractor
        self._log_mel = LogMelStream(extractor.log_mel)
        self._window = TwoHopWindow(extractor.network.decode, extractor.window, extractor.hops)
        self._segments: list[FloatArray] = []
        self._count = 0

    @torch.inference_mode()
    def feed(self, samples: FloatArray) -> EmotionCurve | None:
        """Take mono samples, shape=(n,); return the part of the curve now final, if any."""
        self._segments.extend(self._log_mel.feed(samples))
        parts = []
        while len(self._segments) >= ENCODER_BATCH:
            parts.append(self._window.feed(self._encode(ENCODER_BATCH)))
        return self._curve(parts) if any(len(part) for part in parts) else None

    @torch.inference_mode()
    def finish(self) -> EmotionCurve:
        """End the recording; return the rest of the curve."""
        self._segments.extend(self._log_mel.finish())
        parts = []
        while self._segments:
            parts.append(self._window.feed(self._encode(ENCODER_BATCH)))
        return self._curve([*parts, self._window.finish()])

    def _encode(self, count: int) -> Tensor:
        batch, self._segments = self._segments[:count], self._segments[count:]
        segments = torch.from_numpy(np.stack(batch)).to(self._extractor.device)
        return self._extractor.network.encode(self._extractor.normalise(segments))

    def _curve(self, parts: list[Tensor]) -> EmotionCurve:
        values = torch.cat(parts).double().cpu().numpy().clip(-1, 1)
        indices = np.arange(self._count, self._count + len(values))
        self._count += len(values)
        hop_s = self._extractor.segment_s
        return EmotionCurve(indices * hop_s, values, hop_s)


def find_device(name: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda[:N]`` or ``mps`` into a device that is there."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    problem = f"device {name!r} is not available here: use auto, cpu, cuda, cuda:N or mps"
    # Torch knows further devices, some of which hold no data or need modules of their own.
    if not _DEVICE.fullmatch(str(name)):
        raise PluginError(problem)
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as exc:
        raise PluginError(problem) from exc
    return device
