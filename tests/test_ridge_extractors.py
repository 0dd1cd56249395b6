"""ridge-librosa and ridge-essentia: the statistics, the smoothing, the features, what goes wrong."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_adapters import essentia_features, librosa_features
from mer_adapters.essentia_features import essentia_statistics
from mer_adapters.half_seconds import smoothed, statistics
from mer_adapters.librosa_features import librosa_statistics
from mer_adapters.musicnn_heads import BUNDLED
from mer_adapters.ridge import load_ridge
from mer_adapters.ridge_extractors import RidgeEssentia, RidgeLibrosa
from mer_plugins import Audio, load_audio, plugin_host
from mer_plugins.errors import AudioError, CheckpointError, PluginError
from mer_plugins.host import resource_path

BRIDGES = {
    "ridge-librosa": (RidgeLibrosa, librosa_features, librosa_statistics),
    "ridge-essentia": (RidgeEssentia, essentia_features, essentia_statistics),
}
CALM, AROUSED = ("0554", "0360", "0707", "1109"), ("0257", "1054", "1864", "1667")
LIBRARIES = {"ridge-librosa": "librosa", "ridge-essentia": "essentia"}


@pytest.fixture(params=sorted(BRIDGES))
def bridge(request):
    pytest.importorskip(LIBRARIES[request.param])
    return BRIDGES[request.param]


def sound(seconds, rate, seed=0):
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    tone = 0.2 * np.sin(2 * np.pi * rng.uniform(200, 800) * times) * (1 + np.sin(5 * times)) / 2
    return (tone + 0.02 * rng.standard_normal(len(times))).astype(np.float32)


# Statistics and smoothing


@given(st.integers(1, 70), st.integers(1, 21), st.integers(0, 99))
def test_statistics_are_numpys_of_each_half_second(n, per, seed):
    frames = 1e4 + np.random.default_rng(seed).normal(size=(n, 3))
    found = statistics(frames, per)
    parts = [frames[i : i + per] for i in range(0, n, per)]
    expected = [np.concatenate([part.mean(axis=0), part.std(axis=0)]) for part in parts]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(st.integers(1, 40), st.integers(0, 12), st.integers(0, 99))
def test_smoothing_is_the_mean_of_what_is_there(m, width, seed):
    values = np.random.default_rng(seed).normal(size=(m, 2))
    expected = [values[max(0, i - width) : i + width + 1].mean(axis=0) for i in range(m)]
    np.testing.assert_allclose(smoothed(values, [width]), expected, atol=1e-12)
    both = (smoothed(values, [width]) + values) / 2
    np.testing.assert_allclose(smoothed(values, [0, width]), both, atol=1e-12)


# Features


@pytest.mark.parametrize("seconds", [0.5, 0.51, 1.0, 3.2])
def test_a_row_for_each_half_second_begun(bridge, seconds):
    _, module, extract = bridge
    found = extract(sound(seconds, module.SAMPLE_RATE))
    assert found.shape == (int(np.ceil(seconds / 0.5)), 2 * len(module.NAMES))
    assert np.isfinite(found).all()


def test_a_half_second_is_the_same_however_the_recording_goes_on(bridge):
    _, module, extract = bridge
    long = sound(63, module.SAMPLE_RATE)
    short = long[: 4 * module.SAMPLE_RATE]
    np.testing.assert_allclose(extract(long)[:7], extract(short)[:7], rtol=1e-4, atol=1e-4)


def test_features_are_where_their_names_say(bridge):
    _, module, extract = bridge
    rate = module.SAMPLE_RATE
    times = np.arange(4 * rate) / rate
    low, high = (
        dict(
            zip(
                module.NAMES,
                extract((0.3 * np.sin(2 * np.pi * hz * times)).astype(np.float32)).mean(axis=0),
                strict=False,
            )
        )
        for hz in (300, 3_000)
    )
    for name in ("centroid", "roll-off", "zero crossings"):
        assert 5 * low[name] < high[name], name
    quiet = dict(
        zip(
            module.NAMES,
            extract((0.003 * np.sin(2 * np.pi * 300 * times)).astype(np.float32)).mean(axis=0),
            strict=False,
        )
    )
    assert quiet["loudness"] < low["loudness"] - 1
    assert quiet["centroid"] == pytest.approx(low["centroid"], rel=0.1)


def test_librosas_features_are_those_librosa_computes_by_itself():
    librosa = pytest.importorskip("librosa")
    samples = sound(3, 22_050)
    found = librosa_statistics(samples)[:, :20]
    mel = librosa.feature.melspectrogram(
        y=samples, sr=22_050, n_fft=2_048, hop_length=525, pad_mode="constant"
    )
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=20)
    expected = [mfcc[:, 21 * m : 21 * (m + 1)].mean(axis=1) for m in range(6)]
    np.testing.assert_allclose(found, expected, atol=1e-2)


# The extractors; the contract test has the rest


def test_the_curve_is_the_smoothed_line_of_the_bundled_head(bridge):
    make, module, extract = bridge
    extractor = make()
    audio = Audio(sound(8, module.SAMPLE_RATE), module.SAMPLE_RATE)
    rated = extractor.head(extract(audio.samples)).clip(-1, 1)
    np.testing.assert_allclose(extractor(audio).values, smoothed(rated, (3, 10)), atol=1e-9)


@pytest.mark.parametrize("name", sorted(BRIDGES))
def test_a_missing_library_tells_how_to_get_it(monkeypatch, name):
    monkeypatch.setitem(sys.modules, LIBRARIES[name], None)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    line = rf"{name} needs .*cannot be imported.*pip install 'mer-plugins\[{LIBRARIES[name]}\]'"
    with pytest.raises(PluginError, match=line) as caught:
        plugin_host().create(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "samples, line",
    [(np.zeros(100, np.float32), "at least 0.5 s"), (np.zeros(44_100, np.float32), "holds NaN")],
)
def test_what_cannot_be_rated_is_refused(bridge, samples, line):
    audio = Audio(samples, bridge[1].SAMPLE_RATE)
    audio.samples[50] = np.nan
    with pytest.raises(AudioError, match=line):
        bridge[0]()(audio)


def test_a_head_on_other_features_is_refused(bridge):
    with pytest.raises(CheckpointError, match="format is 'mer-plugins musicnn head 1'"):
        bridge[0](checkpoint=resource_path(BUNDLED["ridge"]))


@pytest.mark.parametrize("name", sorted(BRIDGES))
def test_the_bundled_heads_tell_their_training_and_left_fold_0_out(name):
    make, module, _ = BRIDGES[name]
    path = resource_path(make.registered.checkpoint)
    training = load_ridge(path, module.FEATURES, 2 * len(module.NAMES)).training
    assert path.stat().st_size < 10_000
    assert training["songs"] == 1395
    assert training["unseen"]["fold"] == 0
    assert training["unseen"]["arousal pooled ccc"] > 0.7


@pytest.mark.shared
def test_loud_and_busy_music_is_heard_as_more_aroused_than_calm(bridge, shared):
    clips = shared / "data" / "deam" / "clips"
    if not clips.is_dir():
        pytest.skip("no ../shared/data/deam beside the checkout")
    extractor = bridge[0]()
    # Of fold 0, which the heads have not seen: labelled lowest and highest in arousal.
    calm, aroused = (
        np.mean([extractor(load_audio(clips / f"{i}_30.0s.ogg")).arousal.mean() for i in ids])
        for ids in (CALM, AROUSED)
    )
    assert aroused > calm + 0.2
