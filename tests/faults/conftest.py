"""What the fault tests share: the plugin that gets into trouble on request."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def probe(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent / "probe")
