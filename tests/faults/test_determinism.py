"""The same recording gives the same bytes, whoever does the work and however often."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from mer_plugins import create_extractor, load_audio
from mer_plugins.audio import open_audio
from mer_plugins.cli.extract import command
from mer_plugins.curves import concatenate

sys.path.insert(0, str(Path(__file__).parent))
from crash import Collection, ended, start


def test_runs_and_numbers_of_workers_give_the_same_files_byte_for_byte(tmp_path):
    collection = Collection.make(tmp_path / "music", seed=5, tracks=4)
    contents = []
    for workers in (1, 2):
        out = tmp_path / f"by {workers}"
        ended(start(collection.arguments("-o", str(out), "-j", str(workers))), {0})
        contents.append({p.name: p.read_bytes() for p in out.iterdir()})
    argv = collection.arguments("-o", str(tmp_path / "serial"), "--engine", "serial")
    assert CliRunner().invoke(command, argv, standalone_mode=False).return_value == 0
    contents.append({p.name: p.read_bytes() for p in (tmp_path / "serial").iterdir()})
    assert contents[0] == contents[1] == contents[2]
    assert len(contents[0]) == 4
    assert CliRunner().invoke(command, [*argv, "--overwrite"], standalone_mode=False).stdout
    assert contents[0] == {p.name: p.read_bytes() for p in (tmp_path / "serial").iterdir()}


@pytest.mark.parametrize("block_s", [0.1, 1.7, 60.0])
def test_blocks_of_any_size_give_damff_the_same_values(tmp_path, song, block_s):
    path = song(tmp_path / "a.wav", 6.3, seed=3)
    extractor = create_extractor("damff", device="cpu")
    whole = extractor(load_audio(path, 44_100))
    with open_audio(path, 44_100, block_s=block_s) as reader:
        stream = extractor.open()
        parts = [part for block in reader.blocks() if (part := stream.feed(block)) is not None]
        curve = concatenate([*parts, stream.finish()])
    np.testing.assert_array_equal(curve.times, whole.times)
    # How many segments share a batch depends on the blocks; six decimals are written.
    np.testing.assert_allclose(curve.values, whole.values, atol=2e-6)
    again = extractor(load_audio(path, 44_100))
    assert again.values.tobytes() == whole.values.tobytes()


@pytest.mark.parametrize("seed", range(2))
def test_damff_in_bfloat16_is_within_a_hundredth_of_float32(song, tmp_path, seed, monkeypatch):
    # Without graphs for onnxruntime, torch runs the network.
    monkeypatch.setattr("mer_plugins.sequence.backends.find_graphs", lambda *given: None)
    audio = load_audio(song(tmp_path / "a.wav", 25.0, seed=seed), 44_100)
    extractor = create_extractor("damff", device="cpu")
    exact = extractor(audio).values
    with torch.autocast("cpu", torch.bfloat16):
        coarse = extractor(audio).values
    difference = np.abs(coarse - exact).max()
    # Not 0, or no bfloat16 was in play.
    assert 0 < difference < 0.01
