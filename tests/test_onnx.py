"""Networks without torch: equal to torch's, for every bundled checkpoint and for trained ones."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from damff import DAMFF
from damff.model import DAMFFConfig, DAMFFNet
from damff.recipes import TRAINING
from mer_plugins import Audio, create_extractor, load_audio
from mer_plugins.errors import CheckpointError, PluginError
from mer_plugins.host import resource_path
from mer_plugins.sequence import backends
from mer_plugins.sequence.checkpoint import Checkpoint, save_checkpoint
from mer_plugins.sequence.export_onnx import write_graphs
from mer_plugins.sequence.graphs import SUFFIX
from mer_plugins.sequence.logmel import LogMelConfig
from mer_plugins.sequence.networks import PerDimension
from mer_plugins.sequence.onnx_backend import OnnxNetwork
from mer_plugins.sequence.recipe import Trainable
from mer_plugins.sequence.torch_backend import TorchNetwork

ROOT = Path(__file__).resolve().parents[1]
NEURAL = ["damff", "damff-ensemble", "crnn", "bcrsn", "dnn", "mcrnn"]
SONGS = ["joplin-maple-leaf-rag.ogg", "mozart-k155-andante.ogg"]


def noise(seconds, rate=44_100):
    """Noise whose level changes every second, so that a curve has something to follow."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(0, 0.7, seconds), rate)
    return Audio((level * rng.uniform(-1, 1, seconds * rate)).astype(np.float32), rate)


@pytest.fixture
def by_torch(monkeypatch):
    """Make extractors as they are made where onnxruntime is not installed."""
    is_installed = backends.is_installed

    def make(*arguments, **parameters):
        with monkeypatch.context() as patch:
            patch.setattr(
                backends, "is_installed", lambda name: name != "onnxruntime" and is_installed(name)
            )
            extractor = create_extractor(*arguments, device="cpu", **parameters)
        assert all(isinstance(m.network, TorchNetwork) for m in extractor.members)
        return extractor

    return make


def by_onnx(*arguments, **parameters):
    extractor = create_extractor(*arguments, device="cpu", **parameters)
    assert all(isinstance(member.network, OnnxNetwork) for member in extractor.members)
    return extractor


@pytest.mark.parametrize("name", NEURAL)
def test_every_bundled_checkpoint_gives_torchs_curve(name, by_torch):
    found, expected = by_onnx(name)(noise(23)), by_torch(name)(noise(23))
    assert expected.values.std(axis=0).min() > 1e-3
    np.testing.assert_allclose(found.values, expected.values, atol=1e-5)
    if expected.std is not None:
        np.testing.assert_allclose(found.std, expected.std, atol=1e-5)


@pytest.mark.parametrize("name", ["damff", "crnn", "mcrnn"])
def test_any_number_of_threads_gives_the_same_bits(name, monkeypatch):
    curves = []
    for threads in ("1", "2", "3", ""):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        curves.append(by_onnx(name)(noise(21)).values)
    for other in curves[1:]:
        np.testing.assert_array_equal(other, curves[0])


def checkpoint(model, per_dimension=False, **changes):
    torch.manual_seed(0)
    net = PerDimension(DAMFFNet(model), DAMFFNet(model)) if per_dimension else DAMFFNet(model)
    for part in net.modules():
        # As training leaves them: statistics of 0 and 1 would hide an exchange of the two.
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.uniform_(-0.2, 0.2)
            part.running_var.uniform_(0.5, 2)
    state = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    rows = np.full(128, -3, np.float32), np.full(128, 2, np.float32)
    made = Checkpoint("damff", asdict(model), LogMelConfig(), *rows, 20, (1, 5), state)
    return Checkpoint(**{**vars(made), "per_dimension": per_dimension, **changes})


@pytest.fixture(scope="module")
def master(tmp_path_factory):
    """A checkpoint and its graphs, made once."""
    made, folder = checkpoint(DAMFFConfig(cnn="square")), tmp_path_factory.mktemp("master")
    save_checkpoint([made], folder / "own.safetensors")
    return folder, write_graphs(made, TRAINING, folder / "own.safetensors").name


@pytest.fixture
def exported(master, tmp_path):
    folder, description = master
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return tmp_path / "own.safetensors", tmp_path / description


@pytest.mark.parametrize(
    ("settings", "per_dimension"),
    [
        ({"cnn": "square", "fusion": "sum"}, False),
        ({"cnn": "t-f", "fusion": "aff", "hidden": 16}, False),
        ({"raw_view": True, "channels": (4, 8, 16), "reduced": 2}, False),
        ({"outputs": 1}, True),
        ({"join": "channel", "reduce": "time-mean", "layers": 2, "hidden": 8}, False),
        ({"cnn": "t-s", "single_branch": True, "output": "tanh", "reduce": "flatten"}, False),
    ],
)
def test_graphs_of_other_settings_lie_beside_the_checkpoint(
    settings, per_dimension, tmp_path, by_torch
):
    made = checkpoint(DAMFFConfig(**settings), per_dimension)
    path = tmp_path / "own.safetensors"
    save_checkpoint([made], path)
    assert isinstance(DAMFF(checkpoint=path, device="cpu").members[0].network, TorchNetwork)
    write_graphs(made, TRAINING, path)
    found, expected = by_onnx("damff", checkpoint=path), by_torch("damff", checkpoint=path)
    expected_curve = expected(noise(13)).values
    assert expected_curve.std(axis=0).min() > 1e-4
    np.testing.assert_allclose(found(noise(13)).values, expected_curve, atol=1e-5)


def test_settings_of_training_alone_share_a_graph(exported):
    path, description = exported
    other = checkpoint(DAMFFConfig(cnn="square", dropout=0.5))
    save_checkpoint([other], path)
    assert by_onnx("damff", checkpoint=path)
    assert write_graphs(other, TRAINING, path) == description


def test_settings_that_came_later_are_their_defaults_to_older_graphs(tmp_path):
    made = checkpoint(DAMFFConfig())
    later = {"pool", "join", "single_branch", "reduce", "reduced", "layers", "output"}
    older = {name: value for name, value in made.model.items() if name not in later}
    path = tmp_path / "own.safetensors"
    for model in (older, made.model):
        save_checkpoint([Checkpoint(**{**vars(made), "model": model})], path)
        assert by_onnx("damff", checkpoint=path)
    save_checkpoint([Checkpoint(**{**vars(made), "model": {**made.model, "output": "tanh"}})], path)
    assert isinstance(DAMFF(checkpoint=path, device="cpu").members[0].network, TorchNetwork)


def test_graphs_hold_no_weights():
    for place in ("damff:checkpoints", "mer_plugins:baselines/checkpoints"):
        found = list(resource_path(place).glob("*.onnx"))
        assert found and max(path.stat().st_size for path in found) < 100_000


class Counting(nn.Module):
    """What a traced graph cannot follow: how many segments there are counts."""

    def __init__(self, config):
        super().__init__()
        self.head = nn.Linear(1, 2)

    def encode(self, segments):
        return segments.mean(dim=(1, 2))[:, None] * len(segments)

    def decode(self, encoded):
        return self.head(encoded)


class Unsayable(Counting):
    def encode(self, segments):
        return torch.special.bessel_j0(segments.mean(dim=(1, 2)))[:, None]


@pytest.mark.parametrize(
    ("network", "complaint"), [(Counting, "differs by"), (Unsayable, "cannot be written as ONNX")]
)
def test_a_network_that_onnx_cannot_say_is_told_and_nothing_is_written(
    network, complaint, tmp_path
):
    trainable = Trainable({}, DAMFFConfig, network)
    state = {name: tensor.numpy() for name, tensor in network(None).state_dict().items()}
    made = checkpoint(DAMFFConfig(), weights=state)
    with pytest.raises(PluginError, match=complaint):
        write_graphs(made, trainable, tmp_path / "own.safetensors")
    assert not list(tmp_path.iterdir())


def test_weights_that_do_not_fit_the_graph_are_one_line(exported):
    path, _ = exported
    for change, complaint in (
        ({"head.bias": None}, "head.bias is missing"),
        ({"more": np.zeros(1, np.float32)}, "more is .1,., expected none"),
        ({"head.bias": np.zeros(3, np.float32)}, "head.bias is .3,., expected .2,."),
        ({"head.bias": np.full(2, np.nan, np.float32)}, "NaN"),
    ):
        made = checkpoint(DAMFFConfig(cnn="square"))
        weights = {**made.weights, **change}
        weights = {name: tensor for name, tensor in weights.items() if tensor is not None}
        save_checkpoint([Checkpoint(**{**vars(made), "weights": weights})], path)
        with pytest.raises(CheckpointError, match=complaint) as caught:
            DAMFF(checkpoint=path, device="cpu")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b"\xff",
        {"format": "another"},
        {"weights": [1]},
        {"weights": {"head.bias": "x"}},
        {"decode": 5},
        {"decode": ["nothing"]},
        {"encode": [["x"]]},
        {"model": 5},
        {"segment_shape": 5},
        {"training_only": 5},
    ],
    ids=lambda c: str(c)[:30],
)
def test_a_damaged_description_is_one_line(exported, content):
    path, description = exported
    if isinstance(content, dict):
        content = json.dumps(json.loads(description.read_bytes()) | content).encode()
    description.write_bytes(content)
    with pytest.raises(CheckpointError, match="description of ONNX graphs is damaged") as caught:
        DAMFF(checkpoint=path, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("half", "damage", "complaint"),
    [
        ("encode", lambda b: b[: len(b) // 2], "onnxruntime does not take"),
        ("decode", lambda b: b"", "onnxruntime does not take"),
        ("decode", lambda b: b"\xff" * 1000, "onnxruntime does not take"),
        ("encode", lambda b: b + bytes(5_000_000), "larger than a graph"),
        ("encode", None, "cannot be read"),
    ],
)
def test_damaged_graphs_are_one_line(exported, half, damage, complaint):
    path, description = exported
    graph = description.with_name(f"{description.name.removesuffix(SUFFIX)}.{half}.onnx")
    graph.unlink() if damage is None else graph.write_bytes(damage(graph.read_bytes()))
    with pytest.raises(CheckpointError, match=complaint) as caught:
        DAMFF(checkpoint=path, device="cpu")
    assert "\n" not in str(caught.value)


def test_a_graph_of_something_else_is_one_line(exported):
    path, description = exported
    stem = description.name.removesuffix(SUFFIX)
    encode, decode = (description.with_name(f"{stem}.{half}.onnx") for half in ("encode", "decode"))
    shutil.copy(decode, encode)
    found = json.loads(description.read_bytes())
    description.write_text(json.dumps(found | {"encode": found["decode"]}))
    with pytest.raises(CheckpointError, match="onnxruntime does not take its graph") as caught:
        DAMFF(checkpoint=path, device="cpu")
    assert "\n" not in str(caught.value)


@pytest.fixture
def without_torch(without):
    """Run Python in a process that has no torch, nor have those that it starts."""
    return without("torch", "onnx")


def test_a_collection_without_torch(tmp_path, without_torch, by_torch):
    collection = tmp_path / "collection"
    collection.mkdir()
    for song in SONGS:
        shutil.copy(ROOT / "examples" / "collection" / song, collection)
    main = "import sys; from mer_plugins.cli import extract_main; sys.exit(extract_main())"
    done = without_torch("-c", main, "--plugin", "damff", "--workers", "2", collection)
    assert (done.returncode, done.stdout.strip()) == (0, "done 2, already done 0, failed 0"), done
    extractor = by_torch("damff")
    for song in SONGS:
        stored = json.loads((collection / song).with_suffix(".jams").read_text())
        found = [entry["value"] for entry in stored["annotations"][0]["data"]]
        expected = extractor(load_audio(collection / song)).values
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", NEURAL)
def test_every_neural_plugin_runs_without_torch(name, without_torch):
    code = (
        "import sys, numpy as np; from mer_plugins import Audio, create_extractor;"
        f"curve = create_extractor({name!r})(Audio(np.zeros(88_200, np.float32), 44_100));"
        "print(len(curve), 'torch' in sys.modules)"
    )
    done = without_torch("-c", code)
    assert done.stdout.split() == ["4", "False"], done


def test_what_needs_torch_says_what_to_install(tmp_path, without_torch):
    path = tmp_path / "own.safetensors"
    save_checkpoint([checkpoint(DAMFFConfig(cnn="square"))], path)
    song = ROOT / "examples" / "collection" / SONGS[0]
    train = ["train", "--plugin", "damff", "--data", tmp_path, "-o", tmp_path / "run"]
    extract = ["extract", "--plugin", "damff", "-o", tmp_path / "out", song]
    main = "import sys; from mer_plugins.cli import main; sys.exit(main())"
    for arguments, complaint in (
        (train, "training needs torch and onnx: pip install 'mer-plugins[train]'"),
        ([*extract, "-p", f"checkpoint={path}"], "needs torch: pip install 'mer-plugins[train]'"),
        ([*extract, "--device", "cuda"], "needs torch: pip install 'mer-plugins[gpu]'"),
    ):
        done = without_torch("-c", main, *arguments)
        (line,) = done.stderr.strip().splitlines()
        assert done.returncode == 2 and line.startswith("error: ") and complaint in line, done
