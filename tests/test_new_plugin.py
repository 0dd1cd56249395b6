"""`mer new-plugin`: what it writes is installed as a user would, tests itself and is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mer_plugins.cli import mer
from mer_plugins.errors import PluginError
from mer_plugins.new_plugin import new_plugin

ROOT = Path(__file__).resolve().parents[1]
PIP = ["-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation"]
MER = ["-c", "from mer_plugins.cli import main; main()"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The package and the folder it is installed into."""
    root = tmp_path_factory.mktemp("made")
    new_plugin("slow-mood", root / "package")
    subprocess.run([sys.executable, *PIP, "--target", root / "site", root / "package"], check=True)
    return root / "package", root / "site"


def run(made, *arguments):
    package, site = made
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=package / "tests",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_passes_its_own_test(made):
    assert "2 passed" in run(made, "-m", "pytest", "-q", "-p", "no:cacheprovider")


def test_it_is_listed_and_keeps_the_contract(made):
    listed = json.loads(run(made, *MER, "plugins", "--json"))
    owners = {entry["name"]: entry["distribution"] for entry in listed["extractors"]}
    assert owners["slow-mood"] == ["mer-slow-mood"]
    assert listed["broken"] == [] and listed["clashes"] == []
    checks = json.loads(run(made, *MER, "plugins", "check", "slow-mood", "--json"))
    assert {check["outcome"] for check in checks} <= {"passed", "skipped"}


def test_it_says_what_it_wrote_and_what_to_do_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(mer, ["new-plugin", "slow-mood"])
    assert result.exit_code == 0
    written = {path for path in Path("mer-slow-mood").rglob("*") if path.is_file()}
    assert {Path(line) for line in result.stdout.splitlines()} == written
    assert {path.name for path in written} == {
        "README.md", "__init__.py", "extractor.py", "pyproject.toml", "test_mer_slow_mood.py"
    }  # fmt: skip
    assert "pip install -e mer-slow-mood && mer plugins check slow-mood" in result.stderr


def test_the_example_is_what_it_writes(tmp_path):
    new_plugin("loudness", tmp_path / "new")
    example = ROOT / "examples" / "minimal_plugin" / "mer_loudness" / "extractor.py"
    assert (tmp_path / "new" / "mer_loudness" / "extractor.py").read_bytes() == example.read_bytes()


def test_names_become_a_package_and_a_class(tmp_path):
    new_plugin("a_b-c2", tmp_path)
    project = (tmp_path / "pyproject.toml").read_text(encoding="utf-8")
    assert 'name = "mer-a_b-c2"\n' in project
    assert '[project.entry-points.mer_plugins]\na_b-c2 = "mer_a_b_c2"\n' in project
    assert "class ABC2:" in (tmp_path / "mer_a_b_c2" / "extractor.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["", "2slow", "Slow", "slow mood", "slow-", "a--b", "../a", "müde"]
)
def test_what_cannot_be_a_name_is_refused(name, tmp_path):
    with pytest.raises(PluginError, match="cannot be the name of a plugin: expected"):
        new_plugin(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [("mer-slow", "name the plugin 'slow'"), ("damff", "'damff' is there already, of mer-plugins")],
)
def test_names_that_would_clash_are_refused(name, reason, tmp_path):
    with pytest.raises(PluginError, match=reason):
        new_plugin(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(PluginError, match="is not empty: name a new folder with -o"):
        new_plugin("slow", tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert [*tmp_path.iterdir()] == [tmp_path / "README.md"]
    with pytest.raises(PluginError, match="cannot be written"):
        new_plugin("slow", tmp_path / "README.md")
