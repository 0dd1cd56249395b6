"""Commands that list things: JSON is JSON, pipes get plain text, NO_COLOR is heeded."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mer_plugins.cli import mer
from mer_plugins.cli.extract import command as extract

LISTS = [
    ["plugins"],
    ["plugins", "check", "global-mean"],
    ["datasets", "list"],
    ["doctor"],
    ["summary", "collection"],
    ["status", "collection"],
]
# Select Graphic Rendition with a foreground or background colour.
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:[34]\d|9[0-7]|10[0-7])[;m]")


@pytest.fixture
def collection(song, tmp_path, monkeypatch):
    song(tmp_path / "collection" / "a.wav")
    monkeypatch.chdir(tmp_path)
    chosen = ["--plugin", "global-mean", "--engine", "serial", "collection"]
    assert CliRunner().invoke(extract, chosen).stdout.startswith("done 1")


def parsed(text):
    """One JSON document, or one a line."""
    try:
        return [json.loads(text)]
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_json_is_json_and_nothing_else(words, collection):
    result = CliRunner().invoke(mer, [*words, "--json"])
    assert not result.exception, result.output
    assert parsed(result.stdout) and parsed(result.stdout)[0]


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_pipes_get_plain_text(words, collection):
    result = CliRunner().invoke(mer, words)
    assert result.stdout.strip() and "\x1b" not in result.stdout


def on_a_terminal(words, **environment):
    ours, theirs = pty.openpty()
    code = "from mer_plugins.cli import main; main()"
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-c", code, *words],
        stdout=theirs,
        stderr=theirs,
        env={**kept, "TERM": "xterm-256color", **environment},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 65536):
                shown += block
        except OSError:  # so Linux tells that the other side is closed
            pass
    os.close(ours)
    assert process.returncode == 0, shown
    return shown.decode()


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_no_color_is_heeded_on_a_terminal(words, collection):
    shown = on_a_terminal(words, NO_COLOR="1")
    assert shown.strip() and not COLOUR.search(shown)


def test_a_reader_that_has_seen_enough_costs_no_traceback(collection):
    code = "from mer_plugins.cli import main; main()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "plugins", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
