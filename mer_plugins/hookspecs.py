"""The whole plugin contract on one screen: hooks a plugin may implement.

Mark an implementation with :data:`mer_plugins.hookimpl` and name its module under the entry-point
group ``mer_plugins``. Every hook returns a list; the host chains them.
"""

from __future__ import annotations

import pluggy

from mer_plugins.contracts import DatasetSpec, EngineSpec, ExtractorSpec, StudySpec, WriterSpec

PROJECT = "mer_plugins"
hookspec = pluggy.HookspecMarker(PROJECT)


@hookspec
def mer_extractors() -> list[ExtractorSpec]:  # type: ignore[empty-body]
    """Offer methods that turn a recording into an emotion curve."""


@hookspec
def mer_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """Offer labelled data sets that can be turned into a collection of JAMS."""


@hookspec
def mer_writers() -> list[WriterSpec]:  # type: ignore[empty-body]
    """Offer formats an emotion curve can be written in, beside JAMS."""


@hookspec
def mer_engines() -> list[EngineSpec]:  # type: ignore[empty-body]
    """Offer ways to spread a collection over processes or machines."""


@hookspec
def mer_studies() -> list[StudySpec]:  # type: ignore[empty-body]
    """Offer published comparisons that can be trained and scored again."""
