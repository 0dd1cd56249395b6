"""Progress where it is looked at: a bar on a terminal, lines elsewhere, results untouched."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mer_plugins import EmotionCurve
from mer_plugins.cli.bar import Passing
from mer_plugins.jams_store import Provenance, store, to_annotation

pty = pytest.importorskip("pty", reason="no terminals to open here")


@pytest.fixture
def collection(tmp_path):
    curve = EmotionCurve(np.arange(4) * 0.5, np.zeros((4, 2)), 0.5)
    made = to_annotation(curve, Provenance("loud", "1", "f", "", "", 0.5, "", "0"))
    for name in "abc":
        store(tmp_path / "music" / f"{name}.jams", [made], duration_s=2.0)
    return tmp_path / "music"


def on_terminal(*words):
    """Run a command whose errors go to a terminal and whose output goes to a pipe; return both."""
    ours, its = pty.openpty()
    code = (
        f"import sys; from mer_plugins.cli import main; sys.argv[1:] = {[*map(str, words)]}; main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=its,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    ) as process:
        os.close(its)
        written = process.stdout.read().decode()
        shown = b""
        try:
            while block := os.read(ours, 4096):
                shown += block
        except OSError:
            pass  # the other end is closed
    os.close(ours)
    assert process.returncode in (0, 1), shown.decode()
    return written, shown.decode()


@pytest.mark.parametrize(
    "words",
    [
        ["summary", "--json"],
        ["export", "--format", "deam-csv", "-o", "OUT"],
        ["export", "--format", "csv", "-o", "OUT"],
        ["report", "-o", "OUT/report.html"],
    ],
)
def test_the_bar_is_on_the_terminal_and_the_result_in_the_pipe(collection, tmp_path, words):
    out = tmp_path / "out"
    out.mkdir()
    command, *options = [word.replace("OUT", str(out)) for word in words]
    written, shown = on_terminal(command, collection, *options)
    assert "3" in shown and "tracks" in shown
    if command == "summary":
        assert [json.loads(line)["curve"] for line in written.splitlines()] == ["loud"] * 3
    else:
        assert sorted(written.split()) == sorted(str(path) for path in out.iterdir())
        assert str(out) not in shown


def test_elsewhere_a_line_now_and_then_tells_number_rate_and_total(capsys, monkeypatch):
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with Passing("tracks") as progress:
        assert list(progress.over("abcd")) == list("abcd")
    lines = capsys.readouterr().err.splitlines()
    assert lines and all(line.endswith("/s") and " of 4 tracks, " in line for line in lines)


def test_what_is_not_counted_beforehand_has_no_total_and_quiet_says_nothing(capsys, monkeypatch):
    clock = iter(range(0, 10_000, 40))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    list(Passing("tracks").over(iter("ab")))
    assert capsys.readouterr().err.splitlines()[0].startswith("1 tracks, ")
    list(Passing("tracks", quiet=True).over("ab"))
    assert capsys.readouterr().err == ""
