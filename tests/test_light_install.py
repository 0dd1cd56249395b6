"""What a plain installation, without any extra, does: annotate at full speed, and say what it lacks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

SONG = Path(__file__).resolve().parents[1] / "examples/collection/joplin-maple-leaf-rag.ogg"
EXTRAS = (
    *("torch", "onnx", "einops", "jams", "mir_eval", "pandas", "scipy"),
    *("matplotlib", "plotly", "PIL", "jinja2", "markupsafe"),
)
MAIN = "import sys; from mer_plugins.cli import main; sys.exit(main())"


@pytest.fixture
def mer(without):
    run = without(*EXTRAS)
    return lambda *arguments: run("-c", MAIN, *arguments)


@pytest.fixture
def annotated(tmp_path, mer):
    shutil.copy(SONG, tmp_path)
    done = mer("extract", "--plugin", "damff", "--workers", "1", tmp_path / SONG.name)
    assert (done.returncode, done.stdout.strip()) == (0, "done 1, already done 0, failed 0"), done
    return tmp_path


def test_a_recording_is_annotated_and_read(annotated, mer):
    stored = json.loads((annotated / SONG.with_suffix(".jams").name).read_text())
    assert len(stored["annotations"][0]["data"]) == 73
    for arguments in (
        ["summary", annotated],
        ["status", annotated],
        ["export", annotated, "--format", "csv", "-o", annotated / "csv"],
        ["listen", annotated / SONG.name],
        ["plugins"],
        ["plugins", "check", "damff"],
        ["datasets", "list"],
        ["completions", "bash"],
        ["new-plugin", "slow-mood", "-o", annotated / "new"],
    ):
        done = mer(*arguments)
        assert done.returncode == 0, done


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["plot", "{}"], "mer plot needs matplotlib: pip install 'mer-plugins[analysis]'"),
        (["report", "{}", "-o", "{}/r.html"], "mer report needs jinja2, matplotlib and plotly: "),
        (["evaluate", "--reference", "{}", "-P", "damff", "-o", "{}/o"], "mer evaluate needs "),
        (["reproduce", "table1", "--data", "{}", "-o", "{}/o"], "needs torch, onnx, scipy and "),
        (["train", "-P", "damff", "--data", "{}", "-o", "{}/r"], "training needs torch, onnx and "),
    ],
)
def test_what_needs_an_extra_says_which(arguments, complaint, tmp_path, mer):
    done = mer(*(argument.format(tmp_path) for argument in arguments))
    (line,) = done.stderr.strip().splitlines()
    assert done.returncode == 2 and line.startswith("error: ") and complaint in line, done
    assert "pip install 'mer-plugins[" in line


def test_a_curve_without_pandas_and_matplotlib(without):
    code = (
        "import numpy as np; from mer_plugins import EmotionCurve\n"
        "from mer_plugins.errors import PackageError\n"
        "curve = EmotionCurve(np.array([0.0]), np.zeros((1, 2)), 0.5)\n"
        "print(curve._repr_png_())\n"
        "try: curve.to_pandas()\n"
        "except PackageError as exc: print(exc)"
    )
    done = without(*EXTRAS)("-c", code)
    lines = ["None", "a table needs pandas: pip install 'mer-plugins[analysis]'"]
    assert done.stdout.splitlines() == lines, done
