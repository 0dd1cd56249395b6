"""Networks run by onnxruntime. Importing this module imports onnxruntime, and no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from mer_plugins.errors import CheckpointError
from mer_plugins.sequence.graphs import Graphs, Weights

Array = npt.NDArray[np.float32]

# What the graphs call a weight, as the checkpoint's file does; and their input.
PREFIX, INPUT = "model.", "x"


class OnnxNetwork:
    """One network; a :class:`mer_plugins.sequence.backends.Network`.

    Parameters
    ----------
    graphs : Graphs
        Without weights.
    weights : dict of np.ndarray
        As :meth:`Graphs.weights` returns them.
    path : pathlib.Path
        The checkpoint, for messages.

    Raises
    ------
    CheckpointError
        If onnxruntime does not take the graphs.
    """

    def __init__(self, graphs: Graphs, weights: Weights, path: Path) -> None:
        self._made_of = graphs, weights, path
        self._encode = None
        if graphs.description.encode is not None:
            self._encode = _session(graphs.encode, graphs.description.encode, weights, path)
        self._decode = _session(graphs.decode, graphs.description.decode, weights, path)
        self._try_on(graphs.description.segment_shape, path)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made of: sessions do not travel."""
        return OnnxNetwork, self._made_of

    def _try_on(self, segment_shape: tuple[int, ...], path: Path) -> None:
        segments = np.zeros((2, *segment_shape), np.float32)
        with _refused(path):
            found = self.decode(self.encode(segments)[None]).shape
        if found != (1, 2, 2):
            raise CheckpointError(
                f"{path}: its graph gives {found} for two segments: expected (1, 2, 2)"
            )

    def encode(self, segments: Array) -> Array:
        """Map normalised segments, (t, f, n), to (t, h), or to themselves."""
        return _run(self._encode, segments) if self._encode else segments

    def decode(self, encoded: Array) -> Array:
        """Map encoded segments of windows, (b, t, h), to values, (b, t, 2)."""
        return _run(self._decode, encoded)


def _session(
    graph: bytes, names: Sequence[str], weights: Weights, path: Path
) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Other counts of threads give the same bits, but their waiting at full speed takes the cores
    # from other workers.
    options.intra_op_num_threads = _threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weights[name]) for name in names]
    with _refused(path):
        options.add_external_initializers([f"{PREFIX}{name}" for name in names], values)
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


@contextmanager
def _refused(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as exc:  # onnxruntime's errors have no class in common
        raise CheckpointError(
            f"{path}: onnxruntime does not take its graph ({' '.join(str(exc).split())[:300]})"
        ) from exc


def _threads() -> int:
    """Return OMP_NUM_THREADS, which onnxruntime does not read itself; 0 is its own choice."""
    found = os.environ.get("OMP_NUM_THREADS", "")
    return int(found) if found.isdecimal() else 0


def _run(session: onnxruntime.InferenceSession, values: Array) -> Array:
    (found,) = session.run(None, {INPUT: np.ascontiguousarray(values, dtype=np.float32)})
    result: Array = found
    return result
