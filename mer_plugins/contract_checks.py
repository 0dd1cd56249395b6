"""What the contract asks of an extractor, one function a question.

Conventions
-----------
A check is a function of a :class:`Subject`. It returns a remark (often none) if the contract is
kept, raises :class:`BrokenContractError` with what was found and what was expected if it is not,
and :class:`NotApplicableError` if there is nothing to check.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from mer_plugins.audio import Audio
from mer_plugins.check_sounds import calm_music, excited_music, music
from mer_plugins.contracts import Extractor, ExtractorInfo, StreamingExtractor
from mer_plugins.curves import EmotionCurve, concatenate
from mer_plugins.errors import MerError

KINDS = ("dynamic", "static", "trivial")
TOLERANCE = 1e-6
_ANY_RATE = 44_100
_LENGTH_S = 6.3


class BrokenContractError(Exception):
    """What a check raises: what was found, and what was expected."""


class NotApplicableError(Exception):
    """What a check raises where the extractor has nothing to be checked."""


class Subject:
    """An extractor under examination.

    Parameters
    ----------
    extractor : Extractor
        As the host makes it.
    registered : ExtractorInfo, optional
        What the plugin says of itself before it is imported, if it is registered.
    """

    def __init__(self, extractor: Extractor, registered: ExtractorInfo | None = None) -> None:
        self.extractor = extractor
        self.registered = registered
        self.info = extractor.info
        self.sample_rate = extractor.info.sample_rate or _ANY_RATE

    @cached_property
    def audio(self) -> Audio:
        """Some seconds of tones and noise that come and go, longer than the least length."""
        length_s = max(_LENGTH_S, 2.3 * self.info.min_duration_s)
        return Audio(music(length_s, self.sample_rate, seed=0), self.sample_rate)

    @cached_property
    def curve(self) -> EmotionCurve:
        """The curve of :attr:`audio`."""
        return self.extractor(self.audio)

    def streaming(self) -> StreamingExtractor:
        """Return the extractor as one that streams; NotApplicableError if it does not."""
        if not isinstance(self.extractor, StreamingExtractor):
            raise NotApplicableError("offers no stream")
        return self.extractor


Check = Callable[[Subject], "str | None"]


def check_info(subject: Subject) -> None:
    """Require that the extractor describes itself, and as it was registered."""
    info, registered = subject.info, subject.registered
    if registered is not None:
        for name in ("name", "version", "kind", "hop_s"):
            said, told = getattr(info, name), getattr(registered, name)
            _require(said == told, f"info.{name} is {said!r}: expected {told!r}, as registered")
    _require(bool(info.name and info.version), "info lacks a name or a version")
    _require(info.kind in KINDS, f"info.kind is {info.kind!r}: expected one of {', '.join(KINDS)}")
    rate = info.sample_rate
    _require(rate is None or rate > 0, f"info.sample_rate is {rate!r}: expected Hz, or None")
    _require(bool(info.licence), "info.licence is empty: expected the terms of code and weights")


def check_shape(subject: Subject) -> str:
    """Require values at the declared hop that cover the recording."""
    curve = _curve(subject.curve)
    hop_s, duration_s = curve.hop_s, subject.audio.duration_s
    if subject.info.kind != "static":
        declared = subject.info.hop_s
        _require(
            math.isclose(hop_s, declared), f"hop_s is {hop_s:g}: expected {declared:g}, as declared"
        )
    begin, end = float(curve.times[0]), float(curve.times[-1])
    _require(begin < hop_s, f"the curve begins at {begin:g} s: expected within the first interval")
    _require(
        end < duration_s <= end + 2 * hop_s,
        f"the last interval begins at {end:g} s and lasts {hop_s:g} s: expected it at the end of a "
        f"recording of {duration_s:g} s",
    )
    return f"{len(curve)} values in {duration_s:g} s"


def check_even_times(subject: Subject) -> None:
    """Require that the intervals follow each other without gaps."""
    steps = np.diff(subject.curve.times)
    hop_s = subject.curve.hop_s
    _require(
        bool(np.allclose(steps, hop_s, atol=1e-9)),
        f"intervals of {hop_s:g} s begin {steps.min(initial=hop_s):g} to "
        f"{steps.max(initial=hop_s):g} s apart: expected {hop_s:g}",
    )


def check_range(subject: Subject) -> str:
    """Require values in [-1, 1] of tones, noise, a click and full scale alike."""
    rate, length_s = subject.sample_rate, subject.audio.duration_s
    n = round(length_s * rate)
    click = np.zeros(n)
    click[n // 2] = 1
    square = np.sign(np.sin(2 * np.pi * 440 * np.arange(n) / rate))
    noise = np.random.default_rng(1).uniform(-1, 1, n)
    curves = [_curve(subject.extractor(Audio(x, rate))) for x in (click, square, noise)]
    values = np.concatenate([c.values for c in [_curve(subject.curve), *curves]])
    (v_low, a_low), (v_high, a_high) = values.min(axis=0), values.max(axis=0)
    return f"valence {v_low:.2f} to {v_high:.2f}, arousal {a_low:.2f} to {a_high:.2f}"


def check_order(subject: Subject) -> str:
    """Require that excited music is not heard as calmer than calm, but as more pleasant.

    That is what exchanged columns look like. It cannot prove that the order is right.
    """
    if subject.info.kind == "trivial":
        raise NotApplicableError("does not listen")
    rate, length_s = subject.sample_rate, subject.audio.duration_s
    calm, excited = (
        _curve(subject.extractor(Audio(make(length_s, rate), rate))).values.mean(axis=0)
        for make in (calm_music, excited_music)
    )
    valence, arousal = excited - calm
    told = (
        f"from a calm to an excited recording valence moves {valence:+.2f}, arousal {arousal:+.2f}"
    )
    _require(
        arousal > -TOLERANCE or valence <= arousal,
        f"{told}: expected arousal to rise; are the columns (valence, arousal)?",
    )
    return told


def check_determinism(subject: Subject) -> None:
    """Require the same curve of a recording again, whatever was heard in between."""
    other = Audio(music(subject.audio.duration_s, subject.sample_rate, 2), subject.sample_rate)
    first = _curve(subject.curve)
    subject.extractor(other)
    _require_same(first, subject.extractor(subject.audio), "a second time", tolerance=0)


def check_input_is_kept(subject: Subject) -> None:
    """Require that the samples of a recording are left as they were."""
    before = subject.audio.samples.copy()
    subject.extractor(subject.audio)
    _require(
        bool(np.array_equal(before, subject.audio.samples)),
        "the samples of the recording were changed: expected them as they were",
    )


def check_shortest(subject: Subject) -> str:
    """Require a curve of a recording of the least length declared."""
    n = max(1, math.ceil(subject.info.min_duration_s * subject.sample_rate))
    curve = _curve(subject.extractor(_cut(subject.audio, n)))
    return f"{len(curve)} values in {n / subject.sample_rate:.3f} s"


def check_too_short(subject: Subject) -> str:
    """Require that a recording that is too short is refused in one line, or has a curve."""
    n = math.ceil(subject.info.min_duration_s * subject.sample_rate) - 1
    if n < 1:
        raise NotApplicableError("declares no least length")
    cuts = [_cut(subject.audio, 1), _cut(subject.audio, n)]
    lines = [_refusal(subject.extractor, cut) for cut in cuts]
    return next((line for line in lines if line), "has a curve")


def check_silence(subject: Subject) -> None:
    """Require a curve of digital silence."""
    silence = Audio(np.zeros_like(subject.audio.samples), subject.sample_rate)
    curve = _curve(subject.extractor(silence))
    expected = len(subject.curve)
    _require(
        len(curve) == expected,
        f"silence has {len(curve)} values: expected {expected}, as music of that length",
    )


def check_stereo(subject: Subject) -> None:
    """Require that two equal channels are heard as one."""
    both = np.stack([subject.audio.samples] * 2)
    found = subject.extractor(Audio(both, subject.sample_rate))
    _require_same(subject.curve, found, "in stereo")


def check_nan(subject: Subject) -> str:
    """Require that NaN is refused or ridden out, and that nothing of it stays behind.

    The host lets no NaN through; but a plugin is called by other programs, too.
    """
    expected = subject.curve
    damaged = Audio(subject.audio.samples.copy(), subject.sample_rate)
    damaged.samples[len(damaged.samples) // 2] = np.nan
    line = _refusal(subject.extractor, damaged)
    _require_same(expected, subject.extractor(subject.audio), "after NaN", tolerance=0)
    return line or "has a curve"


def check_blocks(subject: Subject) -> str:
    """Require of a stream the curve of the whole recording, whatever the sizes of the blocks."""
    extractor = subject.streaming()
    samples = subject.audio.samples
    for name, sizes in _block_sizes(len(samples), subject.sample_rate).items():
        stream, parts, begin = extractor.open(), [], 0
        for size in sizes:
            parts.append(stream.feed(samples[begin : begin + size]))
            begin += size
        curve = concatenate([*(p for p in parts if p is not None), stream.finish()])
        _require_same(subject.curve, curve, f"in {name}")
    return ""


def check_two_streams(subject: Subject) -> None:
    """Require that two streams that are open at once do not hear each other."""
    extractor = subject.streaming()
    other = music(subject.audio.duration_s, subject.sample_rate, seed=3)
    stream, beside, parts = extractor.open(), extractor.open(), []
    step = subject.sample_rate
    for begin in range(0, len(other), step):
        parts.append(stream.feed(subject.audio.samples[begin : begin + step]))
        beside.feed(other[begin : begin + step])
    curve = concatenate([*(p for p in parts if p is not None), stream.finish()])
    _require_same(subject.curve, curve, "beside another stream")


def check_pickling(subject: Subject) -> None:
    """Require the same curve of a pickled copy: so extractors travel to other processes."""
    copy = pickle.loads(pickle.dumps(subject.extractor))  # noqa: S301 - our own pickle
    _require_same(subject.curve, copy(subject.audio), "by a pickled copy")


CHECKS: Mapping[str, Check] = {
    "info": check_info,
    "shape": check_shape,
    "even times": check_even_times,
    "range": check_range,
    "order": check_order,
    "determinism": check_determinism,
    "input is kept": check_input_is_kept,
    "shortest": check_shortest,
    "too short": check_too_short,
    "silence": check_silence,
    "stereo": check_stereo,
    "NaN": check_nan,
    "blocks": check_blocks,
    "two streams": check_two_streams,
    "pickling": check_pickling,
}


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise BrokenContractError(problem)


def _curve(found: Any) -> EmotionCurve:
    """Return what an extractor gave, if it is a curve with values; BrokenContractError if not."""
    if not isinstance(found, EmotionCurve):
        raise BrokenContractError(f"returned {type(found).__name__}: expected an EmotionCurve")
    _require(len(found) > 0, "the curve is empty: expected at least one value")
    return found


def _require_same(
    expected: EmotionCurve, found: Any, where: str, tolerance: float = TOLERANCE
) -> None:
    curve = _curve(found)
    _require(
        len(curve) == len(expected) and curve.hop_s == expected.hop_s,
        f"{where} the recording has {len(curve)} values, one each {curve.hop_s:g} s: "
        f"expected {len(expected)}, one each {expected.hop_s:g} s",
    )
    apart = float(np.abs(curve.values - expected.values).max())
    _require(
        apart <= tolerance and bool(np.array_equal(curve.times, expected.times)),
        f"{where} the curve differs by up to {apart:.2g}: expected at most {tolerance:g}, "
        "at the same times",
    )


def _refusal(extractor: Extractor, audio: Audio) -> str:
    """Return the one line by which a recording was refused; empty if it has a curve."""
    try:
        _curve(extractor(audio))
    except (MerError, ValueError) as exc:
        line = str(exc)
        _require(bool(line) and "\n" not in line, f"refused by {line!r}: expected one clear line")
        return line
    return ""


def _block_sizes(n: int, sample_rate: int) -> dict[str, Sequence[int]]:
    rng = np.random.default_rng(0)
    odd: list[int] = []
    while sum(odd) < n:
        odd.append(int(rng.integers(1, sample_rate)))
    few = min(n, 50)
    return {
        "one block": [n],
        "blocks of single samples at first": [1] * few + [n - few],
        "blocks of 997 samples": [997] * math.ceil(n / 997),
        "blocks of any size": odd,
    }


def _cut(audio: Audio, n: int) -> Audio:
    return Audio(audio.samples[:n], audio.sample_rate)
