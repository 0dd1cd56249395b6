"""The spectrogram cache: computed once, never stale, never too large; and lossy copies."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mer_plugins.atomic import replacing
from mer_plugins.sequence import feature_cache
from mer_plugins.sequence.feature_cache import FeatureCache
from mer_plugins.sequence.lossy import reencoded


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "song.wav"
    path.write_bytes(b"sound")
    return path


def features(value, megabytes=0):
    count = max(2, megabytes * 250_000)
    return np.full((2, 2, count // 2), value, dtype=np.float16)


def counted(calls, value=1.0):
    def compute():
        calls.append(value)
        return features(value)

    return compute


def test_features_are_computed_once(tmp_path, recording):
    calls = []
    first = FeatureCache(tmp_path / "c").features(recording, "mel", counted(calls))
    second = FeatureCache(tmp_path / "c").features(recording, "mel", counted(calls, 2.0))
    assert calls == [1.0]
    np.testing.assert_array_equal(first, second)


def test_content_and_settings_are_the_key_and_the_name_is_not(tmp_path, recording):
    cache, calls = FeatureCache(tmp_path / "c"), []
    cache.features(recording, "mel", counted(calls))
    moved = recording.rename(tmp_path / "other.wav")
    cache.features(moved, "mel", counted(calls, 2.0))
    assert calls == [1.0]
    cache.features(moved, "mel of another kind", counted(calls, 3.0))
    moved.write_bytes(b"other sound")
    found = cache.features(moved, "mel", counted(calls, 4.0))
    assert calls == [1.0, 3.0, 4.0] and (found == 4).all()


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY garbage", None])
def test_a_damaged_entry_is_computed_again(tmp_path, recording, damage):
    cache, calls = FeatureCache(tmp_path / "c"), []
    cache.features(recording, "mel", counted(calls))
    (entry,) = (tmp_path / "c").glob("*.npy")
    entry.write_bytes(entry.read_bytes()[:-3] if damage is None else damage)
    assert (cache.features(recording, "mel", counted(calls, 2.0)) == 2).all()


def test_what_was_used_longest_ago_makes_room(tmp_path, recording):
    cache = FeatureCache(tmp_path / "c", limit_gb=0.0035)
    entries = []
    for i in range(3):
        cache.features(recording, str(i), lambda i=i: features(i, megabytes=1))
        new = set((tmp_path / "c").glob("*.npy")) - set(entries)
        entries += new
        os.utime(entries[-1], (i, i))
    cache.features(recording, "0", lambda: pytest.fail("is there"))
    kept = cache.features(recording, "3", lambda: features(3, megabytes=1))
    assert [path.exists() for path in entries] == [True, False, True]
    assert sum(p.stat().st_size for p in (tmp_path / "c").iterdir()) < 3.6e6
    assert (kept == 3).all()


def test_a_full_cache_serves_many_threads_and_processes(tmp_path, recording):
    recordings = [recording.with_name(f"{i}.wav") for i in range(12)]
    for path in recordings:
        path.write_bytes(path.name.encode())
    # Two caches of one folder, as two processes have them.
    caches = [FeatureCache(tmp_path / "c", limit_gb=0.0015) for _ in range(2)]

    def found(i):
        cache = caches[i % 2]
        path = recordings[i % len(recordings)]
        value = int(path.stem)
        return (cache.features(path, "mel", lambda: features(value, megabytes=1)) == value).all()

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(found, range(120)))


def test_an_entry_that_makes_room_before_it_is_read_is_used_as_computed(
    tmp_path, recording, monkeypatch
):
    cache = FeatureCache(tmp_path / "c")
    monkeypatch.setattr(feature_cache, "_load", lambda path: None)
    assert (cache.features(recording, "mel", lambda: features(7)) == 7).all()


def test_what_killed_writers_left_is_cleared_and_what_is_being_written_is_not(tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    killed, older, young = (folder / name for name in (".a.npy.tmp", "tmpx.tmp", "tmpy.tmp"))
    for path in (killed, older, young):
        path.write_bytes(b"part")
    os.utime(older, (0, 0))
    with replacing(folder / "b.npy") as file:
        file.write(b"part")
        FeatureCache(folder)
        assert sorted(path.name for path in folder.iterdir()) == [".b.npy.tmp", "tmpy.tmp"]


def test_a_failing_computation_leaves_nothing_behind(tmp_path, recording):
    def fail():
        raise ValueError("no sound")

    with pytest.raises(ValueError, match="no sound"):
        FeatureCache(tmp_path / "c").features(recording, "mel", fail)
    assert not list((tmp_path / "c").iterdir())


@pytest.mark.parametrize(("rate", "bit_rate"), [(44_100, 64_000), (22_050, 32_000)])
def test_a_lossy_copy_is_as_long_in_step_and_not_the_same(rate, bit_rate):
    t = np.arange(2 * rate) / rate
    rng = np.random.default_rng(0)
    samples = 0.3 * np.sin(2 * np.pi * (200 + 300 * t) * t) + 0.02 * rng.standard_normal(len(t))
    samples = samples.astype(np.float32)
    copy = reencoded(samples, rate, bit_rate)
    assert copy.shape == samples.shape and copy.dtype == np.float32
    middle = slice(2_000, -2_000)
    lags = range(-3, 4)
    alike = [np.corrcoef(samples[middle], np.roll(copy, lag)[middle])[0, 1] for lag in lags]
    assert lags[int(np.argmax(alike))] == 0 and 0.99 < max(alike) < 0.99999


def test_a_rate_that_mp3_lacks():
    with pytest.raises(ValueError, match="no MP3 at 12345 Hz"):
        reencoded(np.zeros(5_000, np.float32), 12_345, 64_000)
