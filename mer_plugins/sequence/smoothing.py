"""Curves as slow as listeners: a centred moving average under a Hann window.

A network's value changes with what is heard just then; listeners' ratings change within seconds
(the labels of DEAM have an autocorrelation of 0.97 from one half second to the next). What a curve
moves more than they do is error, in concordance and in squared error alike.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

LONGEST = 7200
"""Widest average of a checkpoint, in segments, an hour of half seconds: its file is someone else's,
and a made-up width must not take all memory."""


class Smoother:
    """The average around each value as values arrive, the same whatever the size of the parts.

    At both ends it is taken over what there is.

    Parameters
    ----------
    width : int
        Width of the window at half of its height, in values: the value itself and those nearer than
        `width` on either side have a weight. 1 changes nothing.

    Raises
    ------
    ValueError
        If `width` is below 1.
    """

    def __init__(self, width: int) -> None:
        if width < 1:
            raise ValueError(f"width is {width}: expected 1 or more")
        self._reach = width - 1
        self._weights = np.hanning(2 * width + 1)[1:-1]
        self._known: Array | None = None
        self._before = 0

    def feed(self, values: Array) -> Array:
        """Take values, shape=(k, d); return the averages now final, shape=(m, d)."""
        known = values if self._known is None else np.concatenate([self._known, values])
        found = self._averages(known, len(known) - self._before - self._reach)
        done = self._before + len(found)
        kept = max(0, done - self._reach)
        self._known, self._before = known[kept:], done - kept
        return found

    def finish(self) -> Array:
        """End the curve; return the rest of the averages, shape=(m, d)."""
        if self._known is None:
            raise ValueError("nothing was fed: expected at least one value")
        return self._averages(self._known, len(self._known) - self._before)

    def _averages(self, known: Array, count: int) -> Array:
        """Return `count` averages from the first that is due; `known` is all that they reach."""
        count = max(0, count)
        total, weight = np.zeros((count, known.shape[1])), np.zeros((count, 1))
        for place, factor in enumerate(self._weights, -self._reach):
            # One product and sum a place, so that no bit hangs on the size of the parts.
            indices = np.arange(self._before, self._before + count) + place
            inside = (indices >= 0) & (indices < len(known))
            total[inside] += factor * known[indices[inside]]
            weight[inside] += factor
        averages: Array = total / weight
        return averages


def smoothed(values: Array, width: int) -> Array:
    """Smooth a whole curve, shape=(t, d), as :class:`Smoother` does."""
    smoother = Smoother(width)
    return np.concatenate([smoother.feed(values), smoother.finish()])
