"""Checks that the baselines' configurations share."""

from __future__ import annotations


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


def check_at_least_zero(config: object, *names: str) -> None:
    """Raise ValueError unless each named field is a finite number that is not negative."""
    for name in names:
        number = getattr(config, name)
        if not 0 <= number < float("inf"):
            raise ValueError(f"{name} is {number!r}: expected a number from 0 up")
