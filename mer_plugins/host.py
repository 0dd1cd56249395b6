"""Find plugins, keep the broken ones apart, and make extractors by name.

A plugin is a module named under the entry-point group ``mer_plugins``. It registers strings, so
listing plugins imports none of their heavy code.
"""

from __future__ import annotations

import hashlib
import inspect
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import pluggy

from mer_plugins import hookspecs
from mer_plugins.contracts import (
    DatasetSpec,
    EngineSpec,
    Extractor,
    ExtractorInfo,
    ExtractorSpec,
    StudySpec,
    WriterSpec,
)
from mer_plugins.errors import MerError, PluginError

if TYPE_CHECKING:
    from mer_plugins.datasets import Dataset

# A module that ends the interpreter when it is imported must not end the host.
_FAILURES = (Exception, SystemExit)


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
    datasets: Registry[DatasetSpec]
    writers: Registry[WriterSpec]
    engines: Registry[EngineSpec]
    studies: Registry[StudySpec]
    broken: list[BrokenPlugin]

    def clashes(self) -> list[str]:
        """Tell, one line each, which names several distributions claim."""
        registries = (self.extractors, self.datasets, self.writers, self.engines, self.studies)
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

    def create(self, name: str, /, **parameters: Any) -> Extractor:
        """Import a plugin and make its extractor.

        Raises
        ------
        PluginError
            If there is no such plugin, its code cannot be imported, or it does not take a
            parameter; other errors of its own making are named with the plugin.
        """
        factory = load_factory(self.extractors.get(name).factory, f"plugin {name!r}")
        extractor: Extractor = _made(name, factory, parameters)
        return extractor

    def open_dataset(self, name: str, source: Path, /, **parameters: Any) -> Dataset:
        """Import the code of a data set and open its files below `source`.

        Raises
        ------
        PluginError
            As :meth:`create`. Errors in the files are the data set's own, of :class:`MerError`.
        """
        factory = load_factory(self.datasets.get(name).factory, f"data set {name!r}")
        dataset: Dataset = _made(name, factory, {"source": source, **parameters})
        return dataset


def plugin_host(found: Iterable[EntryPoint] | None = None) -> PluginHost:
    """Load the plugins of this environment, or those of the entry points given.

    A plugin that cannot be imported, or whose hook fails, is listed in ``broken``; the others go
    on. Nothing is kept between calls.
    """
    manager = _manager()
    host = PluginHost(
        Registry("extractor"),
        Registry("data set"),
        Registry("writer"),
        Registry("engine"),
        Registry("study"),
        [],
    )
    owners: dict[int, tuple[str, str]] = {}
    points = entry_points(group=hookspecs.PROJECT) if found is None else found
    for point in sorted(points, key=lambda p: p.name):
        owner = _distribution(point)
        try:
            plugin = _checked(point.load())
            manager.register(plugin, name=f"{owner}:{point.name}")
        except _FAILURES as exc:
            host.broken.append(BrokenPlugin(point.name, owner, _one_line(exc)))
            continue
        owners[id(plugin)] = (point.name, owner)
    hook = manager.hook
    _collect(hook.mer_extractors, host, host.extractors, owners, ExtractorSpec)
    _collect(hook.mer_datasets, host, host.datasets, owners, DatasetSpec)
    _collect(hook.mer_writers, host, host.writers, owners, WriterSpec)
    _collect(hook.mer_engines, host, host.engines, owners, EngineSpec)
    _collect(hook.mer_studies, host, host.studies, owners, StudySpec)
    return host


def _distribution(point: EntryPoint) -> str:
    # Asked for a name that it does not hold, metadata warns of the KeyError that it will raise.
    if point.dist is None or "Name" not in point.dist.metadata:
        return "unknown distribution"
    return point.dist.name


def create_extractor(name: str, **parameters: Any) -> Extractor:
    """Make an extractor by its plugin's name: ``create_extractor("damff", device="cpu")``."""
    return plugin_host().create(name, **parameters)


def _manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def _checked(plugin: Any) -> Any:
    """Return a plugin whose hooks fit; a trial manager keeps a bad one out of the real one."""
    trial = _manager()
    trial.register(plugin)
    trial.check_pending()
    return plugin


def _collect(
    hook: pluggy.HookCaller,
    host: PluginHost,
    registry: Registry[S],
    owners: Mapping[int, tuple[str, str]],
    kind: type[S],
) -> None:
    for implementation in hook.get_hookimpls():
        name, owner = owners[id(implementation.plugin)]
        try:
            found: Any = implementation.function()
            named = [(_name_of(spec, kind), spec) for spec in found]
        except _FAILURES as exc:
            host.broken.append(BrokenPlugin(name, owner, _one_line(exc)))
            continue
        for spec_name, spec in named:
            registry.add(spec_name, spec, owner)


def _name_of(spec: Any, kind: type[Any]) -> str:
    if not isinstance(spec, kind):
        raise TypeError(f"a hook returned {reprlib.repr(spec)}: expected a list of {kind.__name__}")
    name = spec.info.name if isinstance(spec, ExtractorSpec | DatasetSpec) else spec.name
    if not (isinstance(name, str) and name):
        raise TypeError(f"the name of an entry is {name!r}: expected a text")
    return name


def _made(name: str, factory: Any, parameters: Mapping[str, Any]) -> Any:
    check_parameters(name, factory, parameters)
    try:
        return factory(**parameters)
    except MerError:
        raise
    except _FAILURES as exc:
        raise PluginError(f"plugin {name!r} cannot start: {_one_line(exc)}") from exc


def load_factory(factory: str, what: str) -> Any:
    """Import ``"package.module:name"``; PluginError names `what` if that fails."""
    module, _, attribute = factory.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except _FAILURES as exc:
        raise PluginError(f"{what} cannot be imported: {_one_line(exc)}") from exc


def check_parameters(
    name: str, factory: Any, parameters: Mapping[str, Any], kind: str = "plugin"
) -> None:
    """Raise PluginError, naming what there is, if `factory` does not take a parameter."""
    try:
        known = inspect.signature(factory).parameters
    except TypeError as exc:
        raise PluginError(f"{kind} {name!r} cannot start: {_one_line(exc)}") from exc
    except ValueError:  # code of C without a signature says itself what it does not take
        return
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in known.values()):
        return
    if unknown := sorted(set(parameters) - set(known)):
        raise PluginError(
            f"{kind} {name!r} takes no parameter {', '.join(map(repr, unknown))}: "
            f"it takes {', '.join(sorted(known)) or 'none'}"
        )


def resource_path(resource: str) -> Path:
    """Find ``package:relative/path`` (without importing the package) or an ordinary path."""
    package, colon, relative = resource.partition(":")
    if not colon or Path(resource).is_absolute():
        return Path(resource)
    try:
        spec = find_spec(package)
    except (ImportError, ValueError) as exc:
        raise PluginError(f"{resource}: package {package!r} is not installed") from exc
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(f"{resource}: package {package!r} is not installed")
    return Path(spec.submodule_search_locations[0], relative)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a checkpoint, as hex."""
    try:
        found = path.stat()
        return _file_sha256(path, found.st_size, found.st_mtime_ns)
    except OSError as exc:
        raise PluginError(f"{path}: the checkpoint cannot be read ({exc.strerror})") from exc
    except ValueError as exc:  # a null character or half a surrogate pair
        raise PluginError(f"{str(path)!a}: no file can have this name") from exc


@lru_cache(maxsize=64)
def _file_sha256(path: Path, size: int, mtime_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _one_line(exc: BaseException) -> str:
    text = " ".join(str(exc).split())
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
