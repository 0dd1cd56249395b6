"""Further formats: what is written is read back as it was, and a failure leaves the old file."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from mer_plugins import EmotionCurve
from mer_plugins.host import load_factory, plugin_host
from mer_plugins.sonic_visualiser import write_sonic_visualiser
from mer_plugins.writers import write_audacity, write_csv, write_webvtt

LABEL = re.compile(r"V=([+-]\d\.\d{3}) A=([+-]\d\.\d{3})")


def curve(n=40, hop_s=0.5, start_s=0.0, std=False, seed=0):
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0, 0.3, (n, 2)) if std else None
    return EmotionCurve(start_s + np.arange(n) * hop_s, rng.uniform(-1, 1, (n, 2)), hop_s, spread)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        header, *found = csv.reader(file)
    return header, np.array(found, dtype=float)


def labels(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = [line.split("\t") for line in lines]
    spans = np.array([[float(start), float(end)] for start, end, _ in cells])
    values = np.array([[float(x) for x in LABEL.fullmatch(text).groups()] for *_, text in cells])
    return spans, values


@pytest.mark.parametrize(
    ("hop_s", "start_s"), [(0.5, 0.0), (0.01, 1234.56), (1 / 3, 0.0), (0.5, 1_000_000.0)]
)
def test_csv_is_read_back_as_it_was(tmp_path, hop_s, start_s):
    written = curve(hop_s=hop_s, start_s=start_s)
    write_csv(written, tmp_path / "a.csv")
    header, found = rows(tmp_path / "a.csv")
    assert header == ["time", "valence", "arousal"]
    np.testing.assert_allclose(found[:, 0], written.times, rtol=0, atol=1e-9)
    np.testing.assert_allclose(found[:, 1:], written.values, rtol=0, atol=5.1e-7)


def test_csv_tells_the_deviations_where_there_are_any(tmp_path):
    written = curve(std=True)
    write_csv(written, tmp_path / "a.csv")
    header, found = rows(tmp_path / "a.csv")
    assert header == ["time", "valence", "arousal", "valence_std", "arousal_std"]
    np.testing.assert_allclose(found[:, 3:], written.std, rtol=0, atol=5.1e-7)


@pytest.mark.parametrize(("hop_s", "start_s"), [(0.5, 0.0), (0.01, 1234.56), (0.5, 1_000_000.0)])
def test_audacity_labels_are_read_back_as_they_were(tmp_path, hop_s, start_s):
    written = curve(hop_s=hop_s, start_s=start_s)
    write_audacity(written, tmp_path / "a.txt")
    spans, values = labels(tmp_path / "a.txt")
    np.testing.assert_allclose(spans[:, 0], written.times, rtol=0, atol=5.1e-7)
    np.testing.assert_allclose(spans[:, 1], written.times + hop_s, rtol=0, atol=5.1e-7)
    np.testing.assert_allclose(values, written.values, rtol=0, atol=5.1e-4)


def test_zero_is_never_written_as_minus_zero(tmp_path):
    nearly = EmotionCurve(np.zeros(1), np.full((1, 2), -1e-9), 0.5)
    write_csv(nearly, tmp_path / "a.csv")
    write_audacity(nearly, tmp_path / "a.txt")
    assert (tmp_path / "a.csv").read_text() == "time,valence,arousal\n0,0.000000,0.000000\n"
    assert (tmp_path / "a.txt").read_text() == "0.000000\t0.500000\tV=+0.000 A=+0.000\n"


def test_an_empty_curve_has_no_rows(tmp_path):
    empty = EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5)
    write_csv(empty, tmp_path / "a.csv")
    write_audacity(empty, tmp_path / "a.txt")
    assert (tmp_path / "a.csv").read_text() == "time,valence,arousal\n"
    assert (tmp_path / "a.txt").read_text() == ""


def test_every_writer_that_is_registered_makes_its_folder_and_one_file(tmp_path):
    for name, spec in plugin_host().writers.specs.items():
        if spec.collects:
            continue
        path = tmp_path / name / "deeper" / f"a{spec.suffix}"
        load_factory(spec.factory, name)(curve(), path)
        assert [found.name for found in path.parent.iterdir()] == [path.name]
        assert path.stat().st_size > 0


@pytest.mark.parametrize("write", [write_csv, write_audacity, write_sonic_visualiser, write_webvtt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, write):
    path = tmp_path / "a.out"
    write(curve(seed=1), path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write(curve(seed=2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    write(curve(seed=2), path)
    assert path.read_bytes() != before
