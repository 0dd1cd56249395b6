"""Emotion curves as layers of Sonic Visualiser: one .svl file with a layer for each dimension."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from mer_plugins.curves import DIMENSIONS, EmotionCurve, FloatArray
from mer_plugins.display import COLOURS
from mer_plugins.errors import MerError
from mer_plugins.writers import rounded_number, write_text

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE sonic-visualiser>\n'
_LINES = "3"


def write_sonic_visualiser(curve: EmotionCurve, path: Path, sample_rate: int = 44_100) -> None:
    """Write two layers of time and value, to be opened with File > Import Annotation Layer.

    Parameters
    ----------
    curve : EmotionCurve
        An empty one gives two layers without points.
    path : pathlib.Path
        The .svl file.
    sample_rate : int
        Rate in which times are counted, in Hz. Sonic Visualiser takes frames for those of the
        recording it shows, so it must be the recording's own rate.

    Raises
    ------
    MerError
        If `sample_rate` is not a positive whole number.

    Notes
    -----
    Each interval is a point at its start. The model is the one Sonic Visualiser calls sparse: its
    dense models of one dimension are always audio files, and it reads no others.

    Source: Sonic Visualiser, svapp/framework/SVFileReader.cpp, ``readModel`` and ``readLayer``.
    """
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, int) or sample_rate < 1:
        raise MerError(f"sample_rate is {sample_rate!r}: expected a rate in Hz, such as 44100")
    root = ElementTree.Element("sv")
    data, display = ElementTree.SubElement(root, "data"), ElementTree.SubElement(root, "display")
    frames = [round(float(time) * sample_rate) for time in curve.times]
    for column, dimension in enumerate(DIMENSIONS):
        model = str(3 * column + 1)
        _add_model(data, int(model), dimension, frames, curve, sample_rate)
        _add_points(data, int(model) + 1, frames, curve.values[:, column])
        _add_layer(display, int(model) + 2, dimension, model)
    ElementTree.indent(root)
    write_text(_HEAD + ElementTree.tostring(root, encoding="unicode") + "\n", path)


def _add_model(
    data: ElementTree.Element,
    number: int,
    dimension: str,
    frames: list[int],
    curve: EmotionCurve,
    sample_rate: int,
) -> None:
    hop = max(1, round(curve.hop_s * sample_rate))
    attributes = {
        "id": number,
        "name": dimension,
        "sampleRate": sample_rate,
        "start": frames[0] if frames else 0,
        "end": frames[-1] + hop if frames else 0,
        "type": "sparse",
        "dimensions": 2,
        "resolution": hop,
        "notifyOnAdd": "true",
        "dataset": number + 1,
        "minimum": -1,
        "maximum": 1,
        "units": "",
    }
    ElementTree.SubElement(data, "model", {k: str(v) for k, v in attributes.items()})


def _add_points(
    data: ElementTree.Element, number: int, frames: list[int], values: FloatArray
) -> None:
    dataset = ElementTree.SubElement(data, "dataset", {"id": str(number), "dimensions": "2"})
    for frame, value in zip(frames, values, strict=True):
        text = f"{rounded_number(value, 6):.6f}"
        ElementTree.SubElement(dataset, "point", frame=str(frame), value=text, label="")


def _add_layer(display: ElementTree.Element, number: int, dimension: str, model: str) -> None:
    attributes = {
        "id": str(number),
        "type": "timevalues",
        "name": dimension,
        "model": model,
        "plotStyle": _LINES,
        "colourName": dimension,
        "colour": COLOURS[dimension],
        "darkBackground": "false",
    }
    ElementTree.SubElement(display, "layer", attributes)
