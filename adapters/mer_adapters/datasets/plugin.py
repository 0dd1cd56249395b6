"""Register the data sets of this package."""

from __future__ import annotations

from mer_adapters.datasets import deam, emomusic, four_q, mer1101, pmemo, vgmidi
from mer_plugins import hookimpl
from mer_plugins.contracts import DatasetSpec


@hookimpl
def mer_datasets() -> list[DatasetSpec]:
    """Register what this package knows to read; no file is opened."""
    return [
        DatasetSpec(deam.INFO, "mer_adapters.datasets.deam:DEAM"),
        DatasetSpec(emomusic.INFO, "mer_adapters.datasets.emomusic:EmoMusic"),
        DatasetSpec(four_q.INFO, "mer_adapters.datasets.four_q:FourQ"),
        DatasetSpec(mer1101.INFO, "mer_adapters.datasets.mer1101:MER1101"),
        DatasetSpec(pmemo.INFO, "mer_adapters.datasets.pmemo:PMEmo"),
        DatasetSpec(vgmidi.INFO, "mer_adapters.datasets.vgmidi:VGMIDI"),
    ]
