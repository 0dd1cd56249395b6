"""Is this installation fit to run: versions, decoders, plugins, devices, checkpoints, folders.

Each check gives one line, and for each fault what to do about it. torch is imported only where it
is installed; nothing is downloaded and nothing is left behind in a folder that is checked.
"""

from __future__ import annotations

import os
import platform
import shutil
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from mer_plugins import __version__
from mer_plugins.audio import load_audio
from mer_plugins.cache_folder import cache_folder
from mer_plugins.done_index import DoneIndex, default_index_path
from mer_plugins.errors import MerError
from mer_plugins.extras import is_installed
from mer_plugins.host import PluginHost, plugin_host

NEEDED = (
    *("numpy", "ducc0", "soundfile", "soxr", "av", "simplejson", "pluggy", "filelock"),
    *("safetensors", "onnxruntime"),
)
EXTRAS = {
    "torch": "training, nor neural plugins on a GPU",
    "onnx": "training",
    "matplotlib": "pictures, reports and training",
    "plotly": "mer report",
    "scipy": "mer evaluate",
    "pandas": "tables for notebooks",
    "jams": "bridges to jams",
    "librosa": "librosa features",
    "essentia": "Essentia features",
    "essentia-tensorflow": "essentia-musicnn",
}
_LEAST_FREE = 1 << 30
# A second of silence in AAC (ADTS, 8 kHz, mono), which libsndfile does not read.
_AAC = bytes.fromhex("fff16c40017ffc01182007") * 8


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Parameters
    ----------
    check : str
        What was looked at.
    level : str
        ``ok``, ``note`` (works, but you may want to know) or ``fault``.
    found : str
        What was found, in one line.
    advice : str
        What to do; empty if nothing is.
    """

    check: str
    level: str
    found: str
    advice: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return plain JSON types."""
        return asdict(self)


def examine(folders: Sequence[Path] = (), host: PluginHost | None = None) -> Iterator[Finding]:
    """Make every check; `folders` are those that JAMS files shall be written to."""
    yield Finding("mer-plugins", "ok", f"{__version__}, Python {platform.python_version()}")
    yield from _packages()
    yield from _decoders()
    yield from _devices()
    yield from _plugins(host or plugin_host())
    yield _index()
    for folder in (cache_folder(), *folders):
        yield _folder(folder)


def _packages() -> Iterator[Finding]:
    for name in NEEDED:
        found = _version(name)
        advice = "" if found else f"pip install {name}"
        yield Finding(name, "ok" if found else "fault", found or "not installed", advice)
    for name, purpose in EXTRAS.items():
        found = _version(name)
        yield Finding(name, "ok" if found else "note", found or f"not installed: no {purpose}")
    if _version("essentia") and _version("essentia-tensorflow"):
        advice = "pip uninstall essentia essentia-tensorflow, then install one of them"
        yield Finding("essentia", "fault", "two packages share one import name", advice)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _decoders() -> Iterator[Finding]:
    """Decode a second of silence with each decoder: a broken library shows only in use."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("libsndfile", _wav()), ("FFmpeg", _AAC)):
            path = Path(folder, f"silence.{name}")
            path.write_bytes(content)
            try:
                load_audio(path)
            except (MerError, ImportError, OSError) as exc:
                reason = " ".join(str(exc).split()).removeprefix(f"{path}: ")
                package = "soundfile" if name == "libsndfile" else "av"
                advice = f"pip install --force-reinstall {package}"
                yield Finding(f"decoder {name}", "fault", reason, advice)
            else:
                yield Finding(f"decoder {name}", "ok", "decodes")


def _wav() -> bytes:
    samples = bytes(16_000)
    head = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16)
    body = b"WAVEfmt " + head + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _devices() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("cores", "ok", str(cores))
    if not is_installed("torch"):
        return
    try:
        import torch
    except (ImportError, OSError) as exc:
        advice = "reinstall torch as its site says for this machine"
        yield Finding("torch devices", "fault", " ".join(str(exc).split()), advice)
        return
    names = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    names += ["mps"] if torch.backends.mps.is_available() else []
    yield Finding("torch devices", "ok", ", ".join(names))


def _plugins(host: PluginHost) -> Iterator[Finding]:
    for broken in host.broken:
        advice = f"update or uninstall {broken.distribution}"
        yield Finding(f"plugin {broken.name}", "fault", broken.reason, advice)
    for clash in host.clashes():
        yield Finding("plugins", "fault", *clash.rsplit(": ", 1))
    for name, spec in sorted(host.extractors.specs.items()):
        if not spec.info.checkpoint:
            yield Finding(f"plugin {name}", "ok", f"{spec.info.version}, no bundled checkpoint")
            continue
        try:
            digest = host.info(name).checkpoint_sha256
        except MerError as exc:
            advice = f"reinstall {host.extractors.owners[name][0]}"
            yield Finding(f"plugin {name}", "fault", str(exc), advice)
        else:
            yield Finding(f"plugin {name}", "ok", f"{spec.info.version}, checkpoint {digest}")


def _index() -> Finding:
    with DoneIndex(default_index_path()) as index:
        if not index.problem:
            return Finding("index", "ok", str(default_index_path()))
        advice = "delete that file (nothing is lost), or set MER_CACHE_DIR to a writable folder"
        return Finding("index", "fault", index.problem, advice)


def _folder(folder: Path) -> Finding:
    check = f"folder {folder}"
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".mer-doctor-") as file:
            has_flock = _can_lock(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as exc:
        reason = f"cannot be written to ({exc.strerror})"
        return Finding(check, "fault", reason, "make it writable, or write elsewhere with -o")
    if free < _LEAST_FREE:
        return Finding(check, "fault", f"{free >> 20} MiB are free", "make room, or use -o")
    found = f"writable, {free >> 30} GiB free"
    return Finding(check, "ok", found if has_flock else f"{found}; no flock: lock files are used")


def _can_lock(descriptor: int) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
