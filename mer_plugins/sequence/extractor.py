"""An extractor made of a network and a checkpoint; plugins add their network and their name."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mer_plugins.audio import Audio
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.curves import EmotionCurve, FloatArray, concatenate
from mer_plugins.errors import CheckpointError, PluginError
from mer_plugins.host import resource_path
from mer_plugins.sequence.backends import Network, find_device, load_networks
from mer_plugins.sequence.calibration import Calibration
from mer_plugins.sequence.checkpoint import Checkpoint, load_checkpoint
from mer_plugins.sequence.sliding import Array, TwoHopWindow
from mer_plugins.sequence.smoothing import Smoother, smoothed

if TYPE_CHECKING:
    from mer_plugins.sequence.recipe import Trainable

# Small enough to stay in a core's cache, and always the same, so that neither the size of the
# blocks nor of the recording changes a bit of the result.
ENCODER_BATCH = 32


class NeuralExtractor:
    """Emotion curves by a segment network and its checkpoint, or by an ensemble of these.

    Segments are computed once, whatever the number of members. An ensemble's curve is the mean of
    its members', its ``std`` their standard deviation (ddof 1), times the checkpoint's
    ``std_scale``.

    Parameters
    ----------
    info : ExtractorInfo
        As registered; window, rate and checksum are taken from the checkpoint.
    trainable : Trainable or str
        The network, or where it is (``"package.module:NAME"``), which is imported only where torch
        runs it.
    checkpoint : pathlib.Path
        The weights.
    network : str, optional
        Name of the plugin whose weights these are; `info.name` unless told.
    ensemble : bool
        Whether the checkpoint shall hold several members or one.
    device : str
        ``auto`` (a GPU where there is one), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    window_s, hop_s : float, optional
        Other window and hop (of both dimensions) than the checkpoint's, in seconds.
    smoothing_s : float, optional
        Another smoothing of the curves than the checkpoint's, in seconds
        (:mod:`mer_plugins.sequence.smoothing`); 0 is none.
    config_class : type, optional
        The dataclass of the network's settings, where it needs no torch: settings may then be added
        to it, and ONNX graphs serve both older and newer checkpoints.

    Raises
    ------
    CheckpointError
        If the checkpoint is damaged or does not fit.
    PluginError
        If the device does not exist, window or hop are no multiples of a segment, or torch is
        needed and not installed.
    """

    def __init__(
        self,
        info: ExtractorInfo,
        trainable: Trainable | str,
        checkpoint: Path,
        *,
        network: str = "",
        ensemble: bool = False,
        device: str = "auto",
        window_s: float | None = None,
        hop_s: float | None = None,
        smoothing_s: float | None = None,
        config_class: type | None = None,
    ) -> None:
        members = load_checkpoint(checkpoint, network or info.name)
        _check_count(len(members), ensemble, checkpoint)
        self.device = find_device(device)
        bundled = resource_path(info.checkpoint).parent if info.checkpoint else checkpoint.parent
        networks = load_networks(members, checkpoint, trainable, bundled, self.device, config_class)
        first = members[0]
        self.segment_s, smoothing = first.features.segment_s, first.smoothing
        if smoothing_s is not None:
            smoothing = self._segments("smoothing", smoothing_s) if smoothing_s else 1
        self.members = [
            replace(Member.of(network, found), smoothing=smoothing)
            for network, found in zip(networks, members, strict=True)
        ]
        self.is_ensemble, self.std_scale = ensemble, np.array(first.std_scale)
        self.front_end = first.features.make()
        self.sample_rate = first.features.sample_rate
        self.window = first.window if window_s is None else self._segments("window", window_s)
        self.hops = first.hops if hop_s is None else (self._segments("hop", hop_s),) * 2
        if max(self.hops) > self.window:
            raise PluginError(
                f"hop of {max(self.hops) * self.segment_s:g} s is longer than the window of "
                f"{self.window * self.segment_s:g} s: expected at most the window"
            )
        self.info = replace(
            info,
            checkpoint=str(checkpoint),
            checkpoint_sha256=first.sha256,
            sample_rate=self.sample_rate,
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

    def open_prompt(self) -> NeuralStream:
        """Begin a recording that is to be heard as it sounds: no segment waits for a full batch.

        Values come up to 16 s earlier, at more cost, and differ from those of :meth:`open` by
        rounding, about 1e-7.
        """
        return NeuralStream(self, batch=1)

    def __call__(self, audio: Audio) -> EmotionCurve:
        """Extract the curve of a whole recording, at any rate and number of channels."""
        stream = self.open()
        mono = audio.mono().resampled(self.sample_rate)
        head, tail = stream.feed(mono.samples), stream.finish()
        return tail if head is None else concatenate([head, tail])


@dataclass(frozen=True, eq=False)
class Member:
    """One network with what its input is measured against, shape=(f, 1), and its curves' form."""

    network: Network
    mean: Array
    std: Array
    calibration: Calibration
    smoothing: int

    @classmethod
    def of(cls, network: Network, found: Checkpoint) -> Member:
        """Put a network together with the rest of its checkpoint."""
        mean, std = _column(found.mean), _column(found.std)
        return cls(network, mean, std, found.calibration, found.smoothing)

    def encode(self, segments: Array) -> Array:
        """Map segments, (t, f, n), to (t, h)."""
        return self.network.encode((segments - self.mean) / self.std)

    def decode(self, encoded: Array) -> Array:
        """Map encoded segments of windows, (b, t, h), to (b, t, 2)."""
        return self.network.decode(encoded)

    def curve(self, values: Array) -> npt.NDArray[np.float64]:
        """Smooth and map what the network said of a whole recording, shape=(t, 2)."""
        return self.calibration(smoothed(values.astype(np.float64), self.smoothing))


class MemberStream:
    """One recording on its way through a :class:`Member`."""

    def __init__(self, member: Member, window: int, hops: tuple[int, int]) -> None:
        self._member = member
        self._window = TwoHopWindow(member.decode, window, hops)
        self._smoother = Smoother(member.smoothing)

    def feed(self, segments: Array) -> FloatArray:
        """Take segments, (t, f, n); return the values now final, (k, 2)."""
        return self._final(self._window.feed(self._member.encode(segments)))

    def finish(self) -> FloatArray:
        """End the recording; return the rest of the values, (k, 2)."""
        rest = self._final(self._window.finish())
        return np.concatenate([rest, self._member.calibration(self._smoother.finish())])

    def _final(self, values: Array) -> FloatArray:
        return self._member.calibration(self._smoother.feed(values.astype(np.float64)))


class NeuralStream:
    """One recording on its way through a :class:`NeuralExtractor`, `batch` segments at a time."""

    def __init__(self, extractor: NeuralExtractor, batch: int = ENCODER_BATCH) -> None:
        self._extractor, self._batch = extractor, batch
        self._front_end = extractor.front_end.open()
        self._members = [
            MemberStream(member, extractor.window, extractor.hops) for member in extractor.members
        ]
        self._segments: list[FloatArray] = []
        self._count = 0

    def feed(self, samples: FloatArray) -> EmotionCurve | None:
        """Take mono samples, shape=(n,); return the part of the curve now final, if any."""
        self._segments.extend(self._front_end.feed(samples))
        parts = []
        while len(self._segments) >= self._batch:
            parts.append(self._run_batch())
        return self._curve(parts) if any(part.shape[1] for part in parts) else None

    def finish(self) -> EmotionCurve:
        """End the recording; return the rest of the curve."""
        self._segments.extend(self._front_end.finish())
        parts = []
        while self._segments:
            parts.append(self._run_batch())
        return self._curve([*parts, np.stack([member.finish() for member in self._members])])

    def _run_batch(self) -> FloatArray:
        """Run the next segments through every member; return what is final, (members, k, 2)."""
        batch, self._segments = self._segments[: self._batch], self._segments[self._batch :]
        segments = np.stack(batch)
        return np.stack([member.feed(segments) for member in self._members])

    def _curve(self, parts: list[FloatArray]) -> EmotionCurve:
        values = np.concatenate(parts, axis=1)
        indices = np.arange(self._count, self._count + values.shape[1])
        self._count += values.shape[1]
        hop_s = self._extractor.segment_s
        std = None
        if self._extractor.is_ensemble:
            std = values.std(axis=0, ddof=1) * self._extractor.std_scale
        return EmotionCurve(indices * hop_s, values.mean(axis=0), hop_s, std)


def _check_count(count: int, ensemble: bool, path: Path) -> None:
    if ensemble and count < 2:
        raise CheckpointError(f"{path}: holds one model: expected an ensemble of several")
    if not ensemble and count > 1:
        raise CheckpointError(
            f"{path}: holds an ensemble of {count} models: expected one; the plugin for ensembles "
            "takes it"
        )


def _column(values: npt.NDArray[Any]) -> Array:
    return np.asarray(values, dtype=np.float32)[:, None]
