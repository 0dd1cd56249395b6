"""Register the data sets of this package."""

from __future__ import annotations

from mer_adapters.datasets import four_q, vgmidi
from mer_plugins import hookimpl
from mer_plugins.contracts import DatasetSpec


@hookimpl
def mer_datasets() -> list[DatasetSpec]:
    """Register what this package knows to read; no file is opened."""
    return [
        DatasetSpec(four_q.INFO, "mer_adapters.datasets.four_q:FourQ"),
        DatasetSpec(vgmidi.INFO, "mer_adapters.datasets.vgmidi:VGMIDI"),
    ]
