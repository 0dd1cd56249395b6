"""DAMFF (ISMIR 2023): dual attention-based multi-scale feature fusion for dynamic music emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from damff.extractor import DAMFF

__all__ = ["DAMFF"]


def __getattr__(name: str) -> Any:
    """Import :class:`DAMFF` when it is first asked for."""
    if name != "DAMFF":
        raise AttributeError(f"module 'damff' has no attribute {name!r}")
    from damff.extractor import DAMFF

    return DAMFF
