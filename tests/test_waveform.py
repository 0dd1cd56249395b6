"""The waveform front end: against plain slicing, against itself in blocks, and beside log-mel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_plugins.errors import AudioError
from mer_plugins.sequence.logmel import LogMel, LogMelConfig
from mer_plugins.sequence.waveform import Waveform, WaveformConfig, WaveformStream

SMALL = WaveformConfig(sample_rate=8_000, segment_s=0.1)
SMALL_MEL = LogMelConfig(
    sample_rate=8_000, n_fft=256, hop_length=80, n_mels=20, frames_per_segment=10
)


def noise(n):
    return np.random.default_rng(n).uniform(-1, 1, n).astype(np.float32)


def test_default_segments_are_half_seconds_of_22_khz():
    config = WaveformConfig()
    assert (config.sample_rate, config.segment_s) == (22_050, 0.5)
    assert (config.segment_length, config.segment_shape) == (11_025, (1, 11_025))


def test_segments_are_the_samples_themselves():
    samples = noise(2_000)
    found = Waveform(SMALL)(samples)
    assert found.dtype == np.float32 and found.shape == (3, 1, 800)
    np.testing.assert_array_equal(found[0, 0], samples[:800])
    np.testing.assert_array_equal(found[1, 0], samples[800:1_600])
    np.testing.assert_array_equal(found[2, 0], samples[-800:])


@settings(deadline=None, max_examples=60)
@given(n=st.integers(800, 5_000), cuts=st.lists(st.integers(0, 5_000), max_size=8))
def test_blocks_of_any_size_give_the_same_bits(n, cuts):
    samples, waveform = noise(n), Waveform(SMALL)
    stream = WaveformStream(waveform)
    parts = [stream.feed(part) for part in np.split(samples, sorted(c for c in cuts if c < n))]
    found = np.concatenate([*parts, stream.finish()])
    np.testing.assert_array_equal(found, waveform(samples))
    np.testing.assert_array_equal(found[-1, 0], samples[-800:])


@pytest.mark.parametrize("n", [800, 801, 1_599, 1_600, 1_601, 4_321])
def test_as_many_segments_as_log_mel(n):
    assert len(Waveform(SMALL)(noise(n))) == len(LogMel(SMALL_MEL)(noise(n)))


def test_segments_come_as_soon_as_their_samples_are_there():
    stream = WaveformStream(Waveform(SMALL))
    assert len(stream.feed(np.zeros(799))) == 0
    assert len(stream.feed(np.zeros(1))) == 1
    assert stream.finish().shape == (0, 1, 800)


def test_memory_does_not_grow_with_the_recording():
    stream = WaveformStream(Waveform(SMALL))
    for _ in range(100):
        stream.feed(np.zeros(500))
    assert len(stream._known) <= 2 * 800


def test_changing_what_was_returned_changes_nothing_later():
    samples, stream = noise(1_000), WaveformStream(Waveform(SMALL))
    stream.feed(samples)[:] = 0
    np.testing.assert_array_equal(stream.finish()[0, 0], samples[-800:])


@pytest.mark.parametrize("n", [0, 1, 799])
def test_too_short_is_one_clear_line_as_of_log_mel(n):
    with pytest.raises(AudioError) as mel:
        LogMel(SMALL_MEL)(noise(n))
    with pytest.raises(AudioError, match="s long: at least 0.1 s are needed") as found:
        Waveform(SMALL)(noise(n))
    assert str(found.value) == str(mel.value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sample_rate": 0}, "sample_rate is 0: expected a whole number"),
        ({"sample_rate": 22_050.0}, "sample_rate is 22050.0: expected a whole number"),
        ({"segment_s": 0.0}, "segment_s is 0.0: expected a positive"),
        ({"segment_s": float("nan")}, "segment_s is nan: expected a positive"),
        ({"segment_s": 1e-9}, "expected a whole number of samples"),
        ({"sample_rate": 11_025}, "5512.5 samples at 11025 Hz: expected a whole number"),
    ],
)
def test_impossible_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        WaveformConfig(**wrong)
