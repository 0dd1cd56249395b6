"""Checks that the settings of networks, front ends and recipes share.

On the command line a value that is no JSON is a text, and every text but the empty one is true:
what is not looked at here would switch something on that was to be off.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

_ONE = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
_SEVERAL = {int: "whole numbers", float: "numbers", str: "texts"}


def check_types(config: Any) -> None:
    """Raise ValueError unless each field of a dataclass is of the type that it declares.

    Looked at are bool, int, float, str, Literal and tuples of these; others may hold anything.
    Whole numbers do where numbers are expected, and true and false for no number.
    """
    kinds = get_type_hints(type(config))
    for entry in fields(config):
        value, kind = getattr(config, entry.name), kinds[entry.name]
        if not _is_of(value, kind):
            raise ValueError(f"{entry.name} is {value!r}: expected {_described(kind)}")


def _is_of(value: Any, kind: Any) -> bool:
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if get_origin(kind) is tuple:
        one, count = _members(kind)
        fits = isinstance(value, tuple) and len(value) == (count or len(value))
        return fits and all(_is_of(member, one) for member in value)
    if kind is float:
        return type(value) is int or isinstance(value, float)
    return kind not in _ONE or type(value) is kind


def _described(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    if get_origin(kind) is tuple:
        one, count = _members(kind)
        return f"{count or 'some'} {_SEVERAL[one]}"
    return _ONE[kind]


def _members(kind: Any) -> tuple[Any, int]:
    """Return of what a tuple is and of how many, 0 for any number."""
    one, *others = get_args(kind)
    return one, 0 if Ellipsis in others else 1 + len(others)


def check_sizes(config: object, *names: str) -> None:
    """Raise ValueError unless each named field is a whole number from 1 up."""
    for name in names:
        size = getattr(config, name)
        if type(size) is not int or size < 1:
            raise ValueError(f"{name} is {size!r}: expected a whole number from 1 up")


def check_tuple(config: object, name: str, length: int | None, *, odd: bool = False) -> None:
    """Raise ValueError unless a field is `length` (None: any) whole (odd) numbers from 1 up."""
    sizes = getattr(config, name)
    fits = isinstance(sizes, tuple) and len(sizes) == (length or max(1, len(sizes)))
    if not fits or any(type(s) is not int or s < 1 or (odd and s % 2 == 0) for s in sizes):
        kind = "odd whole numbers" if odd else "whole numbers"
        raise ValueError(f"{name} is {sizes!r}: expected {length or 'some'} {kind} from 1 up")


def check_dropout(dropout: float) -> None:
    """Raise ValueError unless `dropout` is at least 0 and less than 1."""
    if not 0 <= dropout < 1:
        raise ValueError(f"dropout is {dropout!r}: expected at least 0 and less than 1")


def check_above_zero(config: object, *names: str) -> None:
    """Raise ValueError unless each named field is a finite number above 0."""
    for name in names:
        number = getattr(config, name)
        if not 0 < number < float("inf"):
            raise ValueError(f"{name} is {number!r}: expected a positive number")


def check_shares(config: object, *names: str) -> None:
    """Raise ValueError unless each named field is from 0 to 1."""
    for name in names:
        share = getattr(config, name)
        if not 0 <= share <= 1:
            raise ValueError(f"{name} is {share!r}: expected a share from 0 to 1")


def check_range(config: object, name: str) -> None:
    """Raise ValueError unless a field is a pair of finite numbers, the lower one first."""
    low, high = getattr(config, name)
    if not -float("inf") < low <= high < float("inf"):
        raise ValueError(f"{name} is {(low, high)!r}: expected two numbers, the lower one first")


def check_at_least_zero(config: object, *names: str) -> None:
    """Raise ValueError unless each named field is a finite number that is not negative."""
    for name in names:
        number = getattr(config, name)
        if not 0 <= number < float("inf"):
            raise ValueError(f"{name} is {number!r}: expected a number from 0 up")
