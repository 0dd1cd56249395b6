from mer_plugins import hookimpl
from mer_plugins.contracts import ExtractorInfo, ExtractorSpec

INFO = ExtractorInfo(
    name="loudness", version="1.0", summary="a toy: level as arousal", licence="MIT"
)


@hookimpl
def mer_extractors():
    return [ExtractorSpec(INFO, "mer_loudness.extractor:Loudness")]
