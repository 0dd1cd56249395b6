"""The example of a third-party plugin: installed as a user would, found by its entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jams
import pytest

PLUGIN = Path(__file__).resolve().parents[1] / "examples" / "minimal_plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
            "--target",
            str(target),
            str(PLUGIN),
        ],
        check=True,
    )
    return target


def run(site, code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_it_is_listed_beside_our_own(site):
    listed = json.loads(run(site, "from mer_plugins.cli import main; main()", "plugins", "--json"))
    owners = {e["name"]: e["distribution"] for e in listed["extractors"]}
    assert owners["loudness"] == ["mer-loudness"]
    assert "damff" in owners


def test_it_annotates_in_batch_like_any_other(site, song, tmp_path):
    song(tmp_path / "music" / "a.wav", 1.7)
    code = "from mer_plugins.cli import extract_main; extract_main()"
    out = run(site, code, "--plugin", "loudness", tmp_path / "music")
    assert out.strip() == "done 1, already done 0, failed 0"
    loaded = jams.load(str(tmp_path / "music" / "a.jams"), strict=True)
    (annotation,) = loaded.search(namespace="mood_thayer")
    assert [o.time for o in annotation.data] == [0.0, 0.5, 1.0, 1.5]
    # A sine of amplitude 0.3 lies 13.5 dB below full scale.
    assert annotation.data[0].value[1] == pytest.approx(1 - 2 * 13.5 / 60, abs=0.01)
