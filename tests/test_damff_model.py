"""DAMFF, the network, against the paper's equations and the reference table of shapes and sizes."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from damff.config import CNN_VARIANTS, FUSIONS, DAMFFConfig
from damff.model import DAMFFNet

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("cnn", "total", "convolution"),
    [
        ("hybrid", 228_306, 74_576),
        ("t-f", 171_730, 18_000),
        ("square", 228_514, 74_784),
        ("t-s", 228_322, 74_592),
        ("f-s", 228_290, 74_560),
    ],
)
def test_sizes_of_the_five_architectures(cnn, total, convolution):
    net = DAMFFNet(DAMFFConfig(cnn=cnn, outputs=1))
    assert (parameters(net), parameters(net.convolution)) == (total, convolution)


@pytest.mark.parametrize(
    ("reading", "total", "map_size"),
    [
        ({"join": "channel"}, 169_322, (16, 6)),
        ({"cnn": "t-s", "single_branch": True}, 164_922, (16, 6)),
        ({"cnn": "f-s", "single_branch": True}, 164_906, (16, 6)),
        ({"reduce": "flatten", "hidden": 128}, 12_812_305, (16, 12)),
        ({"reduced": 3}, 228_306 + 2 * (65 + 8 * 64 * 192), (16, 12)),
        ({"reduce": "time-mean"}, 228_306 - 65 + 8 * 64 * (1_024 - 192), (16, 12)),
        ({"hidden": 48}, 189_106, (16, 12)),
        ({"hidden": 128}, 426_066, (16, 12)),
        ({"channels": (16, 32, 64)}, 311_202, (16, 12)),
        ({"layers": 2}, 228_306 + 8 * 64 * (128 + 64 + 2), (16, 12)),
        ({"pool": 3}, 117_111, (4, 3)),
        ({"output": "tanh"}, 228_306, (16, 12)),
    ],
    ids=str,
)
def test_sizes_of_the_other_readings(reading, total, map_size):
    config = DAMFFConfig(outputs=1, **reading)
    net = DAMFFNet(config).eval()
    assert (parameters(net), config.map_size) == (total, map_size)
    a, b = net.convolution(torch.randn(2, 1, 128, 50))
    assert a.shape == b.shape == (2, 64, *map_size)
    assert net(torch.randn(2, 3, 128, 50)).shape == (2, 3, 1)


def test_sizes_of_the_attentions():
    scam = DAMFFNet(DAMFFConfig()).fusion.attention
    assert (parameters(scam.channel), parameters(scam.spatial)) == (2_288, 19_152)
    assert parameters(DAMFFNet(DAMFFConfig(fusion="aff")).fusion) == 4_576
    assert parameters(DAMFFNet(DAMFFConfig(fusion="sum")).fusion) == 0


def test_shapes_on_the_way():
    net, seen = DAMFFNet(DAMFFConfig(outputs=1)).eval(), {}
    for name in (
        "convolution.layer1.a",
        "convolution.layer1.b",
        "convolution.layer2.a",
        "convolution.layer3.a",
        "convolution.layer3.b",
        "fusion",
        "reduce",
    ):

        def keep(module, inputs, output, name=name):
            seen[name] = tuple(output.shape[1:])

        net.get_submodule(name).register_forward_hook(keep)
    assert net(torch.randn(2, 3, 128, 50)).shape == (2, 3, 1)
    assert seen == {
        "convolution.layer1.a": (8, 64, 25),
        "convolution.layer1.b": (8, 64, 25),
        "convolution.layer2.a": (16, 32, 25),
        "convolution.layer3.a": (64, 16, 12),
        "convolution.layer3.b": (64, 16, 12),
        "fusion": (64, 16, 12),
        "reduce": (1, 16, 12),
    }


def maps():
    return torch.randn(5, 64, 16, 12), torch.randn(5, 64, 16, 12)


def test_without_daff_it_is_the_sum():
    a, b = maps()
    torch.testing.assert_close(DAMFFNet(DAMFFConfig(fusion="sum")).fusion(a, b), a + b)


def test_with_attention_zero_it_is_the_mean():
    net, (a, b) = DAMFFNet(DAMFFConfig()).eval(), maps()
    for branch in (net.fusion.attention.channel, net.fusion.attention.spatial):
        torch.nn.init.zeros_(branch.excite.norm2.weight)
        torch.nn.init.zeros_(branch.excite.norm2.bias)
    torch.testing.assert_close(net.fusion(a, b), (a + b) / 2)


def test_equations_3_and_4():
    net, (a, b) = DAMFFNet(DAMFFConfig()).eval(), maps()
    scam = net.fusion.attention
    weights = torch.sigmoid(scam.spatial(a + b) + scam.channel(a + b))
    assert scam.channel(a + b).shape == (5, 64, 1, 1)
    assert scam.spatial(a + b).shape == (5, 1, 16, 12)
    torch.testing.assert_close(net.fusion(a, b), weights * a + (1 - weights) * b)


def test_ablations_are_what_they_are_called():
    a, b = maps()
    x = a + b
    for fusion, expected in {
        "attention-map": lambda n: n(x),
        "attended-sum": lambda n: n(x) * x,
        "channel": lambda n: torch.sigmoid(n.channel(x)) * (a - b) + b,
        "spatial": lambda n: torch.sigmoid(n.spatial(x)) * (a - b) + b,
    }.items():
        fuse = DAMFFNet(DAMFFConfig(fusion=fusion)).eval().fusion
        torch.testing.assert_close(fuse(a, b), expected(fuse.attention))


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("cnn", list(CNN_VARIANTS))
def test_every_parameter_gets_a_gradient(cnn, fusion):
    net = DAMFFNet(DAMFFConfig(cnn=cnn, fusion=fusion))
    net(torch.randn(2, 3, 128, 50)).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
        if name.endswith("weight"):
            assert parameter.grad.abs().max() > 0, name


def test_segments_do_not_see_each_other():
    net, x = DAMFFNet(DAMFFConfig()).eval(), torch.randn(6, 128, 50)
    alone = torch.cat([net.encode(x[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(net.encode(x), alone, atol=1e-5, rtol=1e-5)
    changed = x.clone()
    changed[3] += 1
    others = [0, 1, 2, 4, 5]
    torch.testing.assert_close(net.encode(changed)[others], net.encode(x)[others])


def test_the_literal_view_scrambles_and_the_default_means():
    x = torch.randn(2, 64, 16, 12)
    mean = DAMFFNet(DAMFFConfig()).fusion.attention.spatial.pool(x)
    raw = DAMFFNet(DAMFFConfig(raw_view=True)).fusion.attention.spatial.pool(x)
    torch.testing.assert_close(mean, x.mean(1).reshape(2, 192, 1))
    torch.testing.assert_close(raw, x.reshape(2, 192, 64).mean(2, keepdim=True))


def test_axis_order_turns_the_kernels():
    net = DAMFFNet(DAMFFConfig(axis_order="time-frequency"))
    assert net.convolution.layer1.a.conv.kernel_size == (1, 3)
    assert net.convolution.layer1.b.conv.kernel_size == (5, 1)
    assert net.eval()(torch.randn(1, 2, 128, 50)).shape == (1, 2, 2)


def kernels(cnn):
    layers = DAMFFNet(DAMFFConfig(cnn=cnn)).convolution.children()
    return [tuple(branch.conv.kernel_size for branch in (layer.a, layer.b)) for layer in layers]


def test_kernels_are_those_of_figure_4():
    squares = [((3, 3), (5, 5))] * 2
    assert kernels("hybrid") == [((3, 1), (1, 5)), *squares]
    assert kernels("t-f") == [((3, 1), (1, 5))] * 3
    assert kernels("square") == [((3, 3), (5, 5)), *squares]
    assert kernels("t-s") == [((1, 5), (1, 5)), *squares]
    assert kernels("f-s") == [((3, 1), (3, 1)), *squares]


def test_the_first_layers_branches_follow_each_other_in_time():
    net, x = DAMFFNet(DAMFFConfig()).eval(), torch.randn(2, 1, 128, 50)
    layer = net.convolution.layer1
    seen = []
    net.convolution.layer2.a.register_forward_hook(lambda m, inputs, out: seen.append(inputs[0]))
    net.convolution(x)
    torch.testing.assert_close(seen[0][..., :25], layer.a(x))
    torch.testing.assert_close(seen[0][..., 25:], layer.b(x))


def test_joined_along_the_channel_they_lie_on_each_other():
    net, x = DAMFFNet(DAMFFConfig(join="channel")).eval(), torch.randn(2, 1, 128, 50)
    layer = net.convolution.layer1
    seen = []
    net.convolution.layer2.a.register_forward_hook(lambda m, inputs, out: seen.append(inputs[0]))
    net.convolution(x)
    torch.testing.assert_close(seen[0][:, :8], layer.a(x))
    torch.testing.assert_close(seen[0][:, 8:], layer.b(x))


def test_what_is_reduced_and_how():
    z = torch.randn(2, 64, 16, 12)
    for reduce, expected in {"flatten": z, "time-mean": z.mean(dim=3)}.items():
        found = DAMFFNet(DAMFFConfig(reduce=reduce)).reduce(z)
        torch.testing.assert_close(found.flatten(1), expected.flatten(1))
    net = DAMFFNet(DAMFFConfig(reduced=3)).eval()
    x = torch.randn(2, 128, 50)
    reduced = net.reduce(net.fusion(*net.convolution(x[:, None])))
    assert reduced.shape == (2, 3, 16, 12)
    torch.testing.assert_close(net.encode(x).view(2, 3, 192)[:, 1], reduced[:, 1].flatten(1))


def test_tanh_bounds_what_linear_does_not():
    linear, tanh = (DAMFFNet(DAMFFConfig(output=name)).eval() for name in ("linear", "tanh"))
    tanh.load_state_dict(linear.state_dict())
    x = 100 * torch.randn(1, 3, 192)
    linear.head.weight.data.mul_(100)
    tanh.head.weight.data.mul_(100)
    assert linear.decode(x).abs().max() > 1 >= tanh.decode(x).abs().max()
    torch.testing.assert_close(tanh.decode(x), linear.decode(x).tanh())


@pytest.mark.parametrize(
    "reading",
    [
        {"join": "channel", "reduce": "time-mean"},
        {"reduced": 2},
        {"cnn": "f-s", "single_branch": True, "output": "tanh"},
        {"pool": 3, "layers": 2, "reduce": "flatten"},
    ],
    ids=str,
)
def test_every_parameter_of_other_readings_gets_a_gradient(reading):
    net = DAMFFNet(DAMFFConfig(**reading))
    net(torch.randn(2, 3, 128, 50)).square().mean().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("n_mels, n_frames", [(8, 4), (64, 43), (40, 50)])
def test_segments_of_other_sizes(n_mels, n_frames):
    net = DAMFFNet(DAMFFConfig(n_mels=n_mels, n_frames=n_frames, reduction=1)).eval()
    assert net(torch.randn(2, 3, n_mels, n_frames)).shape == (2, 3, 2)


def test_the_sequence_head_sees_past_and_future():
    net, x = DAMFFNet(DAMFFConfig()).eval(), torch.randn(1, 5, 128, 50)
    changed = x.clone()
    changed[:, 2] += 1
    assert ((net(changed) - net(x)).abs().amax(dim=2) > 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"cnn": "round"},
        {"fusion": "cold"},
        {"axis_order": "x"},
        {"n_mels": 4},
        {"n_frames": 3},
        {"n_mels": 128.0},
        {"channels": (8, 16)},
        {"channels": (8, 16, 0)},
        {"reduction": 0},
        {"reduction": 65},
        {"hidden": "64"},
        {"outputs": 3},
        {"dropout": 1.0},
        {"pool": 0},
        {"pool": 6},
        {"layers": 0},
        {"join": "frequency"},
        {"reduce": "mean"},
        {"reduced": 0},
        {"reduced": 2, "reduce": "flatten"},
        {"output": "relu"},
        {"single_branch": True},
    ],
    ids=str,
)
def test_impossible_readings_are_refused(wrong):
    with pytest.raises(ValueError, match="expected|at least"):
        DAMFFConfig(**wrong)


@pytest.mark.parametrize("value", ["no", "False", 0, None])
def test_a_text_does_not_switch_a_reading_on(value):
    with pytest.raises(ValueError, match=f"raw_view is {value!r}: expected true or false"):
        DAMFFConfig(raw_view=value)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"fusion": "cold"}, "fusion is 'cold': expected one of scam, attention-map"),
        ({"dropout": "0,3"}, "dropout is '0,3': expected a number"),
        ({"hidden": "64x"}, "hidden is '64x': expected a whole number"),
        ({"channels": (8, 16, "64")}, "expected 3 whole numbers"),
        ({"channels": 8}, "channels is 8: expected 3 whole numbers"),
        ({"cnn": 3}, "cnn is 3: expected a text"),
    ],
    ids=str,
)
def test_a_wrong_type_is_told_with_the_right_one(wrong, message):
    with pytest.raises(ValueError, match=message):
        DAMFFConfig(**wrong)


@pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="no checkout, which has the script")
def test_the_picture_of_the_network_is_drawn_of_the_network(tmp_path):
    script = runpy.run_path(str(ROOT / "benchmarks" / "damff_picture.py"))
    config = DAMFFConfig(outputs=1, channels=(4, 8, 32), hidden=16)
    names = [stage.module for stage in script["stages"](config)]
    found = script["shapes"](DAMFFNet(config), names, segments=6)
    expected = [*[(4, 64, 25)] * 2, *[(8, 32, 25)] * 2, *[(32, 16, 12)] * 4]
    assert [found[name] for name in names] == [*expected, (1, 16, 12), (6, 32), (6, 1)]
    target = tmp_path / "network.png"
    subprocess.run([sys.executable, ROOT / "benchmarks" / "damff_picture.py", target], check=True)
    assert target.read_bytes().startswith(b"\x89PNG")
    page = (ROOT / "docs" / "damff.md").read_text(encoding="utf-8")
    assert "images/damff-network.png" in page and (ROOT / "docs/images/damff-network.png").exists()


def test_printed_it_reads_like_the_paper():
    text = str(DAMFFNet(DAMFFConfig()))
    for part in (
        "MultiScaleConvolution",
        "DAFF",
        "SCAM",
        "ChannelAttention",
        "SpatialAttention",
        "bilstm",
        "MaxPool2d",
        "(1, 5)",
        "(3, 1)",
    ):
        assert part in text
