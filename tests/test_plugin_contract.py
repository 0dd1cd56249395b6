"""Every registered plugin keeps the contract, and the checks that say so can fail."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from mer_plugins import Audio, EmotionCurve, MerError, plugin_host
from mer_plugins.cli import mer
from mer_plugins.contracts import ExtractorInfo
from mer_plugins.curves import concatenate
from mer_plugins.errors import AudioError, PluginError
from mer_plugins.testing import (
    CHECKS,
    ContractError,
    assert_extractor,
    check_extractor,
    make_subject,
    run_check,
)

HOST = plugin_host()
# What a person can do about it: anything else that keeps a plugin from starting is a fault.
REMEDY = re.compile(r"pip install|download it")


def test_our_own_plugins_are_all_there():
    assert set(HOST.extractors.specs) >= {
        *("damff", "damff-ensemble", "essentia-musicnn", "ridge-essentia", "ridge-librosa"),
        *("crnn", "bcrsn", "dnn", "mcrnn", "global-mean", "mean-trajectory"),
    }
    assert HOST.broken == []


@pytest.fixture(scope="module")
def subject(request):
    try:
        return make_subject(request.param)
    except MerError as exc:
        if REMEDY.search(str(exc)):
            pytest.skip(str(exc))
        raise


@pytest.mark.parametrize("subject", sorted(HOST.extractors.specs), indirect=True)
@pytest.mark.parametrize("check", CHECKS)
def test_a_registered_plugin_keeps_the_contract(subject, check):
    result = run_check(check, subject)
    assert result.outcome != "failed", result.reason


# The checks themselves, on an extractor that keeps the contract, and on ones that each break it

RATE = 8_000
STEP = RATE // 2


class Good:
    """The level of each half second as arousal; what is heard last comes out at once."""

    info = ExtractorInfo(
        name="good", version="1", sample_rate=RATE, min_duration_s=0.5, licence="MIT"
    )

    def open(self):
        return GoodStream(self)

    def __call__(self, audio):
        stream = self.open()
        parts = [stream.feed(audio.mono().samples), stream.finish()]
        return concatenate([part for part in parts if part is not None])

    def rate(self, samples):
        if not np.isfinite(samples).all():
            raise AudioError("the samples hold NaN: expected finite ones")
        level = np.sqrt(np.mean(samples.astype(float) ** 2))
        return [0.0, 2 * min(level, 1) - 1]


class GoodStream:
    def __init__(self, extractor):
        self.extractor, self.rest, self.count = extractor, np.zeros(0, np.float32), 0

    def feed(self, samples):
        self.rest = np.concatenate([self.rest, samples])
        n = len(self.rest) // STEP
        blocks, self.rest = np.split(self.rest, [n * STEP])
        return self.curve(blocks.reshape(n, STEP)) if n else None

    def finish(self):
        if not self.count and not len(self.rest):
            raise AudioError("the recording is 0 s long: at least 0.5 s are needed")
        return self.curve([self.rest] if len(self.rest) else [])

    def curve(self, blocks):
        values = np.array([self.extractor.rate(b) for b in blocks]).reshape(-1, 2)
        times = 0.5 * (self.count + np.arange(len(values)))
        self.count += len(values)
        return EmotionCurve(times, values, 0.5)


class NoLicence(Good):
    info = replace(Good.info, licence="")


class HalfTheCurve(Good):
    def __call__(self, audio):
        return super().__call__(Audio(audio.mono().samples[: len(audio.mono().samples) // 2], RATE))


class OtherHop(Good):
    info = replace(Good.info, hop_s=1.0)


class Gaps(Good):
    def __call__(self, audio):
        curve = super().__call__(audio)
        kept = np.arange(len(curve)) != 2
        return EmotionCurve(curve.times[kept], curve.values[kept], 0.5)


class OutOfRange(Good):
    def rate(self, samples):
        return [0.0, 40 * np.sqrt(np.mean(samples**2))]


class Swapped(Good):
    def rate(self, samples):
        _, level = super().rate(samples)
        return [level, -level]


class Remembers(Good):
    def __init__(self):
        self.loudest = 0.0

    def rate(self, samples):
        self.loudest = max(self.loudest, float(np.abs(samples).max()))
        return [0.0, min(self.loudest, 1)]


class Counts(Good):
    def __init__(self):
        self.calls = 0

    def __call__(self, audio):
        self.calls += 1
        curve = super().__call__(audio)
        return EmotionCurve(curve.times, curve.values * (1 - 1e-9 * self.calls), 0.5)


class Normalises(Good):
    def __call__(self, audio):
        audio.samples[...] *= 0.5
        return super().__call__(audio)


class NeedsASecond(Good):
    def __call__(self, audio):
        if audio.duration_s < 1:
            raise AudioError("too short")
        return super().__call__(audio)


class TracebackIfShort(Good):
    def __call__(self, audio):
        if audio.duration_s < 0.5:
            raise IndexError("index 0 is out of bounds")
        return super().__call__(audio)


class DividesByTheLevel(Good):
    def __call__(self, audio):
        if not audio.samples.any():
            raise ZeroDivisionError("division by zero")
        return super().__call__(audio)


class LeftOnly(Good):
    def __call__(self, audio):
        return super().__call__(Audio(np.atleast_2d(audio.samples).reshape(-1), RATE))


class Poisoned(Good):
    bad = False

    def rate(self, samples):
        self.bad = self.bad or not np.isfinite(samples).all()
        return [0.5, 0.5] if self.bad else super().rate(samples)


class BlockByBlock(Good):
    """Rates what a block brings: as many values as blocks."""

    def open(self):
        stream = GoodStream(self)
        stream.feed = lambda samples: stream.curve([samples])
        return stream

    def __call__(self, audio):
        return Good().__call__(audio)


class OneStream(Good):
    """Every recording goes through one and the same stream."""

    def open(self):
        self.shared = getattr(self, "shared", None) or GoodStream(self)
        return self.shared

    def __call__(self, audio):
        return Good().__call__(audio)


class Unpicklable(Good):
    def __init__(self):
        self.handle = lambda: None


class NotACurve(Good):
    def __call__(self, audio):
        return super().__call__(audio).values


def outcomes(extractor):
    return {r.check: r.outcome for r in check_extractor(extractor)}


def test_an_extractor_that_keeps_the_contract_passes_every_check():
    assert [r for r in check_extractor(Good()) if r.outcome != "passed"] == []
    assert_extractor(Good())


@pytest.mark.parametrize(
    "broken, check, reason",
    [
        (NoLicence, "info", "licence is empty"),
        (HalfTheCurve, "shape", "last interval begins at 3 s .* recording of 6.3 s"),
        (OtherHop, "shape", "hop_s is 0.5: expected 1, as declared"),
        (NotACurve, "shape", "returned ndarray: expected an EmotionCurve"),
        (Gaps, "even times", "begin 0.5 to 1 s apart: expected 0.5"),
        (OutOfRange, "range", r"raised ValueError: values reach .* expected .* in \[-1, 1\]"),
        (Swapped, "order", r"expected arousal to rise; are the columns"),
        (Remembers, "determinism", "a second time the curve differs"),
        (Counts, "determinism", "a second time the curve differs"),
        (Normalises, "input is kept", "samples of the recording were changed"),
        (NeedsASecond, "shortest", "raised AudioError: too short"),
        (TracebackIfShort, "too short", "raised IndexError"),
        (DividesByTheLevel, "silence", "raised ZeroDivisionError: division by zero"),
        (LeftOnly, "stereo", "in stereo the recording has 26 values.*expected 13"),
        (Poisoned, "NaN", "after NaN the curve differs"),
        (BlockByBlock, "blocks", "in one block the recording has 1 values"),
        (OneStream, "two streams", "beside another stream"),
        (Unpicklable, "pickling", "raised .*(pickle|local object)"),
    ],
    ids=lambda p: p.__name__ if isinstance(p, type) else None,
)
def test_what_breaks_the_contract_is_found_and_told(broken, check, reason):
    found = {r.check: r for r in check_extractor(broken())}
    assert found[check].outcome == "failed"
    assert re.search(reason, found[check].reason), found[check].reason
    with pytest.raises(ContractError, match=f"(^|; ){check}: "):
        assert_extractor(broken())


def test_there_is_a_counterexample_to_every_check():
    (marks,) = test_what_breaks_the_contract_is_found_and_told.pytestmark
    assert {check for _, check, _ in marks.args[1]} == set(CHECKS)


def test_what_does_not_apply_is_skipped_and_says_why():
    class Whole:
        info = replace(Good.info, min_duration_s=0, sample_rate=None, kind="trivial")

        def __call__(self, audio):
            count = -(-audio.samples.shape[-1] * 2 // audio.sample_rate)
            return EmotionCurve(0.5 * np.arange(count), np.zeros((count, 2)), 0.5)

    results = check_extractor(Whole())
    skipped = {r.check: r.reason for r in results if r.outcome == "skipped"}
    assert skipped == {
        "order": "does not listen",
        "too short": "declares no least length",
        "blocks": "offers no stream",
        "two streams": "offers no stream",
    }
    assert [r.check for r in results if r.outcome == "failed"] == ["pickling"]  # a local class


def test_an_extractor_that_differs_from_its_registration_is_told():
    subject = make_subject("global-mean")
    subject.registered = replace(subject.registered, version="9")
    assert "info.version is '1.0': expected '9'" in run_check("info", subject).reason


# The command


def run(*arguments):
    # A group gives its value through `standalone_mode=False`, as `mer_plugins.cli.run` calls it.
    return CliRunner().invoke(mer, ["plugins", *arguments], standalone_mode=False)


def test_the_command_tells_each_check_and_exits_with_0():
    done = run("check", "global-mean")
    assert done.return_value == 0
    lines = done.output.splitlines()
    assert [line.split()[0] for line in lines] == [
        "skipped" if check == "order" else "passed" for check in CHECKS
    ]


def test_the_command_prints_json():
    entries = json.loads(run("check", "mean-trajectory", "--json").output)
    assert [entry["check"] for entry in entries] == list(CHECKS)
    assert all(set(entry) == {"check", "outcome", "reason"} for entry in entries)


def test_the_command_exits_with_1_if_a_check_failed(monkeypatch):
    monkeypatch.setitem(CHECKS, "range", lambda subject: 1 / 0)
    done = run("check", "global-mean")
    assert done.return_value == 1
    assert "failed  range: raised ZeroDivisionError" in done.output


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["no-such"], "no extractor is called 'no-such'"),
        (["global-mean", "-p", "colour=red"], "takes no parameter 'colour'"),
    ],
)
def test_a_plugin_that_cannot_be_made_is_one_clear_line(arguments, line):
    error = run("check", *arguments).exception
    assert isinstance(error, PluginError)
    assert line in str(error)
