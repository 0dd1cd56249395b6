"""Write a comparison into a folder: results, rows a song, tables and pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mer_plugins.atomic import replacing
from mer_plugins.evaluation.comparison import Comparison
from mer_plugins.evaluation.figures import plot_comparison
from mer_plugins.evaluation.reference import EvaluationError
from mer_plugins.evaluation.results import per_song_csv, to_dict
from mer_plugins.evaluation.song_curves import CURVES, to_bytes
from mer_plugins.evaluation.tables import latex, markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def results_text(comparison: Comparison) -> str:
    """Return ``results.json``."""
    return json.dumps(to_dict(comparison), indent=1, ensure_ascii=False) + "\n"


def write(comparison: Comparison, folder: Path) -> None:
    """Write ``results.json``, ``per_song.csv``, ``curves.npz``, ``table.*`` and ``scores.*``.

    Raises
    ------
    EvaluationError
        If the disk does not take them.
    """
    texts = {
        "results.json": results_text(comparison),
        "per_song.csv": per_song_csv(comparison),
        "table.md": markdown(comparison),
        "table.tex": latex(comparison),
    }
    # A song's name that is no UTF-8 stands as the bytes that it is.
    files = {name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()}
    files |= pictures(plot_comparison(comparison), "scores")
    files[CURVES] = to_bytes(comparison.songs, [s.system for s in comparison.systems], folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(folder / name) as file:
                file.write(content)
    except OSError as exc:
        raise EvaluationError(f"{folder}: cannot be written ({exc.strerror or exc})") from exc


def pictures(figure: Figure, stem: str) -> dict[str, bytes]:
    """Return a figure as the files ``stem.png`` and ``stem.svg``."""
    found = {}
    for suffix in ("png", "svg"):
        picture = io.BytesIO()
        figure.savefig(picture, format=suffix, dpi=150)
        found[f"{stem}.{suffix}"] = picture.getvalue()
    return found
