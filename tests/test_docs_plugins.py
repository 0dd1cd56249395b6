"""The plugins of docs/plugins.md are written out as printed there, registered, checked and used."""

from __future__ import annotations

import json
import re
import runpy
import sys
import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mer_plugins.host
from mer_plugins.cli import mer
from mer_plugins.errors import AudioError, PluginError
from mer_plugins.testing import Subject, assert_extractor

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.S))
PACKAGES = {"loudness": "mer_loudness", "tiny": "mer_tiny", "mood-tool": "mer_mood_tool"}
# Levels of each second, loud being both excited and unpleasant; it refuses what is not finite.
TOOL = """
import sys, numpy as np, soundfile
samples, rate = soundfile.read(sys.argv[1])
if not np.isfinite(samples).all():
    sys.exit("Traceback\\nthe file holds NaN")
for second in range(-(-len(samples) // rate)):
    level = min(8 * np.sqrt(np.mean(samples[second * rate : (second + 1) * rate] ** 2)), 8)
    print(f"{second},{1 + level},{9 - level}")
"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    """The plugins of the page, as if they were installed beside our own."""
    for name, code in FILES.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "site")
    points = [EntryPoint(name, PACKAGES[name], "mer_plugins") for name in PACKAGES]
    points.append(EntryPoint("host", "mer_plugins.builtin", "mer_plugins"))
    monkeypatch.setattr(mer_plugins.host, "entry_points", lambda group: points)
    yield mer_plugins.host.plugin_host()
    for module in [m for m in sys.modules if m.partition(".")[0] in PACKAGES.values()]:
        del sys.modules[module]


@pytest.fixture
def tool(tmp_path):
    path = tmp_path / "mood-tool"
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(TOOL)}")
    path.chmod(0o755)
    return str(path)


def test_every_block_of_python_is_a_file_of_one_of_the_plugins():
    assert PAGE.count("```python") == len(FILES)
    folders = {name.split("/")[0] for name in FILES}
    assert folders == {*PACKAGES.values(), "tests"}


def test_the_first_one_is_the_example():
    example = ROOT / "examples" / "minimal_plugin"
    for name in ("mer_loudness/__init__.py", "mer_loudness/extractor.py"):
        assert FILES[name] == (example / name).read_text(encoding="utf-8")
    assert (example / "pyproject.toml").read_text(encoding="utf-8") in PAGE


def test_all_are_registered(host):
    assert host.broken == []
    assert set(PACKAGES) <= set(host.extractors.specs)


def test_the_first_one_keeps_the_contract_by_its_own_test(host, tmp_path):
    runpy.run_path(str(tmp_path / "site" / "tests" / "test_contract.py"))[
        "test_it_keeps_the_contract"
    ]()


def test_the_tool_keeps_the_contract_and_its_scale(host, tool):
    extractor = host.create("mood-tool", command=tool)
    assert_extractor("mood-tool", parameters={"command": tool}, host=host)
    curve = extractor(Subject(extractor).audio)
    np.testing.assert_allclose(curve.valence, -curve.arousal, atol=1e-6)
    assert curve.arousal.max() < 0


def test_what_the_tool_lacks_or_refuses_is_one_line(host, tool):
    with pytest.raises(PluginError, match="-p command=PATH"):
        host.create("mood-tool", command="not-there")
    extractor = host.create("mood-tool", command=tool)
    audio = Subject(extractor).audio
    audio.samples[100] = np.nan
    with pytest.raises(AudioError, match="failed: the file holds NaN$"):
        extractor(audio)


def test_the_network_is_trained_and_then_keeps_the_contract(host, song, tmp_path):
    for n in range(4):
        path = song(tmp_path / "clips" / f"{n}.wav", 3.0, seed=n)
        path.with_suffix(".jams").write_text(json.dumps(labelled(n / 4)))
    with pytest.raises(PluginError, match="mer train --plugin tiny"):
        host.create("tiny")
    command = ["train", "--plugin", "tiny", "--recipe", "clips", "--data", str(tmp_path / "clips")]
    options = ["-r", "epochs=1", "-r", "window_s=2.5", "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(mer, [*command, *options], standalone_mode=False)
    assert done.exception is None, done.output
    weights = str(tmp_path / "run" / "model.safetensors")
    assert_extractor("tiny", parameters={"checkpoint": weights, "device": "cpu"}, host=host)


def labelled(level):
    data = [
        {"time": t / 2, "duration": 0.5, "value": [level, -level], "confidence": None}
        for t in range(6)
    ]
    human = {"namespace": "mood_thayer", "annotation_metadata": {}, "data": data, "sandbox": {}}
    return {"annotations": [human], "file_metadata": {"duration": 3.0}, "sandbox": {}}
