"""The folder of a training run: all that is needed to judge it, to repeat it and to go on."""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from mer_plugins import __version__
from mer_plugins.atomic import replacing
from mer_plugins.errors import MerError
from mer_plugins.trained_on import Identity, read_list, union, write_list

Row = Mapping[str, float | str]

_PACKAGES = ("torch", "numpy", "soundfile", "soxr", "av", "ducc0")
STATE, CONFIG, RESULT = "state.pt", "config.json", "run.json"


class RunError(MerError):
    """A run's folder holds something else than this run."""


def _check(folder: Path, config: Mapping[str, Any], *, resume: bool) -> None:
    path = folder / CONFIG
    if not path.exists():
        return
    if not resume:
        raise RunError(
            f"{folder}: holds a training run: add --resume to go on with it, or choose another "
            "folder"
        )
    if differing := _differing(_read_json(path).get("settings"), _plain(config)):
        raise RunError(
            f"{folder}: was begun with another {', '.join(differing)}: --resume needs the same "
            "command"
        )


@contextmanager
def begun(folder: Path, config: Mapping[str, Any], *, resume: bool) -> Iterator[None]:
    """Make a run's folder, or find that it holds this very run, for what is written in the block.

    An error before the first pass is done takes it back: nothing is lost, and the command that was
    put right may be another one.

    Raises
    ------
    RunError
        If the folder holds a run and `resume` is False, or one with other settings; or if
        something cannot be written, there or anywhere.
    """
    _check(folder, config, resume=resume)
    path = folder / CONFIG
    is_new, was_there = not path.exists(), folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            about = {"versions": versions(), "commit": git_commit()}
            write_json(path, {"settings": _plain(config), **about})
        yield
    except Exception as exc:
        kept = any(folder.rglob(STATE))
        if is_new and not kept:
            _take_back(folder, was_there=was_there)
        if isinstance(exc, OSError):
            again = "give the command again with --resume" if kept else "give the command again"
            raise RunError(
                f"{exc.filename or folder}: {exc.strerror or exc}: the training stopped: put that "
                f"right and {again}"
            ) from exc
        raise


def _take_back(folder: Path, *, was_there: bool) -> None:
    with suppress(OSError):
        (folder / CONFIG).unlink(missing_ok=True)
    if not was_there:
        _remove_empty(folder)


def _remove_empty(folder: Path) -> None:
    """Remove a folder and those in it, as far as nothing lies there."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            os.rmdir(place)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as they come back from JSON."""
    found: dict[str, Any] = json.loads(json.dumps(config))
    return found


def _differing(found: Any, wanted: Mapping[str, Any]) -> list[str]:
    found = found if isinstance(found, dict) else {}
    return [key for key in {**wanted, **found} if found.get(key) != wanted.get(key)]


def settings_in(folder: Path) -> dict[str, Any]:
    """Return the settings that a run was begun with; none where it is no run's folder.

    Raises
    ------
    RunError
        If they are damaged.
    """
    path = folder / CONFIG
    found = _read_json(path).get("settings") if path.exists() else None
    return found if isinstance(found, dict) else {}


def recordings(folder: Path) -> set[str]:
    """Return the names of the recordings a run was trained on; none where it is no run's folder.

    Raises
    ------
    RunError
        If the folder's settings are damaged.
    """
    found = settings_in(folder).get("recordings")
    return {str(name) for name in found} if isinstance(found, list) else set()


def save_state(folder: Path, state: Mapping[str, Any]) -> None:
    """Keep what a killed run goes on from."""
    # Where the disk is full, torch raises errors of its own; in memory there is room.
    content = io.BytesIO()
    torch.save(dict(state), content)
    with replacing(folder / STATE) as file:
        file.write(content.getbuffer())


def load_state(folder: Path) -> dict[str, Any] | None:
    """Return what :func:`save_state` kept, or None if nothing was.

    Raises
    ------
    RunError
        If the file is damaged.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    # torch tells of damage by many kinds of error, and documents none.
    except Exception as exc:
        raise RunError(f"{path}: cannot be read: delete it to begin this part again") from exc


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file as a whole."""
    with replacing(path) as file:
        file.write((json.dumps(content, indent=2) + "\n").encode())


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise RunError(f"{path}: cannot be read ({exc})") from exc
    return found if isinstance(found, dict) else {}


def write_heard(
    folder: Path, heard: Mapping[str, Iterable[Identity]], starts: Mapping[str, Path] | None = None
) -> None:
    """Write the songs that each checkpoint of a run, or the weights it began from, was trained on.

    A checkpoint that began from weights of which that is not known is left out.
    """
    known: dict[str, Identity] = {}
    for name, songs in heard.items():
        start = (starts or {}).get(name)
        before = read_list(start) if start else Identity()
        if before is not None:
            known[name] = union([*songs, before])
    write_list(folder, known)


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write a table as CSV, its columns being the keys of the first row."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else ["song"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_estimates(path: Path, estimates: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """Write predictions, one array of shape (t, 2) a song, to an ``.npz`` without pickle."""
    # Keys as they are: a name may hold a slash, which would be a folder inside the archive.
    names = np.array(list(estimates), dtype=np.str_)
    lengths = np.array([len(values) for values in estimates.values()], dtype=np.int64)
    values = np.concatenate([*estimates.values(), np.zeros((0, 2))])
    np.savez_compressed(path, names=names, lengths=lengths, values=values)


def plot_epochs(path: Path, rows: Sequence[Row]) -> None:
    """Draw every column of the epochs over the epochs, losses and scores apart."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    names = [name for name in rows[0] if name not in ("epoch", "seconds")]
    epochs = [row["epoch"] for row in rows]
    groups = [[n for n in names if "loss" in n], [n for n in names if "loss" not in n]]
    axes = np.atleast_1d(figure.subplots(1, sum(map(bool, groups))))
    for ax, group in zip(axes, filter(None, groups), strict=True):
        for name in group:
            ax.plot(epochs, [row[name] for row in rows], label=name)
        ax.set(xlabel="epoch")
        ax.legend(frameon=False, fontsize="small")
    figure.savefig(path, dpi=110)


def versions() -> dict[str, str]:
    """Return the versions that shape a result."""
    return {
        "mer-plugins": __version__,
        **{name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # built into an environment that keeps no records
        return ""


def git_commit() -> str:
    """Return the commit this code was run from, with ``-dirty`` if changed; empty if unknown."""
    # An installation may lie within a repository of somebody else's, whose commit says nothing.
    if not _git("ls-files", "--error-unmatch", Path(__file__).name):
        return ""
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(*arguments: str) -> str:
    """Return what git says of the folder of this code; empty where it fails."""
    try:
        # git is looked up in PATH, as the person who trains would; no argument comes from outside.
        done = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return "" if done.returncode else done.stdout.strip()
