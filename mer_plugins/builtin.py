"""The host's own predictors, engines and writers, registered through the same hooks as all else."""

from __future__ import annotations

from mer_plugins import hookimpl
from mer_plugins.contracts import EngineSpec, ExtractorSpec, WriterSpec


@hookimpl
def mer_extractors() -> list[ExtractorSpec]:
    """Register the predictors that do not listen."""
    from mer_plugins.baselines.trivial import GLOBAL_MEAN, MEAN_TRAJECTORY

    module = "mer_plugins.baselines.trivial"
    return [
        ExtractorSpec(GLOBAL_MEAN, f"{module}:GlobalMean"),
        ExtractorSpec(MEAN_TRAJECTORY, f"{module}:MeanTrajectory"),
    ]


@hookimpl
def mer_engines() -> list[EngineSpec]:
    """Register the engines of this package."""
    return [
        EngineSpec("local", "mer_plugins.engines.local:LocalEngine", "processes on this machine"),
        EngineSpec("serial", "mer_plugins.engines.serial:SerialEngine", "no processes; for tests"),
    ]


@hookimpl
def mer_writers() -> list[WriterSpec]:
    """Register the formats of this package."""
    return [
        WriterSpec("csv", ".csv", "mer_plugins.writers:write_csv", "time,valence,arousal[,std]"),
        WriterSpec(
            "audacity", ".txt", "mer_plugins.writers:write_audacity", "Audacity label track"
        ),
    ]
