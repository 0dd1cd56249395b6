"""What `pip install mer-plugins` gives: the built wheel in an environment without the checkout."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import PathDistribution, packages_distributions
from pathlib import Path

import jams
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
pytestmark = pytest.mark.timeout(900)
OURS = {"mer_plugins", "damff", "mer_adapters"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """An environment with the wheel, and with what it depends on from the one of the tests."""
    root = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(root, symlinks=True)
    (packages,) = root.glob("lib/python*/site-packages")
    # Only paths: files of kind .pth in there, such as that of an editable install, are not read.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    python = root / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--force-reinstall", str(wheel)], check=True)
    return root / "bin"


def run(installed, tmp_path, command, *arguments):
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(installed / command), *map(str, arguments)],
        cwd=tmp_path,
        env={**kept, "MER_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("package", sorted(OURS))
def test_the_code_is_that_of_the_wheel(package, installed, tmp_path):
    where = run(installed, tmp_path, "python", "-c", f"import {package}; print({package}.__file__)")
    assert Path(where.strip()).is_relative_to(installed.parent)


def test_commands_and_plugins_are_there(installed, tmp_path):
    assert "Examples:" in run(installed, tmp_path, "mer", "--help")
    assert "0." in run(installed, tmp_path, "mer-extract", "--version")
    found = json.loads(run(installed, tmp_path, "mer", "plugins", "--json"))
    assert found["broken"] == [] and found["clashes"] == []
    owners = {entry["name"]: entry["distribution"] for entry in found["extractors"]}
    assert {"damff", "damff-ensemble", "crnn", "global-mean", "ridge-librosa"} <= set(owners)
    assert all(owner == ["mer-plugins"] for owner in owners.values())


def test_every_checkpoint_came_along(installed, tmp_path):
    lines = run(installed, tmp_path, "mer", "doctor", "--json").splitlines()
    findings = [json.loads(line) for line in lines]
    assert not [finding for finding in findings if finding["level"] == "fault"]
    plugins = {f["check"]: f["found"] for f in findings if f["check"].startswith("plugin ")}
    checkpoints = {name for name, found in plugins.items() if "no bundled" not in found}
    assert {"plugin damff", "plugin damff-ensemble", "plugin mcrnn"} <= checkpoints


def test_a_recording_is_annotated(installed, tmp_path):
    name = "joplin-maple-leaf-rag.ogg"
    shutil.copy(ROOT / "examples" / "collection" / name, tmp_path)
    out = run(
        installed, tmp_path, "mer-extract", "--plugin", "damff", "--engine", "serial", name
    )  # fmt: skip
    assert out.strip() == "done 1, already done 0, failed 0"
    loaded = jams.load(str(tmp_path / name.replace(".ogg", ".jams")), strict=True)
    (annotation,) = loaded.search(namespace="mood_thayer")
    assert len(annotation.data) > 60


def test_templates_and_figures_came_along(installed, tmp_path):
    out = run(installed, tmp_path, "mer", "new-plugin", "slow-mood")
    assert "mer-slow-mood/pyproject.toml" in out
    assert (tmp_path / "mer-slow-mood" / "mer_slow_mood" / "extractor.py").is_file()
    assert "complete" in run(installed, tmp_path, "mer", "completions", "bash")


@pytest.fixture(scope="module")
def metadata(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    (found,) = folder.glob("*.dist-info")
    return folder, PathDistribution(found)


def requirements(metadata, extra):
    """Canonical names of what is installed with an extra; with "", of what always is."""
    parsed = [Requirement(line) for line in metadata[1].requires]
    return {
        canonicalize_name(r.name)
        for r in parsed
        if (r.marker.evaluate({"extra": extra}) if r.marker else not extra)
    }


def test_extras_are_those_that_the_pages_name(metadata):
    extras = set(metadata[1].metadata.get_all("Provides-Extra"))
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = {
        e for group in re.findall(r"pip install[^\n]*\[([\w,-]+)\]", text) for e in group.split(",")
    }
    assert named and named <= extras
    for extra in extras:
        assert requirements(metadata, extra), extra
    assert requirements(metadata, "essentia-models") == {"essentia-tensorflow"}
    assert requirements(metadata, "librosa") == {"librosa"}


def imported(tree):
    """Top-level names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_what_the_code_imports_is_declared(metadata):
    folder, distribution = metadata
    used = (
        {
            name
            for path in folder.rglob("*.py")
            for name in imported(ast.parse(path.read_text(encoding="utf-8")))
        }
        - OURS
        - set(sys.stdlib_module_names)
    )
    providers = packages_distributions()
    declared = {canonicalize_name(Requirement(line).name) for line in distribution.requires}
    assert {"numpy", "torch", "jams"} <= used
    for name in used:
        offered = {canonicalize_name(found) for found in providers.get(name, [name])}
        assert offered & declared, f"{name} is imported, but not declared"
