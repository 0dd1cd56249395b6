"""Front ends: what turns samples into the segments that networks see.

A front end is a frozen configuration that makes its analyser; a checkpoint keeps its name and its
settings. Whatever the front end, a recording has the same segments at the same times.

Letters: t segment, f row (mel band; one row of samples), n column (frame, or sample).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from mer_plugins.curves import FloatArray
from mer_plugins.sequence.logmel import LogMelConfig
from mer_plugins.sequence.waveform import WaveformConfig

Segments = npt.NDArray[np.float32]


class FrontEndStream(Protocol):
    """The segments of one recording as its samples arrive."""

    def feed(self, samples: FloatArray) -> Segments:
        """Take mono samples, shape=(n,); return the segments now complete, shape=(t, f, n)."""
        ...

    def finish(self) -> Segments:
        """End the recording; return its last segments. AudioError if it is too short for one."""
        ...


class FrontEnd(Protocol):
    """Segments of recordings."""

    def __call__(self, samples: FloatArray) -> Segments:
        """Return all segments of a recording, shape=(t, f, n), from shape=(n,)."""
        ...

    def open(self) -> FrontEndStream:
        """Begin a recording."""
        ...


class FrontEndConfig(Protocol):
    """Settings of a front end; a frozen dataclass."""

    @property
    def sample_rate(self) -> int:
        """Hz, of the samples it takes."""
        ...

    @property
    def segment_s(self) -> float:
        """Seconds from the start of one segment to the start of the next."""
        ...

    @property
    def segment_shape(self) -> tuple[int, int]:
        """Rows and columns of a segment."""
        ...

    @property
    def network_sizes(self) -> dict[str, int]:
        """Settings of a network that follow from the front end, by name."""
        ...

    def make(self) -> FrontEnd:
        """Make the analyser."""
        ...


FRONT_ENDS: Mapping[str, type[LogMelConfig] | type[WaveformConfig]] = {
    "log-mel": LogMelConfig,
    "waveform": WaveformConfig,
}


def to_settings(config: FrontEndConfig) -> dict[str, Any]:
    """Return a front end as plain JSON types, its name under ``front_end``.

    Raises
    ------
    ValueError
        If it is none of :data:`FRONT_ENDS`, so that no checkpoint could bring it back.
    """
    for name, kind in FRONT_ENDS.items():
        if type(config) is kind:
            return {"front_end": name, **asdict(config)}
    raise ValueError(f"{type(config).__name__}: expected a front end of {', '.join(FRONT_ENDS)}")


def from_settings(settings: Mapping[str, Any]) -> FrontEndConfig:
    """Return the front end of :func:`to_settings`; without a name it is log-mel.

    Raises
    ------
    LookupError, TypeError, ValueError
        If there is no such front end or its settings do not do.
    """
    own = dict(settings)
    return FRONT_ENDS[own.pop("front_end", "log-mel")](**own)
