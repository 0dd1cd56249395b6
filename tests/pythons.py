"""The host's tests on every supported Python that is here: ``make test-pythons``.

Each gets an environment of its own in ``.venv``, with all that the host needs and without torch,
which the host must not import. A version that is not installed is told in one line and left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
NEURAL = {"torch", "einops", "safetensors"}
TOOLS = ("pytest", "pytest-timeout", "hypothesis")
TESTS = ("curves", "options", "host", "done_index", "collection", "jams_store")
# Whole runs with a plugin that needs no torch, undisturbed and killed.
RUNS = ("tests/faults/test_locks.py", "tests/faults/test_crash.py")


def main(versions: list[str]) -> int:
    """Test on each version; return 1 if any of them fails."""
    failed = [version for version in versions or VERSIONS if not passes(version)]
    print(f"failed: Python {', '.join(failed)}" if failed else "no Python failed")
    return 1 if failed else 0


def passes(version: str) -> bool:
    """Install and test on one version; True if that is not here."""
    python = next(filter(None, map(works, candidates(version))), None)
    if python is None:
        print(f"Python {version}: not installed here, left out", flush=True)
        return True
    print(f"Python {version}: {python}", flush=True)
    own = installed(python, ROOT / ".venv" / f"python{version}")
    files = [f"tests/test_{name}.py" for name in TESTS]
    files += RUNS
    arguments = [own, "-m", "pytest", "-q", "-r", "fE", "-m", "not shared", *files]
    return subprocess.run(arguments, cwd=ROOT, check=False).returncode == 0


def candidates(version: str) -> Iterator[str]:
    """Yield what may be an interpreter: on PATH, and all that pyenv has, on PATH or not."""
    yield from filter(None, [shutil.which(f"python{version}")])
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    yield from map(str, sorted(pyenv.glob(f"{version}.*/bin/python{version}")))


def works(python: str) -> str | None:
    """Return `python` if it starts: a shim of pyenv's may lead nowhere."""
    done = subprocess.run([python, "-c", "import venv"], capture_output=True, check=False)
    return None if done.returncode else python


def installed(python: str, place: Path) -> str:
    """Return the interpreter of an environment that holds the host and its tests' tools."""
    own, mark = str(place / "bin" / "python"), place / ".installed"
    sources = (ROOT / "pyproject.toml", ROOT / "constraints.txt")
    if mark.exists() and mark.stat().st_mtime > max(s.stat().st_mtime for s in sources):
        return own
    subprocess.run([python, "-m", "venv", str(place)], check=True)
    pip = [own, "-m", "pip", "install", "-q", "-c", "constraints.txt"]
    subprocess.run([*pip, *needed()], cwd=ROOT, check=True)
    subprocess.run([*pip, "--no-deps", "-e", "."], cwd=ROOT, check=True)
    mark.touch()
    return own


def needed() -> list[str]:
    """Return the requirements of the host, without those of the neural plugins, and the tools."""
    found = [Requirement(line) for line in requires("mer-plugins") or []]
    always = [r for r in found if r.marker is None and r.name not in NEURAL]
    return [*map(str, always), *TOOLS]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
