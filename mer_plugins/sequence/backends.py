"""What runs a network: onnxruntime on a CPU where its graphs are known, else torch.

onnxruntime is the faster of the two on a CPU, starts at once and is a twentieth of torch's size;
torch runs on GPUs, and any settings of a network.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from mer_plugins.errors import PluginError
from mer_plugins.extras import is_installed, require
from mer_plugins.host import load_factory
from mer_plugins.sequence.checkpoint import Checkpoint
from mer_plugins.sequence.graphs import find_graphs

if TYPE_CHECKING:
    from mer_plugins.sequence.recipe import Trainable

Array = npt.NDArray[np.float32]

_DEVICE = re.compile(r"cpu|mps|cuda(:\d+)?")
# Nvidia's, that of its Jetson boards, AMD's, and either within Windows.
_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/nvmap", "/dev/kfd", "/dev/dxg")


class Network(Protocol):
    """A network with its weights, ready to run."""

    def encode(self, segments: Array) -> Array:
        """Map normalised segments, (t, f, n), to (t, h), or to themselves."""
        ...

    def decode(self, encoded: Array) -> Array:
        """Map encoded segments of windows, (b, t, h), to values, (b, t, 2)."""
        ...


def load_networks(
    members: Sequence[Checkpoint],
    path: Path,
    trainable: Trainable | str,
    bundled: Path,
    device: str,
    config_class: type | None = None,
) -> list[Network]:
    """Make the networks of a checkpoint's members.

    Parameters
    ----------
    members, path : sequence of Checkpoint, pathlib.Path
        As read from `path`.
    trainable : Trainable or str
        The network, or where it is (``"package.module:NAME"``), imported only with torch.
    bundled : pathlib.Path
        Folder of the graphs that the plugin brings.
    device : str
        As :func:`find_device` returns it.
    config_class : type, optional
        The dataclass of the network's settings, where it needs no torch: a setting that came later
        than the graphs then counts as its default.

    Raises
    ------
    CheckpointError
        If the weights or settings do not fit.
    PluginError
        If torch is needed and not installed.
    """
    folders = (bundled, path.parent)
    graphs = find_graphs(members[0], folders, config_class) if device == "cpu" else None
    if graphs and is_installed("onnxruntime"):
        from mer_plugins.sequence.onnx_backend import OnnxNetwork

        return [OnnxNetwork(graphs, graphs.weights(member, path), path) for member in members]
    what = f"{path}: no ONNX graph has this network's settings: running it"
    require(what, "torch", extra="train")
    from mer_plugins.sequence.torch_backend import TorchNetwork

    found: Trainable = (
        load_factory(trainable, f"the network of plugin {members[0].plugin!r}")
        if isinstance(trainable, str)
        else trainable
    )
    return [TorchNetwork(member, found, path, device) for member in members]


def find_device(name: str) -> str:
    """Turn ``auto``, ``cpu``, ``cuda[:N]`` or ``mps`` into a device that is there."""
    if name == "auto":
        name = "cuda" if is_installed("torch") and _has_cuda() else "cpu"
    # Torch knows further devices, some of which hold no data or need modules of their own.
    if not _DEVICE.fullmatch(str(name)):
        raise PluginError(_not_available(name))
    if name != "cpu":
        require(f"device {name!r}", "torch", extra="gpu")
        _check_there(name)
    return name


def _has_cuda() -> bool:
    # Importing torch takes longer than annotating a song; without a driver there is no need to ask.
    if sys.platform == "linux" and not any(map(os.path.exists, _GPU_DRIVERS)):
        return False
    import torch

    return torch.cuda.is_available()


def _check_there(name: str) -> None:
    import torch

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as exc:
        raise PluginError(_not_available(name)) from exc


def _not_available(name: str) -> str:
    return f"device {name!r} is not available here: use auto, cpu, cuda, cuda:N or mps"
