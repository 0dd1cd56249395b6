"""Our log-mel against librosa's, over real-looking and odd signals, and against itself in blocks."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_plugins.errors import AudioError
from mer_plugins.sequence.logmel import (
    LogMel,
    LogMelConfig,
    LogMelStream,
    hz_to_mel,
    mel_filters,
    mel_to_hz,
)

OTHER = LogMelConfig(sample_rate=22_050, n_fft=1024, hop_length=256, n_mels=64)
ODD = LogMelConfig(sample_rate=16_000, n_fft=401, hop_length=160, n_mels=40)
BUNDLED = LogMelConfig(floor=1e-4)
SMALL = LogMelConfig(sample_rate=8_000, n_fft=256, hop_length=80, n_mels=20, frames_per_segment=10)


def times(n, rate=44_100):
    return np.arange(n) / rate


def signals(n=80_000, rate=44_100):
    rng, t = np.random.default_rng(0), times(n, rate)
    impulses = np.zeros(n)
    impulses[:: rate // 7] = 1
    return {
        "noise": rng.uniform(-1, 1, n),
        "quiet noise": 1e-4 * rng.standard_normal(n),
        "full-scale sine": np.sin(2 * np.pi * 997 * t),
        "sweep": np.sin(2 * np.pi * (50 * t + 4_000 * t**2)),
        "square": np.sign(np.sin(2 * np.pi * 110 * t)),
        "constant": np.full(n, 0.5),
        "impulses": impulses,
        "silence": np.zeros(n),
        "noise after silence": np.where(t < 0.8, 0, rng.uniform(-1, 1, n)),
    }


def by_librosa(samples, config):
    mel = librosa.feature.melspectrogram(
        y=samples,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        hop_length=config.hop_length,
        n_mels=config.n_mels,
    )
    count = len(samples) // config.segment_length
    frames = np.log(mel + config.floor)[:, : count * config.frames_per_segment]
    return frames.reshape(config.n_mels, count, -1).transpose(1, 0, 2)


@pytest.mark.filterwarnings("ignore:Empty filters detected")
@pytest.mark.parametrize(
    "config",
    [LogMelConfig(), BUNDLED, LogMelConfig(floor=1e-5), OTHER, ODD, SMALL],
    ids=["paper", "bundled", "float32", "other", "odd", "small"],
)
@pytest.mark.parametrize("name", list(signals(10)))
def test_equal_to_librosa_within_a_thousandth(config, name):
    samples = signals(rate=config.sample_rate)[name].astype(np.float32)
    expected = by_librosa(samples, config)
    found = LogMel(config)(samples)
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("c", [LogMelConfig(), OTHER, ODD], ids=["paper", "other", "odd"])
def test_filters_are_librosas(c):
    expected = librosa.filters.mel(sr=c.sample_rate, n_fft=c.n_fft, n_mels=c.n_mels, dtype=float)
    np.testing.assert_allclose(mel_filters(c), expected, rtol=1e-6, atol=1e-12)


def test_mel_there_and_back():
    hertz = np.array([0.0, 440.0, 999.0, 1_000.0, 6_400.0, 22_050.0])
    np.testing.assert_allclose(hz_to_mel(hertz), librosa.hz_to_mel(hertz))
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hertz)), hertz)


def test_silence_is_the_floor():
    segments = LogMel(LogMelConfig())(np.zeros(44_100, dtype=np.float32))
    np.testing.assert_allclose(segments, np.log(1e-6), rtol=1e-6)


def test_segments_come_as_soon_as_all_their_samples_are_there():
    stream = LogMelStream(LogMel(SMALL))
    needed = 9 * 80 + 128
    assert len(stream.feed(np.zeros(needed - 1))) == 0
    assert len(stream.feed(np.zeros(1))) == 1


@pytest.mark.parametrize(
    "wrong", [{"hop_length": 0}, {"n_fft": 2_646.0}, {"n_mels": -1}, {"floor": 0.0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*: expected a"):
        LogMelConfig(**wrong)


@settings(deadline=None, max_examples=60)
@given(n=st.integers(800, 5_000), cuts=st.lists(st.integers(0, 5_000), max_size=8))
def test_blocks_of_any_size_give_the_same_bits(n, cuts):
    samples = np.random.default_rng(n).uniform(-1, 1, n).astype(np.float32)
    log_mel = LogMel(SMALL)
    stream = LogMelStream(log_mel)
    parts = [stream.feed(part) for part in np.split(samples, sorted(c for c in cuts if c < n))]
    found = np.concatenate([*parts, stream.finish()])
    assert len(found) == -(-n // SMALL.segment_length)
    np.testing.assert_array_equal(found, log_mel(samples))


def test_the_last_segment_is_flush_with_the_end():
    samples = np.random.default_rng(0).uniform(-1, 1, 2_000).astype(np.float32)
    log_mel = LogMel(SMALL)
    flush = log_mel(samples[-1_600:])[-1]
    np.testing.assert_allclose(log_mel(samples)[-1], flush, atol=1e-5)


def test_shorter_than_a_segment_is_an_error():
    with pytest.raises(AudioError, match="0.100 s long: at least 0.5 s"):
        LogMel(LogMelConfig())(np.zeros(4_410, dtype=np.float32))


@pytest.mark.shared
def test_real_recordings(shared):
    from mer_plugins import load_audio

    for path in sorted((shared / "data" / "free_music").glob("*.ogg"))[:3]:
        samples = load_audio(path, 44_100).samples
        expected = by_librosa(samples, LogMelConfig())
        np.testing.assert_allclose(
            LogMel(LogMelConfig())(samples)[: len(expected)], expected, atol=1e-3, rtol=0
        )
