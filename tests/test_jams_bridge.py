"""The bridge to the jams library: there and back, and through a file of jams' own making."""

from __future__ import annotations

import jams
import numpy as np
import pytest

from mer_adapters.jams_bridge import from_jams, to_jams
from mer_plugins import EmotionCurve, Scale
from mer_plugins.errors import JamsError

CURVE = EmotionCurve(np.arange(4) * 0.5 + 15, np.linspace(-1, 1, 8).reshape(4, 2), 0.5)


@pytest.mark.parametrize("scale", [Scale(), Scale(1, 9, ("arousal", "valence")), Scale(0, 1)])
def test_there_and_back_through_a_file(tmp_path, scale):
    made = jams.JAMS(annotations=[to_jams(CURVE, scale)])
    made.file_metadata.duration = 20.0
    made.save(str(tmp_path / "a.jams"), strict=True)
    (found,) = jams.load(str(tmp_path / "a.jams"), strict=True).annotations
    curve = from_jams(found, scale)
    np.testing.assert_allclose(curve.times, CURVE.times)
    np.testing.assert_allclose(curve.values, CURVE.values, atol=1e-12)
    assert curve.hop_s == 0.5


def test_another_scale_than_stated_is_an_error():
    with pytest.raises(JamsError):
        from_jams(to_jams(CURVE, Scale(1, 9)))


def test_another_namespace_is_an_error():
    with pytest.raises(JamsError):
        from_jams(jams.Annotation("beat"))


def test_of_a_program_no_value_may_be_missing():
    annotation = to_jams(CURVE)
    annotation.append(time=60.0, duration=0.5, value=[float("nan"), 0.1], confidence=None)
    assert len(from_jams(annotation)) == len(CURVE)
    annotation.annotation_metadata.data_source = "program"
    with pytest.raises(JamsError, match="values reach nan"):
        from_jams(annotation)
