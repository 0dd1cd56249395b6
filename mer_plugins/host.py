"""Find plugins, keep the broken ones apart, and make extractors by name.

A plugin is a module named under the entry-point group ``mer_plugins``. It registers strings, so
listing plugins imports none of their heavy code.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import pluggy

from mer_plugins import hookspecs
from mer_plugins.contracts import (
    EngineSpec,
    Extractor,
    ExtractorInfo,
    ExtractorSpec,
    WriterSpec,
)
from mer_plugins.errors import MerError, PluginError


class _Spec(Protocol):
    @property
    def factory(self) -> str: ...


S = TypeVar("S", bound=_Spec)


@dataclass(frozen=True)
class BrokenPlugin:
    """A plugin that could not be loaded, and why, in one line."""

    name: str
    distribution: str
    reason: str


@dataclass
class Registry(Generic[S]):
    """What the plugins registered under one hook, by name, and who registered it."""

    kind: str
    specs: dict[str, S] = field(default_factory=dict)
    owners: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, spec: S, owner: str) -> None:
        """Take a registration; a second one of the same name makes the name unusable."""
        self.owners.setdefault(name, []).append(owner)
        self.specs.setdefault(name, spec)

    def clashes(self) -> list[str]:
        """Tell, one line each, which names several distributions claim."""
        return [
            f"{self.kind} {name!r} is registered by {' and by '.join(owners)}: "
            "uninstall one of them"
            for name, owners in self.owners.items()
            if len(owners) > 1
        ]

    def get(self, name: str) -> S:
        """Return a registration; PluginError if there is none or more than one."""
        if name not in self.specs:
            known = ", ".join(sorted(self.specs)) or "none"
            raise PluginError(f"no {self.kind} is called {name!r}: there are {known}")
        if len(self.owners[name]) > 1:
            raise PluginError(next(line for line in self.clashes() if repr(name) in line))
        return self.specs[name]


@dataclass
class PluginHost:
    """The plugins of this environment."""

    extractors: Registry[ExtractorSpec]
    writers: Registry[WriterSpec]
    engines: Registry[EngineSpec]
    broken: list[BrokenPlugin]

    def clashes(self) -> list[str]:
        """Tell, one line each, which names several distributions claim."""
        registries = (self.extractors, self.writers, self.engines)
        return [line for registry in registries for line in registry.clashes()]

    def info(self, name: str, parameters: Mapping[str, Any] | None = None) -> ExtractorInfo:
        """Return a plugin's description with the checksum of the checkpoint that would be used.

        Nothing of the plugin's code is imported.
        """
        info = self.extractors.get(name).info
        chosen = (parameters or {}).get("checkpoint")
        if not (chosen or info.checkpoint):
            return info
        path = Path(str(chosen)) if chosen else resource_path(info.checkpoint)
        return replace(info, checkpoint=str(path), checkpoint_sha256=file_sha256(path))

    def create(self, name: str, **parameters: Any) -> Extractor:
        """Import a plugin and make its extractor.

        Raises
        ------
        PluginError
            If there is no such plugin, its code cannot be imported, or it does not take a
            parameter; other errors of its own making are named with the plugin.
        """
        factory = load_factory(self.extractors.get(name).factory, f"plugin {name!r}")
        check_parameters(name, factory, parameters)
        try:
            extractor: Extractor = factory(**parameters)
        except MerError:
            raise
        except Exception as exc:
            raise PluginError(f"plugin {name!r} cannot start: {_one_line(exc)}") from exc
        return extractor


def plugin_host(found: Iterable[EntryPoint] | None = None) -> PluginHost:
    """Load the plugins of this environment, or those of the entry points given.

    A plugin that cannot be imported, or whose hook fails, is listed in ``broken``; the others go
    on. Nothing is kept between calls.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    host = PluginHost(Registry("extractor"), Registry("writer"), Registry("engine"), [])
    owners: dict[int, tuple[str, str]] = {}
    points = entry_points(group=hookspecs.PROJECT) if found is None else found
    for point in sorted(points, key=lambda p: p.name):
        owner = point.dist.name if point.dist else "unknown distribution"
        try:
            plugin = point.load()
            manager.register(plugin, name=f"{owner}:{point.name}")
            manager.check_pending()
        except Exception as exc:
            host.broken.append(BrokenPlugin(point.name, owner, _one_line(exc)))
            continue
        owners[id(plugin)] = (point.name, owner)
    _collect(manager.hook.mer_extractors, host, host.extractors, owners, lambda s: s.info.name)
    _collect(manager.hook.mer_writers, host, host.writers, owners, lambda s: s.name)
    _collect(manager.hook.mer_engines, host, host.engines, owners, lambda s: s.name)
    return host


def create_extractor(name: str, **parameters: Any) -> Extractor:
    """Make an extractor by its plugin's name: ``create_extractor("damff", device="cpu")``."""
    return plugin_host().create(name, **parameters)


def _collect(
    hook: pluggy.HookCaller,
    host: PluginHost,
    registry: Registry[S],
    owners: Mapping[int, tuple[str, str]],
    name_of: Callable[[Any], str],
) -> None:
    for implementation in hook.get_hookimpls():
        name, owner = owners[id(implementation.plugin)]
        try:
            found: Any = implementation.function()
            named = [(name_of(spec), spec) for spec in found]
        except Exception as exc:
            host.broken.append(BrokenPlugin(name, owner, _one_line(exc)))
            continue
        for spec_name, spec in named:
            registry.add(spec_name, spec, owner)


def load_factory(factory: str, what: str) -> Any:
    """Import ``"package.module:name"``; PluginError names `what` if that fails."""
    module, _, attribute = factory.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as exc:
        raise PluginError(f"{what} cannot be imported: {_one_line(exc)}") from exc


def check_parameters(name: str, factory: Any, parameters: Mapping[str, Any]) -> None:
    """Raise PluginError, naming what there is, if `factory` does not take a parameter."""
    known = inspect.signature(factory).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values()):
        return
    if unknown := sorted(set(parameters) - set(known)):
        raise PluginError(
            f"plugin {name!r} takes no parameter {', '.join(map(repr, unknown))}: "
            f"it takes {', '.join(sorted(known)) or 'none'}"
        )


def resource_path(resource: str) -> Path:
    """Find ``package:relative/path`` (without importing the package) or an ordinary path."""
    package, colon, relative = resource.partition(":")
    if not colon:
        return Path(resource)
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(f"{resource}: package {package!r} is not installed")
    return Path(spec.submodule_search_locations[0], relative)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a checkpoint, as hex."""
    try:
        found = path.stat()
    except OSError as exc:
        raise PluginError(f"{path}: the checkpoint cannot be read ({exc.strerror})") from exc
    return _file_sha256(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _file_sha256(path: Path, size: int, mtime_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _one_line(exc: BaseException) -> str:
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
