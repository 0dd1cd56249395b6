"""``mer doctor``: each fault is found, and each has a line on what to do."""

from __future__ import annotations

import json
import sqlite3
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from click.testing import CliRunner

from mer_plugins import __version__, doctor
from mer_plugins.cache_folder import cache_folder
from mer_plugins.cli.doctor import command
from mer_plugins.done_index import default_index_path
from mer_plugins.host import plugin_host

PROBE = Path(__file__).parent / "faults" / "probe"


def examine(*arguments):
    """Return (exit code, {check: finding})."""
    result = CliRunner().invoke(command, ["--json", *map(str, arguments)], standalone_mode=False)
    if result.exception:
        raise result.exception
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    return result.return_value, {row["check"]: row for row in rows}


def test_a_sound_installation_is_fit_to_run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(PROBE)
    code, found = examine(tmp_path)
    faults = [row for row in found.values() if row["level"] == "fault"]
    assert (code, faults) == (0, [])
    assert found["mer-plugins"]["found"].startswith(f"{__version__}, Python 3.")
    assert found["decoder libsndfile"]["found"] == found["decoder FFmpeg"]["found"] == "decodes"
    digest = plugin_host().info("probe").checkpoint_sha256
    assert digest in found["plugin probe"]["found"]
    assert "writable" in found[f"folder {tmp_path}"]["found"]
    assert list(tmp_path.iterdir()) == []


def test_people_get_lines(tmp_path):
    result = CliRunner().invoke(command, [str(tmp_path)], standalone_mode=False)
    assert result.stdout.splitlines()[-1] == "fit to run"


@pytest.mark.parametrize(("module", "name"), [("soundfile", "libsndfile"), ("av", "FFmpeg")])
def test_a_decoder_that_cannot_be_imported(monkeypatch, module, name):
    monkeypatch.setitem(sys.modules, module, None)
    code, found = examine()
    assert (code, found[f"decoder {name}"]["level"]) == (1, "fault")
    assert found[f"decoder {name}"]["advice"] == f"pip install --force-reinstall {module}"


def test_a_package_that_is_missing(monkeypatch):
    def version(name):
        if name in {"soxr", "librosa"}:
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    code, found = examine()
    assert (code, found["soxr"]["level"], found["soxr"]["advice"]) == (
        1,
        "fault",
        "pip install soxr",
    )
    assert found["librosa"]["level"] == "note"
    assert "share one import name" in found["essentia"]["found"]


def test_a_checkpoint_that_is_gone_and_a_broken_plugin(tmp_path, monkeypatch):
    (tmp_path / "mer_half.py").write_text(
        "from mer_plugins import hookimpl\n"
        "from mer_plugins.contracts import ExtractorInfo, ExtractorSpec\n"
        "@hookimpl\n"
        "def mer_extractors():\n"
        "    info = ExtractorInfo(name='half', version='1', checkpoint='/not/there.json')\n"
        "    return [ExtractorSpec(info, 'a:b')]\n"
    )
    (tmp_path / "mer_broken.py").write_text("raise RuntimeError('no libfoo')\n")
    for name in ("half", "broken"):
        info = tmp_path / f"mer_{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: mer-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[mer_plugins]\n{name} = mer_{name}\n")
    monkeypatch.syspath_prepend(tmp_path)
    code, found = examine()
    assert code == 1
    assert "/not/there.json" in found["plugin half"]["found"]
    assert found["plugin half"]["advice"] == "reinstall mer-half"
    assert "no libfoo" in found["plugin broken"]["found"]
    assert found["plugin broken"]["advice"] == "update or uninstall mer-broken"


def test_a_folder_that_cannot_be_written_to(tmp_path):
    code, found = examine(tmp_path / "not there")
    row = found[f"folder {tmp_path / 'not there'}"]
    assert (code, row["level"]) == (1, "fault")
    assert "-o" in row["advice"]


def test_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_LEAST_FREE", 1 << 60)
    code, found = examine(tmp_path)
    assert (code, found[f"folder {tmp_path}"]["level"]) == (1, "fault")


def test_an_index_that_is_no_database():
    cache_folder().mkdir(parents=True, exist_ok=True)
    default_index_path().write_bytes(b"no database at all" * 100)
    code, found = examine()
    assert (code, found["index"]["level"]) == (1, "fault")
    assert "delete that file" in found["index"]["advice"]
    default_index_path().unlink()
    assert examine()[1]["index"]["level"] == "ok"
    sqlite3.connect(default_index_path()).close()
