"""Predictors that do not listen: what every comparison has to be read against.

``global-mean`` gives the mean of the training labels, always. ``mean-trajectory`` gives, at each
half second since the start of a recording, the mean of the training labels there: on the very 431
songs of DEAM that it was fitted on, which were all labelled from 15 s on, it reaches a correlation
of 0.30 with arousal within a song. Fitted on excerpts from anywhere in a song, it is nearly flat.
Neither is published as a system; both are fitted by :mod:`mer_plugins.baselines.fit_trivial`.

Importing this module imports numpy only.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from mer_plugins.atomic import replacing
from mer_plugins.audio import Audio, too_short
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.curves import EmotionCurve, FloatArray, concatenate
from mer_plugins.errors import CheckpointError
from mer_plugins.host import file_sha256, resource_path

FORMAT = "mer-plugins trivial predictor 1"
HOP_S = 0.5
# The rate of DAMFF, so that a recording has as many values as by DAMFF.
SAMPLE_RATE = 44_100
_INTERVAL = round(HOP_S * SAMPLE_RATE)


def _info(name: str, summary: str) -> ExtractorInfo:
    return ExtractorInfo(
        name=name,
        version="1.0",
        summary=summary,
        kind="trivial",
        sample_rate=SAMPLE_RATE,
        hop_s=HOP_S,
        min_duration_s=HOP_S,
        licence="MIT (code), means of labels of DEAM (research)",
        citation="none: a predictor that does not listen",
        checkpoint=f"mer_plugins:baselines/checkpoints/{name}.json",
    )


GLOBAL_MEAN = _info("global-mean", "the mean of the training labels; does not listen")
MEAN_TRAJECTORY = _info(
    "mean-trajectory", "the mean of the training labels at each half second; does not listen"
)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What a trivial predictor knows.

    Parameters
    ----------
    plugin : str
        Name of the predictor it was fitted for.
    values : np.ndarray, shape=(n, 2)
        (valence, arousal) in [-1, 1] of each half second from the start, n at least 1; the last
        one holds for the rest of a recording.
    songs : int
        Recordings it was fitted on.

    Raises
    ------
    ValueError
        If `values` are not as above.
    """

    plugin: str
    values: FloatArray
    songs: int

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=float)
        if values.ndim != 2 or values.shape[1] != 2 or not len(values):
            raise ValueError(f"values have shape {values.shape}: expected (n, 2), n at least 1")
        if not (np.abs(values) <= 1).all():
            raise ValueError("values leave [-1, 1]: expected (valence, arousal) within it")
        object.__setattr__(self, "values", values)

    def at(self, indices: npt.NDArray[np.integer[Any]]) -> FloatArray:
        """Return the values, shape=(n, 2), of the half seconds counted from the start."""
        held: FloatArray = self.values[np.minimum(indices, len(self.values) - 1)]
        return held

    def save(self, path: Path) -> None:
        """Write it as JSON, atomically."""
        content = {
            "format": FORMAT,
            "plugin": self.plugin,
            "hop_s": HOP_S,
            "songs": self.songs,
            "values": np.round(self.values, 6).tolist(),
        }
        with replacing(path) as file:
            file.write((json.dumps(content, indent=1) + "\n").encode())

    @classmethod
    def load(cls, path: Path, plugin: str) -> Trajectory:
        """Read what was fitted for the named predictor.

        Raises
        ------
        CheckpointError
            If the file cannot be read, is damaged, or belongs to another predictor.
        """
        content = _read(path)
        expected = {"format": FORMAT, "plugin": plugin, "hop_s": HOP_S}
        for key, value in expected.items():
            if content.get(key) != value:
                raise CheckpointError(f"{path}: {key} is {content.get(key)!r}: expected {value!r}")
        try:
            return cls(plugin, np.array(content["values"], dtype=float), int(content["songs"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise CheckpointError(f"{path}: its values are damaged ({exc!r})") from exc


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as exc:
        raise CheckpointError(
            f"{path}: not a readable trivial predictor ({' '.join(str(exc).split())})"
        ) from exc
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds {type(content).__name__}: expected an object")
    return content


class TrivialExtractor:
    """An extractor that looks at nothing but the length of a recording.

    Parameters
    ----------
    checkpoint : str or os.PathLike, optional
        Another fitted predictor than the bundled one, which was fitted on ten-second clips of DEAM.

    Raises
    ------
    CheckpointError
        If the file is damaged or belongs to another predictor.
    PluginError
        If there is no such file.
    """

    registered: ClassVar[ExtractorInfo]

    def __init__(self, *, checkpoint: str | os.PathLike[str] | None = None) -> None:
        path = Path(checkpoint) if checkpoint else resource_path(self.registered.checkpoint)
        digest = file_sha256(path)
        self.trajectory = Trajectory.load(path, self.registered.name)
        self.info = replace(self.registered, checkpoint=str(path), checkpoint_sha256=digest)

    def open(self) -> TrivialStream:
        """Begin a recording whose samples come at ``info.sample_rate``."""
        return TrivialStream(self.trajectory)

    def __call__(self, audio: Audio) -> EmotionCurve:
        """Give the curve of a whole recording, at any rate and number of channels."""
        stream = self.open()
        head = stream.feed(audio.mono().resampled(SAMPLE_RATE).samples)
        tail = stream.finish()
        return tail if head is None else concatenate([head, tail])


class GlobalMean(TrivialExtractor):
    """The mean valence and arousal of the training labels, for every half second.

    Parameters and errors are those of :class:`TrivialExtractor`.

    Examples
    --------
    >>> len(GlobalMean()(Audio(np.zeros(44_100), 44_100)))
    2
    """

    registered = GLOBAL_MEAN


class MeanTrajectory(TrivialExtractor):
    """The mean valence and arousal of the training labels at each half second.

    Where the training labels end, their last mean holds. Parameters and errors are those of
    :class:`TrivialExtractor`.
    """

    registered = MEAN_TRAJECTORY


class TrivialStream:
    """One recording, of which only the samples are counted."""

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory = trajectory
        self._n_samples = 0
        self._count = 0

    def feed(self, samples: FloatArray) -> EmotionCurve | None:
        """Take mono samples, shape=(n,); return the half seconds now complete, if any."""
        self._n_samples += len(samples)
        complete = self._n_samples // _INTERVAL
        return self._until(complete) if complete > self._count else None

    def finish(self) -> EmotionCurve:
        """End the recording; a half second that was begun gets a value as well.

        Raises
        ------
        AudioError
            If the recording is shorter than half a second.
        """
        if self._n_samples < _INTERVAL:
            raise too_short(self._n_samples, SAMPLE_RATE, HOP_S)
        return self._until(-(-self._n_samples // _INTERVAL))

    def _until(self, end: int) -> EmotionCurve:
        indices = np.arange(self._count, end)
        self._count = end
        return EmotionCurve(indices * HOP_S, self._trajectory.at(indices), HOP_S)
