"""Fixtures that every test file may use; all sound is made here, from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import settings

# How long an example takes is the machine's matter: a busy one must not fail a test.
settings.register_profile("mer", deadline=None)
settings.load_profile("mer")

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Keep the index of finished tracks of the person who runs the tests out of the tests."""
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
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


@pytest.fixture
def shared():
    """Return the folder of real recordings and labels beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared with real recordings beside the checkout")
    return SHARED
