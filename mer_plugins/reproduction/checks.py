"""Whether the folder of a cell holds the run that is asked for, or another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from reprlib import repr as short
from typing import Any

from mer_plugins.sequence import run_folder
from mer_plugins.sequence.plan import Plan
from mer_plugins.sequence.run_folder import RunError

_HEARD, _HELD_OUT = "recordings", "held_out"
_TOLD = 3


def check_run(folder: Path, plan: Plan, heard: Set[str], held_out: Set[str]) -> None:
    """Find that a folder holds a plan's run, done or begun, or nothing yet.

    Parameters
    ----------
    folder : pathlib.Path
        Need not exist.
    plan : Plan
        What the run is to be.
    heard, held_out : sets of str
        Names of the songs it may be trained on, and of those it may leave out. A run need not
        have all of them, as recordings that cannot be read are in none, and may have others, whose
        labels are too short to be scored.

    Raises
    ------
    RunError
        If the folder holds something else; one line tells what, and what to do.
    """
    if not any(folder.glob("[!.]*")):
        return
    wanted = json.loads(json.dumps(plan.settings))
    found = run_folder.settings_in(folder)
    # Of the songs as they were read, which only training does; --resume compares it.
    found.pop("labels", None)
    songs = {kind: {str(name) for name in found.pop(kind, ())} for kind in (_HELD_OUT, _HEARD)}
    differing = [
        *_differences(_flat(found), _flat(wanted)),
        *_strangers("left out", songs[_HELD_OUT] & heard, "only songs of", plan),
        *_strangers("trained on", songs[_HEARD] & held_out, "no song of", plan),
        *_strangers("trained on", _foreign(songs[_HEARD], heard | held_out), "no song of", plan),
    ]
    if differing:
        more = f"; and {len(differing) - _TOLD} more" if len(differing) > _TOLD else ""
        raise RunError(
            f"{folder}: holds another run: {'; '.join(differing[:_TOLD])}{more}: choose another -o "
            "or remove this folder"
        )


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    for key in {**wanted, **found}:
        if found.get(key) != wanted.get(key):
            yield f"{key} is {short(found.get(key))}, expected {short(wanted.get(key))}"


def _foreign(names: set[str], known: Set[str]) -> set[str]:
    """Return the songs of a run on another collection: none is known here."""
    return set() if names & known else names


def _strangers(what: str, names: Set[str], which: str, plan: Plan) -> Iterator[str]:
    if names:
        yield (
            f"{what} were {len(names)} others such as {min(names)}, expected {which} fold "
            f"{plan.data['fold']} ({plan.data['folds']})"
        )


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by name, as ``recipe.epochs``."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        inner = _flat(value) if isinstance(value, dict) else None
        found |= {f"{key}.{name}": one for name, one in inner.items()} if inner else {key: value}
    return found
