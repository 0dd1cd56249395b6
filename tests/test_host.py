"""The plugin host: discovery without heavy imports, isolation, clashes, lazy factories."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mer_plugins import hookspecs
from mer_plugins.errors import MerError, PluginError
from mer_plugins.host import plugin_host, resource_path

HEAVY = {
    "torch",
    "onnxruntime",
    "jams",
    "librosa",
    "essentia",
    "soundfile",
    "av",
    "matplotlib",
    "scipy",
}


def mer(*arguments, path=None):
    """Run ``mer`` in a process of its own, with a folder on its path."""
    paths = [str(path) if path else "", os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-c", "from mer_plugins.cli import main; main()", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
    )


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


HOOK = """
from mer_plugins import hookimpl
from mer_plugins.contracts import EngineSpec, ExtractorInfo, ExtractorSpec, WriterSpec

@hookimpl
def mer_extractors"""
ENGINES = "@hookimpl\ndef mer_engines():\n    return [EngineSpec('leak', 'a:b')]\n"
WRITER = "WriterSpec('w', '.w', 'a:b')"
NAMELESS = "ExtractorSpec(ExtractorInfo(name=7, version='1'), 'a:b')"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a fake distribution for this test alone."""
    monkeypatch.syspath_prepend(tmp_path)
    laid = []

    def install(name, code):
        distribution(tmp_path, name, code)
        laid.append(name.replace("-", "_"))

    yield install
    for module in laid:
        sys.modules.pop(module, None)


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
        (f"{HOOK}():\n    return 7", "not iterable"),
        (f"{HOOK}(x):\n    return []", "{'x'} are declared"),
        (f"{HOOK}_all():\n    return []", "unknown hook 'mer_extractors_all'"),
        (f"{HOOK}():\n    raise OSError('disk')", "OSError: disk"),
        (f"{HOOK}():\n    return [7]", "returned 7: expected a list of ExtractorSpec"),
        (f"{HOOK}():\n    return None", "not iterable"),
        (f"{HOOK}():\n    return 'ab'", "returned 'a': expected a list of ExtractorSpec"),
        (f"{HOOK}():\n    return [{WRITER}]", "expected a list of ExtractorSpec"),
        (f"{HOOK}():\n    return [{NAMELESS}]", "the name of an entry is 7"),
        # Hooks before and after the bad one in the module must not stay behind half registered.
        (f"{HOOK}(x):\n    return []\n{ENGINES}", "{'x'} are declared"),
        (f"{HOOK}_all():\n    return []\n{ENGINES}", "unknown hook"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_broken_plugin_is_named_and_the_others_go_on(installed, code, reason):
    installed("mer-broken", code)
    installed("mer-good", GOOD.format(name="good", factory="builtins:dict"))
    host = plugin_host()
    (broken,) = host.broken
    assert (broken.name, broken.distribution) == ("mer-broken", "mer-broken")
    assert reason in broken.reason and "\n" not in broken.reason
    assert {"damff", "good"} <= set(host.extractors.specs)
    assert "leak" not in host.engines.specs and "local" in host.engines.specs
    assert isinstance(host.create("good"), dict)


def test_the_list_of_plugins_names_a_broken_one_and_is_still_a_success(tmp_path):
    distribution(tmp_path, "mer-broken", "raise RuntimeError('no libfoo')")
    done = mer("plugins", "--json", path=tmp_path)
    assert done.returncode == 0
    listed = json.loads(done.stdout)
    assert listed["broken"] == [
        {"name": "mer-broken", "distribution": "mer-broken", "reason": "RuntimeError: no libfoo"}
    ]
    assert "broken: 'mer-broken' of mer-broken: RuntimeError: no libfoo" in done.stderr
    assert "damff" in [entry["name"] for entry in listed["extractors"]]


def test_a_distribution_without_a_name_does_no_harm(tmp_path, monkeypatch):
    (tmp_path / "odd-1.0.dist-info").mkdir()
    (tmp_path / "odd-1.0.dist-info" / "entry_points.txt").write_text(
        "[mer_plugins]\nodd = not_there\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    host = plugin_host()
    assert [b.distribution for b in host.broken if b.name == "odd"] == ["unknown distribution"]
    assert "damff" in host.extractors.specs


def test_one_module_named_twice_is_registered_once(installed, tmp_path):
    installed("mer-good", GOOD.format(name="good", factory="builtins:dict"))
    points = tmp_path / "mer_good-1.0.dist-info" / "entry_points.txt"
    points.write_text(points.read_text() + "again = mer_good\n")
    host = plugin_host()
    assert len(host.broken) == 1 and "already registered" in host.broken[0].reason
    assert isinstance(host.create("good"), dict)


def test_two_plugins_of_one_name_are_an_error_that_names_both(tmp_path):
    distribution(tmp_path, "mer-one", GOOD.format(name="same", factory="builtins:dict"))
    distribution(tmp_path, "mer-two", GOOD.format(name="same", factory="builtins:dict"))
    distribution(tmp_path, "mer-good", GOOD.format(name="good", factory="builtins:dict"))
    done = mer("plugins", path=tmp_path)
    assert done.returncode == 2
    assert "'same'" in done.stderr and "mer-one" in done.stderr and "mer-two" in done.stderr
    assert "damff" in done.stdout and "good" in done.stdout


def test_a_clash_with_our_own_plugin_stops_only_its_name(installed):
    installed("mer-usurper", GOOD.format(name="damff", factory="builtins:dict"))
    installed("mer-good", GOOD.format(name="good", factory="builtins:dict"))
    host = plugin_host()
    assert isinstance(host.create("good"), dict)
    with pytest.raises(PluginError, match=r"(?s)mer-plugins.*mer-usurper"):
        host.create("damff")


def test_unknown_names_tell_what_there_is():
    with pytest.raises(PluginError, match="no extractor is called 'damf': there are .*damff"):
        plugin_host().create("damf")


def test_unknown_parameters_tell_what_there_is():
    pytest.importorskip("torch")
    with pytest.raises(
        PluginError, match="no parameter 'hops': it takes checkpoint, device, hop_s"
    ):
        plugin_host().create("damff", hops=1)


@pytest.mark.parametrize("factory", ["not_there:Thing", "json:NotThere"])
def test_a_factory_that_cannot_be_imported_is_one_line(installed, factory):
    installed("mer-lazy", GOOD.format(name="lazy", factory=factory))
    host = plugin_host()
    assert not host.broken
    with pytest.raises(PluginError, match="plugin 'lazy' cannot be imported") as caught:
        host.create("lazy")
    assert "\n" not in str(caught.value) and caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("code", "parameters", "reason"),
    [
        ("def Make():\n    raise OSError('two\\nlines')", {}, "OSError: two lines"),
        ("def Make(size):\n    return size", {}, "TypeError: .*size"),
        ("def Make():\n    raise SystemExit(3)", {}, "SystemExit: 3"),
        ("Make = 7", {}, "TypeError: 7 is not a callable"),
        ("Make = range", {"size": 1}, "TypeError: range"),
    ],
)
def test_a_factory_that_fails_is_one_line_with_its_cause(installed, code, parameters, reason):
    installed("mer-fails", GOOD.format(name="fails", factory="mer_fails:Make") + code)
    with pytest.raises(PluginError, match=f"^plugin 'fails' cannot start: {reason}") as caught:
        plugin_host().create("fails", **parameters)
    assert "\n" not in str(caught.value) and caught.value.__cause__ is not None


def test_an_error_meant_for_people_passes_unchanged(installed):
    code = "def Make():\n    from mer_plugins import MerError\n    raise MerError('plug it in')"
    installed("mer-fails", GOOD.format(name="fails", factory="mer_fails:Make") + code)
    with pytest.raises(MerError, match="^plug it in$"):
        plugin_host().create("fails")


def test_a_factory_that_takes_any_parameter_gets_them(installed):
    installed("mer-kw", GOOD.format(name="kw", factory="mer_kw:Make") + "def Make(**kw): return kw")
    assert plugin_host().create("kw", size=2) == {"size": 2}


def test_each_call_makes_a_new_host():
    first = plugin_host()
    first.extractors.specs.clear()
    assert "damff" in plugin_host().extractors.specs


def test_every_plugin_tells_what_people_need_to_know():
    listed = json.loads(mer("plugins", "--json").stdout)
    assert "damff" in [entry["name"] for entry in listed["extractors"]]
    for entry in listed["extractors"]:
        assert {"sample_rate", "window_s"} <= set(entry)
        assert entry["name"] and entry["version"] and entry["hop_s"] > 0
        assert entry["kind"] in ("dynamic", "static", "trivial")
        assert set(entry["scale"]) == {"low", "high", "order"}
        assert entry["licence"] and entry["citation"]


def test_the_checksum_is_told_without_importing_the_plugin():
    code = (
        "import sys; from mer_plugins.host import plugin_host; info = plugin_host().info('damff');"
        "print(info.checkpoint, info.checkpoint_sha256, 'torch' in sys.modules, sep='|')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path, checksum, torch_is_there = done.stdout.strip().split("|")
    assert checksum == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert torch_is_there == "False"


def test_the_checksum_is_that_of_the_checkpoint_chosen(tmp_path):
    chosen = tmp_path / "mine.safetensors"
    for content in (b"one", b"another"):
        chosen.write_bytes(content)
        info = plugin_host().info("damff", {"checkpoint": chosen})
        assert info.checkpoint_sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("place", ["", "not_there.safetensors"])
def test_a_checkpoint_that_cannot_be_read_is_one_line(tmp_path, place):
    with pytest.raises(PluginError, match="the checkpoint cannot be read") as caught:
        plugin_host().info("damff", {"checkpoint": tmp_path / place})
    assert str(tmp_path / place) in str(caught.value)


def test_registered_facts_are_those_of_the_checkpoint():
    pytest.importorskip("torch")
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


def test_an_absolute_path_may_hold_a_colon(tmp_path):
    assert resource_path(f"{tmp_path}/a:b.bin") == tmp_path / "a:b.bin"


@pytest.mark.parametrize("package", ["no_such_package", "no.such.package", "json.decoder", ""])
def test_a_resource_of_no_package_is_one_line(package):
    with pytest.raises(PluginError, match=f"package '{package}' is not installed"):
        resource_path(f"{package}:x")


def test_the_readme_lists_every_hook():
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    for name, hook in inspect.getmembers(hookspecs, inspect.isfunction):
        if name.startswith("mer_"):
            assert f"`{name}{inspect.signature(hook)}`".split(" ->")[0] in readme, name
            assert inspect.getdoc(hook), name
