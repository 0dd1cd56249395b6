"""The example of a third-party plugin: installed as a user would, found by its entry point."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jams
import numpy as np
import pytest

PLUGIN = Path(__file__).resolve().parents[1] / "examples" / "minimal_plugin"
PIP = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
MER = "from mer_plugins.cli import main; main()"
EXTRACT = "from mer_plugins.cli import extract_main; extract_main()"
CURVES = """
import json, sys
import numpy as np
from mer_plugins import Audio, create_extractor

extractor = create_extractor("loudness")
answers = []
for n, sample_rate, level, channels in json.loads(sys.argv[1]):
    samples = np.full((channels, n) if channels > 1 else n, level)
    curve = extractor(Audio(samples, sample_rate))
    answers.append({"times": curve.times.tolist(), "values": curve.values.tolist()})
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("site")
    subprocess.run([*PIP, "--no-index", "--target", str(target), str(PLUGIN)], check=True)
    return target


def run(site, code, *arguments):
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_listed_beside_our_own(site):
    listed = json.loads(run(site, MER, "plugins", "--json"))
    owners = {e["name"]: e["distribution"] for e in listed["extractors"]}
    assert owners["loudness"] == ["mer-loudness"]
    assert "damff" in owners
    assert listed["broken"] == [] and listed["clashes"] == []


def test_it_is_made_by_name_and_keeps_the_contract(site):
    recordings = [  # samples, rate, level, channels
        (1, 44_100, 1.0, 1),
        (22_050, 44_100, 1.0, 1),
        (22_051, 44_100, 1.0, 2),
        (33_077, 22_051, 10 ** (-30 / 20), 1),
        (3, 1, 10 ** (-15 / 20), 1),
        (8_000 * 3, 8_000, 0.0, 2),
        (8_000 * 3, 8_000, 1e-5, 1),
        (8_000, 8_000, 4.0, 1),
    ]
    arousals = [1, 1, 1, 0, 0.5, -1, -1, 1]
    answers = json.loads(run(site, CURVES, json.dumps(recordings)))
    assert len(answers) == len(recordings)
    for (n, rate, _, _), arousal, answer in zip(recordings, arousals, answers, strict=True):
        expected = np.arange(int(np.ceil(n / rate / 0.5))) * 0.5
        np.testing.assert_array_equal(answer["times"], expected)
        values = np.array(answer["values"])
        assert np.all(values[:, 0] == 0)
        np.testing.assert_allclose(values[:, 1], arousal, atol=1e-6)


@pytest.mark.parametrize("engine", ["serial", "local"])
def test_it_annotates_in_batch_like_any_other(site, song, tmp_path, engine):
    song(tmp_path / "music" / "a.wav", 1.7)
    out = run(site, EXTRACT, "--plugin", "loudness", tmp_path / "music", "--engine", engine)
    assert out.strip() == "done 1, already done 0, failed 0"
    loaded = jams.load(str(tmp_path / "music" / "a.jams"), strict=True)
    (annotation,) = loaded.search(namespace="mood_thayer")
    assert [o.time for o in annotation.data] == [0.0, 0.5, 1.0, 1.5]
    assert [o.value[0] for o in annotation.data] == [0, 0, 0, 0]
    # A sine of amplitude 0.3 lies 13.5 dB below full scale.
    assert annotation.data[0].value[1] == pytest.approx(1 - 2 * 13.5 / 60, abs=0.01)
