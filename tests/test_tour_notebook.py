"""The notebook of the examples runs from top to bottom, on a folder like the one it stands in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NOTEBOOK = EXAMPLES / "tour.ipynb"
SONGS = ("bach-chorale-and-joplin-rag", "mozart-k155-andante")


@pytest.fixture
def folder(tmp_path, commands):
    """Two of the recordings, beside which the notebook is run."""
    for song in SONGS:
        (tmp_path / "collection").mkdir(exist_ok=True)
        shutil.copy(EXAMPLES / "collection" / f"{song}.ogg", tmp_path / "collection")
    return tmp_path


@pytest.mark.timeout(900)
# The kernel's own packages warn of each other.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_the_notebook_runs(folder):
    pytest.importorskip("ipykernel", reason="needs the extra test: no ipykernel here")
    client = pytest.importorskip("nbclient", reason="needs the extra test: no nbclient here")
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    client.NotebookClient(notebook, timeout=600, resources=resources).execute()
    shown = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output
    ]
    assert sum("image/png" in output["data"] for output in shown) == 2
    texts = [output["data"]["text/plain"] for output in shown]
    scores = next(text for text in texts if "arousal ccc" in text)
    assert "nan" not in scores.lower() and all(song in scores for song in SONGS)
    for song in SONGS:
        assert (folder / "annotations" / f"{song}.jams").is_file()
        table = pd.read_csv(folder / "tables" / f"{song}.csv")
        assert len(table) > 60 and table["valence"].between(-1, 1).all()


def test_it_is_kept_without_outputs():
    cells = [cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if "outputs" in cell]
    assert 6 <= len(cells) <= 12
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
