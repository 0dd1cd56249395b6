"""The plugin host: discovery without heavy imports, isolation, clashes, lazy factories."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mer_plugins import hookspecs
from mer_plugins.errors import PluginError
from mer_plugins.host import plugin_host, resource_path

HEAVY = {"torch", "jams", "librosa", "essentia", "soundfile", "av", "matplotlib", "scipy"}


def distribution(folder, name, code):
    """Lay a fake installed distribution `name` with a plugin module of that code."""
    module = name.replace("-", "_")
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[mer_plugins]\n{name} = {module}\n")


GOOD = """
from mer_plugins import hookimpl
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec

@hookimpl
def mer_extractors():
    return [ExtractorSpec(ExtractorInfo(name="{name}", version="1"), "{factory}")]
"""


@pytest.mark.parametrize(
    "code",
    [
        "import mer_plugins",
        "import damff",
        "from mer_plugins.cli import extract_main; sys.argv[1:] = ['--help']; extract_main()",
        "from mer_plugins.cli import main; sys.argv[1:] = ['--help']; main()",
        "from mer_plugins.cli import main; sys.argv[1:] = ['plugins']; main()",
        "from mer_plugins.cli import main; sys.argv[1:] = ['plugins', '--json']; main()",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code):
    script = (
        f"import sys\ntry:\n    {code}\nexcept SystemExit as e:\n    assert not e.code\n"
        f"print('HEAVY', sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no libfoo')", "RuntimeError: no libfoo"),
        ("import not_there_at_all", "ModuleNotFoundError"),
        (
            "from mer_plugins import hookimpl\n@hookimpl\ndef mer_extractors():\n    return 7",
            "not it",
        ),
        ("from mer_plugins import hookimpl\n@hookimpl\ndef mer_extractors(x):\n    return []", "x"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_go_on(tmp_path, monkeypatch, code, reason):
    distribution(tmp_path, "mer-broken", code)
    distribution(tmp_path, "mer-good", GOOD.format(name="good", factory="builtins:dict"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mer_broken", raising=False)
    monkeypatch.delitem(sys.modules, "mer_good", raising=False)
    host = plugin_host()
    (broken,) = host.broken
    assert (broken.name, broken.distribution) == ("mer-broken", "mer-broken")
    assert reason in broken.reason
    assert {"damff", "good"} <= set(host.extractors.specs)


def test_two_plugins_of_one_name_are_an_error_that_names_both(tmp_path):
    distribution(tmp_path, "mer-one", GOOD.format(name="same", factory="builtins:dict"))
    distribution(tmp_path, "mer-two", GOOD.format(name="same", factory="builtins:dict"))
    done = subprocess.run(
        [sys.executable, "-c", "from mer_plugins.cli import main; main()", "plugins"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "'same'" in done.stderr and "mer-one" in done.stderr and "mer-two" in done.stderr
    assert "damff" in done.stdout


def test_a_clash_with_our_own_plugin_stops_only_its_name(tmp_path, monkeypatch):
    distribution(tmp_path, "mer-usurper", GOOD.format(name="damff", factory="builtins:dict"))
    monkeypatch.syspath_prepend(tmp_path)
    host = plugin_host()
    with pytest.raises(PluginError, match=r"(?s)mer-plugins.*mer-usurper"):
        host.create("damff")


def test_unknown_names_tell_what_there_is():
    with pytest.raises(PluginError, match="no extractor is called 'damf': there are .*damff"):
        plugin_host().create("damf")


def test_unknown_parameters_tell_what_there_is():
    with pytest.raises(
        PluginError, match="no parameter 'hops': it takes checkpoint, device, hop_s"
    ):
        plugin_host().create("damff", hops=1)


@pytest.mark.parametrize("factory", ["not_there:Thing", "json:NotThere"])
def test_a_factory_that_cannot_be_imported_is_one_line(tmp_path, monkeypatch, factory):
    distribution(tmp_path, "mer-lazy", GOOD.format(name="lazy", factory=factory))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mer_lazy", raising=False)
    host = plugin_host()
    assert not host.broken
    with pytest.raises(PluginError, match="plugin 'lazy' cannot be imported") as caught:
        host.create("lazy")
    assert "\n" not in str(caught.value) and caught.value.__cause__ is not None


def test_each_call_makes_a_new_host():
    first = plugin_host()
    first.extractors.specs.clear()
    assert "damff" in plugin_host().extractors.specs


def test_every_plugin_tells_what_people_need_to_know():
    out = subprocess.run(
        [sys.executable, "-c", "from mer_plugins.cli import main; main()", "plugins", "--json"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for entry in json.loads(out)["extractors"]:
        assert {"name", "version", "kind", "scale", "sample_rate", "window_s", "hop_s"} <= set(
            entry
        )
        assert set(entry["scale"]) == {"low", "high", "order"}
        assert entry["licence"] and entry["citation"]


def test_registered_facts_are_those_of_the_checkpoint():
    registered = plugin_host().info("damff")
    made = plugin_host().create("damff", device="cpu").info
    assert (made.checkpoint_sha256, made.window_s, made.hop_s, made.sample_rate) == (
        registered.checkpoint_sha256,
        registered.window_s,
        registered.hop_s,
        registered.sample_rate,
    )


def test_resources_are_found_without_importing_their_package():
    assert resource_path("damff:model.py").is_file()
    assert resource_path("some/where.txt") == Path("some/where.txt")
    with pytest.raises(PluginError, match="not installed"):
        resource_path("no_such_package:x")


def test_the_readme_lists_every_hook():
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    for name, hook in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith("mer_"):
            assert f"`{name}{inspect.signature(hook)}`".split(" ->")[0] in readme, name
            assert inspect.getdoc(hook), name
