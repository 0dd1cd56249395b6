"""Fixtures that every test file may use; all sound is made here, from a seed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

# How long an example takes is the machine's matter: a busy one must not fail a test.
settings.register_profile("mer", deadline=None)
settings.load_profile("mer")

NEEDS_TORCH = re.compile(r"^(import torch|from torch|from safetensors\.torch)", re.MULTILINE)
# Without torch, the tests of training have nothing to stand on; all others run.
collect_ignore = [
    path.name
    for path in Path(__file__).parent.glob("test_*.py")
    if find_spec("torch") is None and NEEDS_TORCH.search(path.read_text(encoding="utf-8"))
]

# As the import machinery of a machine that lacks some packages.
WITHOUT = """
import sys


class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ImportError(f"No module named {{name!r}}")


sys.meta_path.insert(0, Without())
"""

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep the index of finished tracks of the person who runs the tests out of the tests."""
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def song():
    """Return a function that writes a song of some seconds and returns its path."""

    def write(
        path: Path, duration_s: float = 2.0, seed: int = 0, sample_rate: int = 44_100
    ) -> Path:
        rng = np.random.default_rng(seed)
        times = np.arange(round(duration_s * sample_rate)) / sample_rate
        tone = 0.3 * np.sin(2 * np.pi * rng.uniform(100, 800) * times)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone + 0.02 * rng.standard_normal(len(times)), sample_rate)
        return path

    return write


@pytest.fixture(scope="session")
def shared():
    """Return the folder of real recordings and labels beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared with real recordings beside the checkout")
    return SHARED


@pytest.fixture
def unlistable(monkeypatch):
    """Return a function that makes folders of a name unreadable, even for root."""

    def forbid(name):
        def scandir(path, listed=os.scandir):
            if os.path.basename(path) == name:
                raise PermissionError(13, "Permission denied", str(path))
            return listed(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return forbid


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Put `mer` and `mer-extract` on the path, as an installation does."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, function in (("mer", "main"), ("mer-extract", "extract_main")):
        (folder / name).write_text(
            f"#!{sys.executable}\nfrom mer_plugins.cli import {function}\n"
            f"if __name__ == '__main__':\n    {function}()\n"
        )
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def without(tmp_path):
    """Return a function that makes one that runs Python where some packages are not installed."""
    site = tmp_path / "site"
    site.mkdir()
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)], env=environment, capture_output=True, text=True
        )

    def lacking(*packages):
        (site / "sitecustomize.py").write_text(WITHOUT.format(packages=packages))
        assert all(run("-c", f"import {package}").returncode for package in packages)
        return run

    return lacking
