"""The paper's table beside the one made here: the same rows, columns and footnotes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mer_plugins.evaluation.comparison import Comparison
from mer_plugins.evaluation.scoring import AGGREGATIONS
from mer_plugins.evaluation.tables import SHOWN
from mer_plugins.reproduction.scoring import is_unlistening, not_significant
from mer_plugins.studies import COLUMNS, Study

_NOT_SIGNIFICANT = "°"
_PAPER_MARK = "*"
_OURS = "†"


def blocks(study: Study, comparison: Comparison) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield each block's heading and rows: what the paper printed, then each aggregation here."""
    for corpus in dict.fromkeys(c for row in study.rows for c in row.published):
        marked = study.not_significant.get(corpus, ())
        rows = [
            [row.label, *(_published(v, i in marked) for i, v in enumerate(row.published[corpus]))]
            for row in study.rows
            if corpus in row.published
        ]
        yield f"the paper, {corpus}", rows
    same = not_significant(comparison)
    for aggregation in AGGREGATIONS:
        rows = []
        for scored in comparison.systems:
            marks = same.get(scored.system.name, set()) if aggregation == AGGREGATIONS[0] else set()
            values = [scored.scores[aggregation, d, m].value for d, m in COLUMNS]
            name = f"{scored.system.name}{_OURS if is_unlistening(scored) else ''}"
            rows.append([name, *(_found(v, i in marks) for i, v in enumerate(values))])
        yield f"here, {aggregation}", rows


def _published(value: float, marked: bool) -> str:
    return f"{value:.4f}{_PAPER_MARK if marked else ''}"


def _found(value: float, marked: bool) -> str:
    return f"{value:.4f}{_NOT_SIGNIFICANT if marked else ''}" if value == value else "undefined"


def headings() -> list[str]:
    """Return the headings of the rows of :func:`blocks`."""
    return ["", *(f"{dimension} {SHOWN[metric]}" for dimension, metric in COLUMNS)]


def footnotes(study: Study, comparison: Comparison) -> list[str]:
    """Tell what the marks and the blocks mean."""
    first = comparison.systems[0].system.name
    found = [
        f"{_NOT_SIGNIFICANT} not significantly different from {first} (per-song, paired t test "
        "over songs, 5 %, Holm's rule over the study's rows).",
        f"{_OURS} ours, not the paper's: does not listen, fitted on the labels of the other folds, "
        "not tested.",
        "Per-song: the paper's aggregation, the mean over songs of the score in each; pooled: over "
        "all half seconds; song-level: over the songs' means.",
    ]
    if study.not_significant:
        found.insert(0, f"{_PAPER_MARK} no significant difference (the paper, Student's t test).")
    return found


def markdown(study: Study, comparison: Comparison, facts: Sequence[str]) -> str:
    """Return the page of a study: what was run, the blocks, the footnotes."""
    source = f"{study.source}, and the same trained and scored here."
    parts = [f"# {study.title}", "", source, "", *(f"- {fact}" for fact in facts)]
    for heading, rows in blocks(study, comparison):
        parts.append(f"\n## {heading[0].upper()}{heading[1:]}\n")
        parts += [_line(headings()), _line(["---", *["---:"] * len(COLUMNS)])]
        parts += [_line(row) for row in rows]
    parts += ["", *(f"{note}  " for note in footnotes(study, comparison))]
    return "\n".join(parts) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def published(study: Study) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return the paper's figures as JSON types: corpus, row, column."""
    names = [f"{dimension} {metric}" for dimension, metric in COLUMNS]
    return {
        corpus: {
            row.label: dict(zip(names, row.published[corpus], strict=True))
            for row in study.rows
            if corpus in row.published
        }
        for corpus in dict.fromkeys(c for row in study.rows for c in row.published)
    }
