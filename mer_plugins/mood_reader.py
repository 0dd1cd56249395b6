"""Read ``mood_thayer`` annotations of any origin as emotion curves.

JAMS fixes the order, [valence, arousal], but no range: an annotation that does not come from this
project may need its :class:`~mer_plugins.curves.Scale` stated.

Source: the JAMS schema 0.3.5 and its namespace ``mood/thayer.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from mer_plugins.curves import UNIT_SCALE, EmotionCurve, FloatArray, Scale
from mer_plugins.errors import JamsError
from mer_plugins.mood import NAMESPACE, STD_KEYS, is_by_program, part

_ROUNDING = 1e-9
_ALIKE = 1.05
_SHORTEST_S, _MOST_PIECES = 0.05, 1_000_000
_Row = tuple[Any, Any, Any, Any]


def from_annotation(annotation: dict[str, Any], scale: Scale | None = None) -> EmotionCurve:
    """Read any ``mood_thayer`` annotation, sparse or dense, by a program or by people.

    Parameters
    ----------
    annotation : dict
        A JAMS annotation as JSON types.
    scale : Scale, optional
        Native order and range of its values (and of their deviations); by default
        (valence, arousal) in [-1, 1].

    Returns
    -------
    EmotionCurve
        Sorted in time. The hop is the median of the observations' durations or, where they are
        instants, of their distances. Where they last differently, the hop is the shortest of them
        (the last one aside, which the recording's end may cut), at least 50 ms, and longer ones
        are held: cut into pieces of that length. An observation of people whose value is null or
        NaN, or holds one, is a gap. Deviations are read if every observation has them. Without
        observations the curve is empty, and its hop is ``sandbox.hop_s`` or else 1 s.

    Raises
    ------
    JamsError
        If the namespace is another, an observation is malformed, times repeat or are negative, or
        values lie outside the scale.
    """
    if annotation.get("namespace") != NAMESPACE:
        raise JamsError(f"namespace is {annotation.get('namespace')!r}: expected {NAMESPACE!r}")
    rows = observation_rows(annotation.get("data"))
    times = checked_numbers("time", [row[0] for row in rows])
    durations = checked_numbers("duration", [row[1] for row in rows])
    order = np.argsort(times, kind="stable")
    hop_s = _hop_s(times[order], durations[order], annotation)
    if not is_by_program(annotation):
        order = order[[not _is_gap(rows[i][2]) for i in order]]
    values = _pairs([rows[i][2] for i in order])
    std = _std([rows[i][3] for i in order])
    piece_of, starts, hop_s = _held(times[order], durations[order], hop_s)
    std = None if std is None else std[piece_of]
    return _curve(starts, values[piece_of], hop_s, std, scale)


def curves(
    jams: dict[str, Any], problem: Callable[[str, str], None] | None = None
) -> list[tuple[str, EmotionCurve]]:
    """Read all ``mood_thayer`` annotations of a JAMS, each with a label of its own.

    Parameters
    ----------
    jams : dict
        As :func:`mer_plugins.jams_store.read` gives it.
    problem : callable, optional
        Called with (label, reason) for each annotation that cannot be read as it stands, such as
        one in [1, 9]; the others are still returned. By default the first such one raises.

    Returns
    -------
    list of (str, EmotionCurve)
        In the order of the file. The label is the plugin's name, or else the annotator, the corpus
        or the data source; where labels repeat, the later ones get a number.

    Raises
    ------
    JamsError
        As :func:`from_annotation`, without `problem`.
    """
    found = []
    for label, annotation in labelled(jams):
        try:
            found.append((label, from_annotation(annotation)))
        except JamsError as exc:
            if problem is None:
                raise JamsError(f"annotation {label!r}: {exc}") from exc
            problem(label, str(exc))
    return found


def labelled(jams: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each ``mood_thayer`` annotation with its label, as :func:`curves` names them."""
    seen: dict[str, int] = {}
    for annotation in jams.get("annotations") or []:
        if isinstance(annotation, dict) and annotation.get("namespace") == NAMESPACE:
            label = _label(annotation)
            seen[label] = seen.get(label, 0) + 1
            yield (label if seen[label] == 1 else f"{label} ({seen[label]})"), annotation


def observation_rows(data: object) -> list[_Row]:
    """Return (time, duration, value, confidence) of each observation, sparse or dense.

    Raises
    ------
    JamsError
        If `data` is not a list of observations or an object of lists of one length.
    """
    keys = ("time", "duration", "value", "confidence")
    try:
        if isinstance(data, dict):
            return list(zip(*(data[key] for key in keys), strict=True))
        if isinstance(data, list):
            return [(row["time"], row["duration"], row["value"], row.get(keys[3])) for row in data]
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise JamsError(
            f"observations are malformed ({exc!r}): expected {', '.join(keys)}"
        ) from exc
    raise JamsError(f"data is {type(data).__name__}: expected a list or an object of lists")


def checked_numbers(name: str, found: Sequence[object]) -> FloatArray:
    """Return JSON numbers as an array; JamsError, with `name`, if one of them is none."""
    for number in found:
        if isinstance(number, bool) or not isinstance(number, int | float | Decimal):
            raise JamsError(f"an observation's {name} is {number!r}: expected a number")
    try:
        return np.array([float(number) for number in found], dtype=float)  # type: ignore[arg-type]
    except OverflowError as exc:
        raise JamsError(f"an observation's {name} is too large: {exc}") from exc


def _pairs(found: Sequence[object]) -> FloatArray:
    for pair in found:
        if not (isinstance(pair, list | tuple) and len(pair) == 2):
            raise JamsError(f"an observation's value is {pair!r}: expected [valence, arousal]")
    return checked_numbers("value", [x for pair in found for x in pair]).reshape(-1, 2)  # type: ignore[attr-defined]


def _is_gap(value: object) -> bool:
    pair = value if isinstance(value, list | tuple) else [value]
    return any(number is None or number != number for number in pair)


def _held(
    times: FloatArray, durations: FloatArray, hop_s: float
) -> tuple[npt.NDArray[np.intp], FloatArray, float]:
    """Cut observations that last longer than others into pieces of one length.

    Returns
    -------
    piece_of : np.ndarray of int, shape=(m,)
        The observation that each piece is of.
    starts : np.ndarray, shape=(m,)
        In seconds; the last piece of an observation ends where that does.
    hop_s : float
        Length of a piece, in seconds.
    """
    inner = durations[:-1][durations[:-1] > 0]
    shortest = float(inner.min()) if len(inner) else hop_s
    hop_s = hop_s if len(inner) > 1 else shortest
    alike = durations.max(initial=0.0) <= _ALIKE * hop_s and hop_s <= _ALIKE * shortest
    if alike or (np.diff(times) <= 0).any():
        return np.arange(len(times)), times, hop_s
    piece_s = max(shortest, _SHORTEST_S)
    spans = np.where(durations > 0, durations, piece_s)
    spans[:-1] = np.minimum(spans[:-1], np.diff(times))
    counts = np.maximum(np.ceil(spans / piece_s - _ROUNDING), 1)
    if not counts.sum() <= _MOST_PIECES:
        raise JamsError(
            f"observations last {shortest:g} to {durations.max():g} s: are they seconds?"
        )
    piece_of = np.repeat(np.arange(len(times)), counts.astype(int))
    within = np.arange(len(piece_of)) - np.searchsorted(piece_of, piece_of)
    latest = np.maximum(spans - piece_s, 0)[piece_of]
    return piece_of, times[piece_of] + np.minimum(within * piece_s, latest), piece_s


def _std(confidences: Sequence[object]) -> FloatArray | None:
    complete = bool(confidences) and all(
        isinstance(confidence, dict) and all(key in confidence for key in STD_KEYS)
        for confidence in confidences
    )
    if not complete:
        return None
    flat = [confidence[key] for confidence in confidences for key in STD_KEYS]  # type: ignore[index]
    return checked_numbers("confidence", flat).reshape(-1, 2)


def _hop_s(times: FloatArray, durations: FloatArray, annotation: dict[str, Any]) -> float:
    if len(times) == 0:
        return float(checked_numbers("hop_s", [part(annotation, "sandbox").get("hop_s", 1.0)])[0])
    lasting = durations[durations > 0]
    if len(lasting):
        return float(np.median(lasting))
    if len(times) > 1:
        return float(np.median(np.diff(times)))
    raise JamsError("the only observation has duration 0: expected the length of its interval")


def _curve(
    times: FloatArray, values: FloatArray, hop_s: float, std: FloatArray | None, scale: Scale | None
) -> EmotionCurve:
    if scale is not None:
        values = scale.to_unit(values)
        std = (
            None if std is None else np.abs(scale.to_unit(std) - scale.to_unit(np.zeros_like(std)))
        )
    if len(values) and not np.abs(values).max() <= 1 + _ROUNDING:
        native = values if scale is None else scale.from_unit(values)
        worst = native.flat[int(np.abs(values).argmax())]
        raise JamsError(
            f"values reach {worst:g}: expected {scale or UNIT_SCALE}; state the scale they are in, "
            "for example Scale(1, 9)"
        )
    try:
        return EmotionCurve(times, np.clip(values, -1, 1), hop_s, std)
    except ValueError as exc:
        raise JamsError(f"a {NAMESPACE} annotation is malformed: {exc}") from exc


def _label(annotation: dict[str, Any]) -> str:
    metadata = part(annotation, "annotation_metadata")
    annotator = part(metadata, "annotator")
    candidates = [
        part(annotation, "sandbox").get("plugin"),
        *(annotator.get(key) for key in ("name", "id")),
        *annotator.values(),
        metadata.get("corpus"),
        metadata.get("data_source"),
    ]
    return next((text for text in candidates if isinstance(text, str) and text), NAMESPACE)
