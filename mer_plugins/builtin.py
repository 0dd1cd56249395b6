"""The host's own engines and writers, registered through the same hooks as everything else."""

from __future__ import annotations

from mer_plugins import hookimpl
from mer_plugins.contracts import EngineSpec, WriterSpec


@hookimpl
def mer_engines() -> list[EngineSpec]:
    """Register the engines of this package."""
    return [
        EngineSpec("local", "mer_plugins.engines.local:LocalEngine", "processes on this machine"),
        EngineSpec("serial", "mer_plugins.engines.serial:SerialEngine", "no processes; for tests"),
        EngineSpec(
            "ray",
            "mer_plugins.engines.ray:RayEngine",
            "a Ray cluster of many machines",
            counts_workers=True,
        ),
    ]


@hookimpl
def mer_writers() -> list[WriterSpec]:
    """Register the formats of this package."""
    return [
        WriterSpec("csv", ".csv", "mer_plugins.writers:write_csv", "time,valence,arousal[,std]"),
        WriterSpec(
            "audacity", ".txt", "mer_plugins.writers:write_audacity", "Audacity label track"
        ),
        WriterSpec(
            "deam-csv",
            ".csv",
            "mer_plugins.wide_tables:write_deam_csv",
            "valence.csv and arousal.csv: a row a song, a column a time, as DEAM has them",
            collects=True,
        ),
        WriterSpec(
            "parquet",
            ".parquet",
            "mer_plugins.parquet_tables:write_parquet",
            "a table of all, audformat's index (file, start, end); needs the extra parquet",
            collects=True,
            one_file=True,
            by_recording=True,
        ),
        WriterSpec(
            "sonic-visualiser",
            ".svl",
            "mer_plugins.sonic_visualiser:write_sonic_visualiser",
            "two Sonic Visualiser layers; -p sample_rate=48000 for recordings not of 44100 Hz",
        ),
        WriterSpec("webvtt", ".vtt", "mer_plugins.writers:write_webvtt", "subtitles for players"),
    ]
