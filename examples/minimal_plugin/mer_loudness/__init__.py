"""Registers the plugin; imports nothing that takes time."""

from mer_plugins import hookimpl
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec

INFO = ExtractorInfo(
    name="loudness",
    version="1.0",
    summary="a toy: level as arousal, valence always 0",
    licence="MIT",
    citation="none: a toy of the mer-plugins examples",
)


@hookimpl
def mer_extractors() -> list[ExtractorSpec]:
    return [ExtractorSpec(INFO, "mer_loudness.extractor:Loudness")]
