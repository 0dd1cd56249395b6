"""The table of a comparison: for a terminal, for Markdown and for LaTeX, from the same cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.table import Table

from mer_plugins.curves import DIMENSIONS
from mer_plugins.evaluation.comparison import AGGREGATIONS, Comparison, Score, Scored
from mer_plugins.evaluation.leaks import leak_text
from mer_plugins.evaluation.statistics import METRICS, RESAMPLES

SHOWN = {"ccc": "CCC", "pcc": "PCC", "rmse": "RMSE", "r2": "R2"}
_LATEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
_LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
Rows = list[list[str]]


def headings() -> list[str]:
    """Return the headings of :func:`rows`."""
    return ["system", "scores", "dimension", *(SHOWN[m] for m in METRICS), "notes"]


def rows(comparison: Comparison) -> Rows:
    """Return one row of texts a system, aggregation and dimension; intervals are 95 %."""
    found = []
    for aggregation in AGGREGATIONS:
        for scored in comparison.systems:
            for dimension in DIMENSIONS:
                cells = [shown(scored.scores[aggregation, dimension, m]) for m in METRICS]
                note = "; ".join(_notes(comparison, scored, aggregation, dimension))
                found.append([scored.system.name, aggregation, dimension, *cells, note])
    return found


def shown(score: Score) -> str:
    """Return a score with its interval, as ``+0.52 [+0.41, +0.60]``."""
    if math.isnan(score.value):
        return "undefined"
    if math.isnan(score.low):
        return f"{score.value:.3f}"
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"


def test_rows(comparison: Comparison) -> Rows:
    """Return one row of texts a paired test; p values are adjusted by Holm's rule."""
    return [
        [
            f"{test.system} - {test.against}",
            f"per-song {test.dimension} {SHOWN[test.metric]}",
            str(test.songs),
            shown(test.difference),
            _p(test.wilcoxon_p_holm),
            _p(test.t_p_holm),
        ]
        for test in comparison.tests
    ]


TEST_HEADINGS = ("systems", "score", "songs", "mean difference", "Wilcoxon p (Holm)", "t p (Holm)")


def terminal_tables(comparison: Comparison) -> tuple[Table, Table]:
    """Lay out the scores and the tests for a terminal."""
    return _rich(headings(), rows(comparison)), _rich(TEST_HEADINGS, test_rows(comparison))


def caption(comparison: Comparison) -> str:
    """Tell in two sentences what the numbers are."""
    frames = sum(len(song.labels) for song in comparison.songs)
    return (
        f"{len(comparison.songs)} songs, {frames} labelled half seconds; 95 % intervals from "
        f"{RESAMPLES} bootstraps over songs. Per-song: mean over songs of the score in each; "
        "pooled: over all half seconds; song-level: over the songs' means."
    )


def markdown(comparison: Comparison) -> str:
    """Return both tables as Markdown."""
    parts = [caption(comparison), *(f"Warning: {text}" for text in comparison.warnings)]
    parts.append(_pipe(headings(), rows(comparison)))
    if comparison.tests:
        parts.append(_pipe(TEST_HEADINGS, test_rows(comparison)))
    return "\n\n".join(parts) + "\n"


def latex(comparison: Comparison) -> str:
    """Return the scores as a ``tabular`` of plain LaTeX, without packages."""
    lines = [f"% {caption(comparison)}", *(f"% Warning: {text}" for text in comparison.warnings)]
    lines += [r"\begin{tabular}{lllrrrrl}", r"\hline"]
    table = [headings(), *rows(comparison)]
    body = [" & ".join(map(_escaped, row)) + r" \\" for row in table]
    lines += [body[0], r"\hline", *body[1:], r"\hline", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _notes(
    comparison: Comparison, scored: Scored, aggregation: str, dimension: str
) -> Iterator[str]:
    undefined = scored.undefined[dimension]
    if aggregation == AGGREGATIONS[0] and undefined:
        yield f"PCC undefined in {undefined} of {len(scored.pairs)} songs"
    if len(scored.pairs) < len(comparison.songs):
        yield f"{len(scored.pairs)} of {len(comparison.songs)} songs"
    if leak := leak_text(scored.leak, len(comparison.songs)):
        yield leak


def _rich(names: Sequence[str], found: Rows) -> Table:
    table = Table(*names, box=None, pad_edge=False)
    for row in found:
        table.add_row(*row)
    return table


def _pipe(names: Sequence[str], found: Rows) -> str:
    table = [list(names), ["---"] * len(names), *found]
    return "\n".join(f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |" for r in table)


def _p(value: float) -> str:
    if math.isnan(value):
        return "undefined"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _escaped(text: str) -> str:
    return "".join(_LATEX.get(letter, letter) for letter in text)
