"""The paper's sliding window (section 4.4.1), exact and cached.

A window of T segments moves by t segments. The first window gives all its T predictions, each
later one its last t. At the end, one window flush with the last segment gives what is missing; a
recording shorter than a window is one shorter window.

Segments do not see each other before the sequence head, so each is encoded once and only the head
runs per window. That is the naive scheme exactly, not an approximation of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Decode = Callable[[Array], Array]


class SlidingWindow:
    """Windows of one hop over encoded segments as these arrive.

    Parameters
    ----------
    decode : callable
        The sequence head: (b, t, h) -> (b, t, d).
    window, hop : int
        Segments; 1 <= hop <= window.
    outputs : int
        The head's d.
    """

    def __init__(self, decode: Decode, window: int, hop: int, outputs: int = 2) -> None:
        if not 1 <= hop <= window:
            raise ValueError(f"hop {hop}, window {window} segments: expected 1 <= hop <= window")
        self._decode, self._window, self._hop, self._outputs = decode, window, hop, outputs
        self._encoded: Array | None = None
        self._first = 0
        self._end = 0

    def feed(self, encoded: Array) -> Array:
        """Take encoded segments, (t, h); return the predictions now final, (k, d)."""
        known = encoded if self._encoded is None else np.concatenate([self._encoded, encoded])
        count = self._first + len(known)
        next_end = self._end + self._hop if self._end else self._window
        ends = list(range(next_end, count + 1, self._hop))
        parts = self._run(known, ends)
        self._end = ends[-1] if ends else self._end
        self._encoded = known[-self._window :]
        self._first = count - len(self._encoded)
        return np.concatenate(parts) if parts else self._nothing(known)

    def finish(self) -> Array:
        """End the recording; return the remaining predictions, (k, d)."""
        if self._encoded is None:
            raise ValueError("no segment was fed: expected at least one")
        missing = self._first + len(self._encoded) - self._end
        if not missing:
            return self._nothing(self._encoded)
        return self._decode(self._encoded[None])[0, -missing:]

    def _run(self, known: Array, ends: Sequence[int]) -> list[Array]:
        if not ends:
            return []
        starts = [end - self._window - self._first for end in ends]
        out = self._decode(np.stack([known[s : s + self._window] for s in starts]))
        first = [out[0]] if not self._end else [out[0, -self._hop :]]
        return [*first, *out[1:, -self._hop :]]

    def _nothing(self, like: Array) -> Array:
        return np.empty((0, self._outputs), like.dtype)


class TwoHopWindow:
    """Valence and arousal with a hop each, over the same encoded segments.

    Parameters
    ----------
    decode : callable
        The sequence head with two outputs, valence and arousal.
    window : int
        Segments.
    hops : tuple of int
        For valence and arousal; where they are equal, the windows run once.
    """

    def __init__(self, decode: Decode, window: int, hops: tuple[int, int]) -> None:
        self._windows = {hop: SlidingWindow(decode, window, hop) for hop in dict.fromkeys(hops)}
        self._hops = hops
        self._waiting: list[Array] = [np.empty(0, np.float32)] * 2

    def feed(self, encoded: Array) -> Array:
        """Take encoded segments, (t, h); return what is final in both dimensions, (k, 2)."""
        return self._both({hop: w.feed(encoded) for hop, w in self._windows.items()})

    def finish(self) -> Array:
        """End the recording; return the rest, (k, 2)."""
        return self._both({hop: w.finish() for hop, w in self._windows.items()})

    def _both(self, found: dict[int, Array]) -> Array:
        queues = [
            np.concatenate([waiting, found[hop][:, d]])
            for d, (hop, waiting) in enumerate(zip(self._hops, self._waiting, strict=True))
        ]
        ready = min(len(queue) for queue in queues)
        self._waiting = [queue[ready:] for queue in queues]
        return np.stack([queue[:ready] for queue in queues], axis=1)
