"""A plugin for the fault tests: light, exact, and in trouble on request."""

from dataclasses import replace

from mer_plugins import hookimpl
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec

INFO = ExtractorInfo(
    name="probe", version="1.0", min_duration_s=0.01, checkpoint="mer_probe:checkpoint.json"
)
OTHER = replace(INFO, name="probe-other")


@hookimpl
def mer_extractors() -> list[ExtractorSpec]:
    return [
        ExtractorSpec(INFO, "mer_probe.extractor:Probe"),
        ExtractorSpec(OTHER, "mer_probe.extractor:Other"),
    ]
