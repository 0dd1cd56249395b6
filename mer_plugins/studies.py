"""Studies: systems to be trained alike and compared, beside what a paper published of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mer_plugins.errors import PluginError

COLUMNS = tuple((d, m) for d in ("arousal", "valence") for m in ("ccc", "pcc", "rmse"))
"""Columns of a published table, in its order."""


@dataclass(frozen=True)
class Budget:
    """How much training a study gets.

    Parameters
    ----------
    summary : str
        One line for people.
    changes : mapping
        Settings that every recipe of the study gets alike, as
        :meth:`mer_plugins.sequence.recipe.Recipe.changed` takes them.
    """

    summary: str
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StudyRow:
    """One system of a study.

    Parameters
    ----------
    label : str
        As the paper's table calls it.
    plugin : str
        A neural plugin, by name.
    recipes : mapping of str to str
        The plugin's recipe for each budget.
    settings : mapping
        Settings of its network.
    published : mapping of str to tuple of float
        By corpus: the scores of :data:`COLUMNS`.
    """

    label: str
    plugin: str
    recipes: Mapping[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Name of its network: the plugin and its settings."""
        return "-".join([self.plugin, *(f"{k}={v}" for k, v in sorted(self.settings.items()))])


@dataclass(frozen=True)
class Study:
    """A published comparison that can be made again.

    Parameters
    ----------
    name, title : str
        As given to ``mer reproduce``, and the paper's caption.
    source : str
        The paper, with table or figure.
    rows : tuple of StudyRow
        The first is the one that the others are tested against.
    budgets : mapping of str to Budget
        By name; the first is the default.
    not_significant : mapping of str to tuple of int
        By corpus: the columns of :data:`COLUMNS` that the paper marks as not significantly
        different.
    hops_s : tuple of float
        For a study of the sliding window: its one row is scored with each of these hops.
    """

    name: str
    title: str
    source: str
    rows: tuple[StudyRow, ...]
    budgets: Mapping[str, Budget]
    not_significant: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    hops_s: tuple[float, ...] = ()

    def budget(self, name: str) -> Budget:
        """Return a budget by name; PluginError if there is none."""
        if name not in self.budgets:
            raise PluginError(f"no budget is called {name!r}: there are {', '.join(self.budgets)}")
        return self.budgets[name]

    def run_name(self, row: StudyRow, budget: str) -> str:
        """Name the folder of a row's runs: network, recipe, and a hash of the budget's changes.

        So rows of several studies share runs where they ask for the same, and only there.
        """
        name, changes = f"{row.key}-{row.recipes[budget]}", self.budget(budget).changes
        if not changes:
            return name
        text = json.dumps(changes, sort_keys=True)
        return f"{name}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
