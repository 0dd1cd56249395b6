"""Emotion while the music plays: each point as soon as it is final, and how late that is.

Nothing but the stream's own window is kept, so it goes on as long as the music does.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mer_plugins.annotate import naming_plugin
from mer_plugins.audio import AudioReader
from mer_plugins.contracts import Extractor, PromptExtractor, Stream, StreamingExtractor
from mer_plugins.curves import DIMENSIONS, EmotionCurve, FloatArray
from mer_plugins.errors import PluginError
from mer_plugins.mood import VALUE_DECIMALS, observations

# Much less than the half second of a value, and much more than a block costs.
BLOCK_S = 0.1


@dataclass(frozen=True)
class Point:
    """One final value.

    Parameters
    ----------
    time_s : float
        Start of its interval.
    value : tuple of float
        (valence, arousal) in [-1, 1], rounded as in a JAMS.
    std : dict of str to float or None
        Standard deviations by name, where the plugin has them.
    latency_s : float
        How far `time_s` lies behind the newest sample that had come.
    """

    time_s: float
    value: tuple[float, float]
    std: dict[str, float] | None
    latency_s: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        named = dict(zip(DIMENSIONS, self.value, strict=True))
        return {"time": self.time_s, **named, **(self.std or {}), "latency_s": self.latency_s}

    def __str__(self) -> str:
        std = self.std or {}
        parts = [f"{self.time_s:8.2f} s"]
        for name, value in zip(DIMENSIONS, self.value, strict=True):
            deviation = f" ± {std[f'{name}_std']:.6f}" if std else ""
            parts.append(f"{name} {value:+.6f}{deviation}")
        return "  ".join([*parts, f"latency {self.latency_s:.2f} s"])


@dataclass
class Tally:
    """What a listening came to.

    Parameters
    ----------
    points : int
        Values so far.
    latency_sum_s, latency_max_s : float
        Of these.
    heard_s, busy_s : float
        Length of what has come, and time the plugin took for it.
    """

    points: int = 0
    latency_sum_s: float = 0.0
    latency_max_s: float = 0.0
    heard_s: float = 0.0
    busy_s: float = 0.0

    def add(self, point: Point) -> None:
        """Count one value."""
        self.points += 1
        self.latency_sum_s += point.latency_s
        self.latency_max_s = max(self.latency_max_s, point.latency_s)

    @property
    def latency_mean_s(self) -> float:
        """Mean latency; 0 without a value."""
        return self.latency_sum_s / max(self.points, 1)

    @property
    def real_time_factor(self) -> float:
        """Time taken per time heard; above 1 it cannot keep up. 0 if nothing was heard."""
        return self.busy_s / self.heard_s if self.heard_s else 0.0

    def __str__(self) -> str:
        return (
            f"{self.heard_s:.1f} s heard, {self.points} points, latency mean "
            f"{self.latency_mean_s:.2f} s, max {self.latency_max_s:.2f} s, "
            f"real-time factor {self.real_time_factor:.4f}"
        )


class Listener:
    """One recording on its way through an extractor, point by point.

    Parameters
    ----------
    extractor : Extractor
        With a stream.
    prompt : bool
        Whether each value shall come as soon as it can, by an extractor that knows how
        (:class:`~mer_plugins.contracts.PromptExtractor`), and differ by rounding; without, values
        are exactly those of ``mer-extract``.

    Attributes
    ----------
    tally : Tally
        Kept up to date with every point.

    Raises
    ------
    PluginError
        If the extractor needs the whole recording at once.
    """

    def __init__(self, extractor: Extractor, *, prompt: bool = False) -> None:
        self.tally = Tally()
        self._name = extractor.info.name
        self._stream = _stream(extractor, prompt)

    def points(self, reader: AudioReader, *, real_time: bool = False) -> Iterator[Point]:
        """Yield the points of a recording, each as soon as it is final.

        Parameters
        ----------
        reader : AudioReader
            Opened at the extractor's rate, with blocks of about :data:`BLOCK_S`.
        real_time : bool
            Whether to hear a file at its own speed rather than as fast as it can be read.

        Raises
        ------
        AudioError
            As :meth:`~mer_plugins.audio.AudioReader.blocks`, or if the plugin fails.
        """
        blocks = _paced(reader) if real_time else reader.blocks()
        for block in blocks:
            self.tally.heard_s = reader.duration_s
            with self._at_work(reader):
                part = self._stream.feed(block)
            yield from self._points(part)
        self.tally.heard_s = reader.duration_s
        with self._at_work(reader):
            rest = self._stream.finish()
        yield from self._points(rest)

    @contextmanager
    def _at_work(self, reader: AudioReader) -> Iterator[None]:
        started = time.perf_counter()
        with naming_plugin(self._name, reader.path):
            yield
        self.tally.busy_s += time.perf_counter() - started

    def _points(self, part: EmotionCurve | None) -> Iterator[Point]:
        if part is None:
            return
        for found in observations(part, VALUE_DECIMALS):
            latency_s = round(self.tally.heard_s - found["time"], 3)
            point = Point(found["time"], tuple(found["value"]), found["confidence"], latency_s)
            self.tally.add(point)
            yield point


def _stream(extractor: Extractor, prompt: bool) -> Stream:
    if prompt and isinstance(extractor, PromptExtractor):
        return extractor.open_prompt()
    if isinstance(extractor, StreamingExtractor):
        return extractor.open()
    raise PluginError(
        f"plugin {extractor.info.name!r} needs the whole recording at once and cannot listen: "
        "use mer-extract, or a plugin with a stream, such as damff"
    )


def _paced(reader: AudioReader) -> Iterator[FloatArray]:
    """Yield each block when its last sample would have sounded."""
    started = time.monotonic()
    for block in reader.blocks():
        time.sleep(max(0.0, started + reader.duration_s - time.monotonic()))
        yield block
