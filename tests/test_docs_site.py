"""The tour's commands run as they are printed; the reference has every module that is public."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import mer_plugins

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TOUR = re.findall(r"```\n(.*?)```", (DOCS / "tour.md").read_text(encoding="utf-8"), re.S)


@pytest.mark.timeout(900)
def test_the_tour_runs_from_top_to_bottom(commands, tmp_path):
    shutil.copytree(
        ROOT / "examples" / "collection", tmp_path / "collection", ignore=_but_three_songs
    )
    script = "set -e\n" + "".join(TOUR)
    done = subprocess.run(
        ["sh"], input=script, cwd=tmp_path, capture_output=True, text=True, timeout=800
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done 3, already done 0, failed 0" in done.stdout
    assert "done 0, already done 3, failed 0" in done.stdout
    assert {path.name for path in (tmp_path / "annotations").iterdir() if path.suffix} == {
        "joplin-maple-leaf-rag.jams",
        "bach-chorale-and-joplin-rag.jams",
        "mozart-k155-andante.jams",
    }
    assert (tmp_path / "bach.png").read_bytes().startswith(b"\x89PNG")
    assert len([*(tmp_path / "tables").glob("*.csv")]) == 3
    assert len([*(tmp_path / "subtitles").glob("*.vtt")]) == 3
    assert (tmp_path / "mer-slow-mood" / "pyproject.toml").is_file()


def _but_three_songs(_, names):
    return [name for name in names if name.startswith("beethoven")]


def test_every_home_of_a_public_name_is_in_the_reference():
    page = (DOCS / "reference" / "names.md").read_text(encoding="utf-8")
    modules = set(re.findall(r"^::: (\S+)$", page, re.M))
    assert {f"mer_plugins.{home}" for home in mer_plugins._HOMES.values()} <= modules
    assert {"mer_plugins.contracts", "mer_plugins.hookspecs", "mer_plugins.testing"} <= modules
    assert all(f"`{name}`" in page for name in mer_plugins.__all__)


def test_every_page_is_in_the_navigation():
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        assert page.relative_to(DOCS).as_posix() in configuration
