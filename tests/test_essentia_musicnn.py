"""The bridge to Essentia's MusiCNN: all that needs no Essentia first, then the real thing."""

from __future__ import annotations

import csv
import os
import pickle
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from mer_adapters import musicnn_files
from mer_adapters.essentia_musicnn import EssentiaMusiCNN, find_head, rate_patches
from mer_adapters.musicnn_backbone import essentia_standard, load_backbone, patch_centres
from mer_adapters.musicnn_files import find_model, model_folder
from mer_adapters.musicnn_heads import BUNDLED, EMBEDDING_SIZE, FEATURES, PUBLISHED
from mer_adapters.ridge import load_ridge
from mer_plugins import Audio, Scale, load_audio, plugin_host
from mer_plugins.errors import CheckpointError, PluginError
from mer_plugins.host import resource_path

POINT = EntryPoint("adapters", "mer_adapters.plugins", "mer_plugins")
MODELS = Path(__file__).resolve().parents[1].parent / "shared" / "models" / "essentia"


def embeddings_of(count):
    return lambda samples: np.zeros((count, 200))


# Registration


def test_it_is_registered_with_its_rate_and_scale():
    host = plugin_host([POINT])
    assert host.broken == []
    info = host.info("essentia-musicnn")
    assert (info.sample_rate, info.hop_s, info.kind) == (16_000, 0.5, "dynamic")
    assert info.scale == PUBLISHED["emomusic"].scale


def test_listing_it_imports_none_of_the_heavy_libraries():
    code = (
        "import sys, mer_adapters.plugins as p; p.mer_extractors(); "
        "print(sorted({'essentia', 'librosa', 'tensorflow', 'torch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# What goes wrong, in one clear line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files of the right names, named by the environment."""
    monkeypatch.setenv("MER_ESSENTIA_MODELS", str(tmp_path))
    for name in ("msd-musicnn-1.pb", "emomusic-msd-musicnn-1.pb", "deam-musicnn-msd-1.pb"):
        (tmp_path / name).write_bytes(b"no graph")
    return tmp_path


def without_essentia(monkeypatch):
    monkeypatch.setitem(sys.modules, "essentia", None)


def with_plain_essentia(monkeypatch):
    essentia, standard = ModuleType("essentia"), ModuleType("essentia.standard")
    essentia.log = SimpleNamespace(infoActive=True, warningActive=True)
    essentia.standard = standard
    monkeypatch.setitem(sys.modules, "essentia", essentia)
    monkeypatch.setitem(sys.modules, "essentia.standard", standard)


@pytest.mark.parametrize(
    "environment, line",
    [
        (without_essentia, r"cannot be imported .*pip install 'mer-plugins\[essentia-models\]'"),
        (with_plain_essentia, r"is without: pip uninstall essentia, then pip install"),
    ],
)
def test_a_missing_package_tells_how_to_get_it(folder, monkeypatch, environment, line):
    environment(monkeypatch)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "2")
    with pytest.raises(PluginError, match=line) as caught:
        plugin_host([POINT]).create("essentia-musicnn")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "missing, page",
    [
        ("msd-musicnn-1.pb", "models/feature-extractors/musicnn/"),
        ("emomusic-msd-musicnn-1.pb", "models/classification-heads/emomusic/"),
    ],
)
def test_a_missing_file_tells_where_it_can_be_had(folder, missing, page):
    (folder / missing).unlink()
    with pytest.raises(PluginError, match=page) as caught:
        EssentiaMusiCNN()
    assert str(folder) in str(caught.value) and "MER_ESSENTIA_MODELS" in str(caught.value)


def test_a_folder_that_is_named_is_the_only_one_looked_in(folder, tmp_path):
    with pytest.raises(PluginError, match="elsewhere"):
        find_model(("msd-musicnn-1.pb",), "", tmp_path / "elsewhere")
    assert find_model(("msd-musicnn-1.pb",), "") == folder / "msd-musicnn-1.pb"


def test_without_a_name_the_users_data_folder_is_looked_in(tmp_path, monkeypatch):
    monkeypatch.delenv("MER_ESSENTIA_MODELS", raising=False)
    monkeypatch.setattr(
        musicnn_files.platformdirs, "user_data_dir", lambda name: str(tmp_path / name)
    )
    assert model_folder() == tmp_path / "mer_plugins" / "essentia"


@pytest.mark.parametrize("head", ["emomusic", "deam"])
def test_a_head_is_found_under_its_old_and_its_new_name(tmp_path, head):
    for name in PUBLISHED[head].files:
        (tmp_path / name).touch()
        assert find_head(head, tmp_path) == tmp_path / name
        (tmp_path / name).unlink()


def test_an_unknown_head_names_those_there_are():
    with pytest.raises(PluginError, match="'muse': expected emomusic, deam, ridge, bilstm"):
        EssentiaMusiCNN(head="muse")


def test_a_checkpoint_for_a_published_head_is_an_error(folder):
    with pytest.raises(
        PluginError, match=r"'x\.safetensors', which only head=ridge and head=bilstm take"
    ):
        EssentiaMusiCNN(head="deam", checkpoint="x.safetensors")


# From patches to a curve


def test_native_order_and_range_are_converted():
    def head(embeddings):
        return np.tile([9.0, 3.0], (len(embeddings), 1))

    scale = Scale(1, 9, ("arousal", "valence"))
    curve = rate_patches(np.zeros(16_000), embeddings_of(1), head, scale)
    np.testing.assert_allclose(curve.values, [[-0.5, 1.0]] * 2)


def test_values_beyond_the_scale_are_clipped():
    curve = rate_patches(
        np.zeros(8_000), embeddings_of(1), lambda e: np.array([[0.0, 10.0]]), Scale(1, 9)
    )
    np.testing.assert_array_equal(curve.values, [[-1.0, 1.0]])


def test_a_value_belongs_to_the_middle_of_its_interval():
    seconds = patch_centres(18)

    def head(embeddings):
        return np.stack([seconds / 10, -seconds / 10], axis=1)

    curve = rate_patches(np.zeros(160_000), embeddings_of(18), head, Scale())
    middles = (curve.times + 0.25).clip(seconds[0], seconds[-1])
    np.testing.assert_allclose(curve.valence, middles / 10, atol=1e-12)
    np.testing.assert_allclose(curve.arousal, -middles / 10, atol=1e-12)


@given(st.integers(1, 200_000), st.integers(1, 20))
def test_every_half_second_that_has_begun_gets_a_value(samples, patches):
    curve = rate_patches(
        np.zeros(samples), embeddings_of(patches), lambda e: np.zeros((len(e), 2)), Scale()
    )
    assert len(curve) == -(-samples // 8_000)
    np.testing.assert_array_equal(curve.times, np.arange(len(curve)) * 0.5)


# With Essentia and the published files


@pytest.fixture(scope="module")
def standard():
    if not MODELS.is_dir():
        pytest.skip("no ../shared/models/essentia beside the checkout")
    try:
        return essentia_standard()
    except PluginError as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="module")
def extractor(standard):
    return EssentiaMusiCNN(models=MODELS)


@pytest.fixture(scope="module")
def clip():
    path = MODELS.parents[1] / "data" / "deam" / "clips" / "0488_30.0s.ogg"
    if not path.is_file():
        pytest.skip("no ../shared/data/deam beside the checkout")
    return path


def published_embeddings(standard, path):
    """Essentia's own way, but for its patch hop."""
    samples = standard.MonoLoader(filename=str(path), sampleRate=16_000, resampleQuality=0)()
    return standard.TensorflowPredictMusiCNN(
        graphFilename=str(MODELS / "msd-musicnn-1.pb"),
        output="model/dense/BiasAdd",
        patchHopSize=31,
    )(samples)


@pytest.mark.shared
def test_embeddings_are_essentias_own(standard, extractor, clip, tmp_path):
    wav = tmp_path / "clip.wav"
    soundfile.write(wav, load_audio(clip, 16_000).samples, 16_000, subtype="FLOAT")
    expected = published_embeddings(standard, wav)
    found = extractor.backbone(load_audio(wav, 16_000).samples)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.shared
def test_another_decoder_and_resampler_hardly_alter_the_embeddings(standard, extractor, clip):
    expected = published_embeddings(standard, clip)
    found = extractor.backbone(load_audio(clip, 16_000).samples)[: len(expected)]
    norms = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert ((found * expected).sum(axis=1) / norms).min() > 0.98


@pytest.mark.shared
@pytest.mark.parametrize("head", ["emomusic", "deam"])
def test_a_published_head_is_run_as_essentia_runs_it(standard, clip, head):
    extractor = EssentiaMusiCNN(head=head, models=MODELS)
    audio = load_audio(clip, 16_000)
    predict = standard.TensorflowPredict2D(
        graphFilename=str(MODELS / PUBLISHED[head].files[0]),
        input="flatten_in_input",
        output="dense_out",
    )
    native = PUBLISHED[head].scale.from_unit(extractor(audio).values)
    expected = predict(extractor.backbone(audio.samples))
    assert np.abs(native - np.median(native, axis=0)).max() > 0.01
    np.testing.assert_allclose(native.mean(axis=0), expected.mean(axis=0), atol=0.15)
    np.testing.assert_allclose(native[0], expected[0], atol=1e-5)
    np.testing.assert_allclose(native[-1], expected[-1], atol=1e-5)


@pytest.mark.shared
@pytest.mark.parametrize("head", ["emomusic", "deam", "ridge", "bilstm"])
def test_pleasant_calm_is_told_from_unpleasant_excited_music(standard, head):
    # With the two columns exchanged, or one of them turned round, this comes out the other way.
    folder = MODELS.parents[1] / "data" / "4q"
    if not folder.is_dir():
        pytest.skip("no ../shared/data/4q beside the checkout")
    extractor = EssentiaMusiCNN(head=head, models=MODELS)
    with (folder / "songs.csv").open(encoding="utf-8") as table:
        quadrant = {row["song"]: row["quadrant"] for row in csv.DictReader(table)}
    leaning = {"Q2": [], "Q4": []}
    for path in sorted((folder / "clips").glob("*.ogg")):
        group = leaning.get(quadrant[path.stem], [None] * 6)
        if len(group) < 6:
            curve = extractor(load_audio(path, 16_000))
            group.append(float((curve.valence - curve.arousal).mean()))
    assert np.mean(leaning["Q4"]) > np.mean(leaning["Q2"]) + 0.05


@pytest.mark.shared
@pytest.mark.parametrize("samples", [47_361, 48_000, 55_296, 55_297, 63_488, 100_001])
def test_patches_are_those_essentia_finds_complete(standard, extractor, samples):
    sound = 0.1 * np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    expected = standard.TensorflowPredictMusiCNN(
        graphFilename=str(MODELS / "msd-musicnn-1.pb"),
        output="model/dense/BiasAdd",
        patchHopSize=31,
        lastPatchMode="discard",
    )(sound)
    np.testing.assert_allclose(extractor.backbone(sound), expected, atol=1e-4)


@pytest.mark.shared
@pytest.mark.parametrize("samples", [1, 511, 16_000, 47_360])
def test_a_recording_shorter_than_a_patch_is_one_patch(extractor, samples):
    sound = 0.1 * np.random.default_rng(0).standard_normal(samples).astype(np.float32)
    embeddings = extractor.backbone(sound)
    assert embeddings.shape == (1, 200) and np.isfinite(embeddings).all()
    assert len(extractor(Audio(sound, 16_000))) == -(-samples // 8_000)


@pytest.mark.shared
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_silence_stereo_and_other_rates_give_a_curve(extractor, level):
    sound = level * np.random.default_rng(0).standard_normal((2, 44_100 * 4))
    curve = extractor(Audio(sound, 44_100))
    assert len(curve) == 8
    np.testing.assert_array_equal(extractor(Audio(sound, 44_100)).values, curve.values)


@pytest.mark.shared
def test_a_pickled_copy_does_the_same(extractor, clip):
    audio = load_audio(clip, 16_000)
    copy = pickle.loads(pickle.dumps(extractor))
    np.testing.assert_array_equal(copy(audio).values, extractor(audio).values)


@pytest.mark.shared
def test_the_bundled_ridge_agrees_with_a_wholly_heard_song(standard, clip):
    extractor = EssentiaMusiCNN(head="ridge", models=MODELS)
    audio = load_audio(clip, 16_000)
    curve = extractor(audio)
    ridge = load_ridge(resource_path(BUNDLED["ridge"]), FEATURES, EMBEDDING_SIZE)
    expected = ridge(extractor.backbone(audio.samples)).mean(axis=0)
    np.testing.assert_allclose(curve.values.mean(axis=0), expected, atol=0.05)
    assert str(extractor.info.scale) == "(valence, arousal) in [-1, 1]"


@pytest.mark.shared
@pytest.mark.parametrize("content", [b"no graph", b""])
def test_a_damaged_model_file_is_one_clear_line(standard, tmp_path, content):
    path = tmp_path / "msd-musicnn-1.pb"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged: download it again") as caught:
        load_backbone(path)(np.zeros(48_000, dtype=np.float32))
    assert "\n" not in str(caught.value)


@pytest.mark.shared
def test_essentias_own_notices_are_as_loud_as_before(standard, extractor):
    import essentia

    before = essentia.log.infoActive, essentia.log.warningActive
    extractor.backbone(np.zeros(48_000, dtype=np.float32))
    assert (essentia.log.infoActive, essentia.log.warningActive) == before


@pytest.mark.shared
def test_the_command_line_annotates_with_it(standard, clip, tmp_path):
    # In a process of its own, as TensorFlow writes past Python's standard error.
    code = (
        "from importlib.metadata import EntryPoint; import mer_plugins.host as host; "
        "modules = ('mer_plugins.builtin', 'mer_adapters.plugins'); "
        "points = [EntryPoint(m, m, 'mer_plugins') for m in modules]; "
        "host.entry_points = lambda group: points; "
        "from mer_plugins.cli import extract_main; extract_main()"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c", code, "--plugin", "essentia-musicnn", "--engine", "serial"),
            *("-p", f"models={MODELS}", "-o", str(tmp_path), str(clip)),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "done 1, already done 0, failed 0" in done.stdout
    assert "[ WARNING" not in done.stderr and "dso_loader" not in done.stderr
    assert list(tmp_path.rglob("*.jams"))
