"""The table of a comparison: for a terminal, for Markdown and for LaTeX, from the same cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

from rich.table import Table

from mer_plugins.curves import DIMENSIONS
from mer_plugins.evaluation.comparison import Comparison, Scored
from mer_plugins.evaluation.leaks import leak_text
from mer_plugins.evaluation.reference import with_curves, with_quadrants
from mer_plugins.evaluation.scoring import AGGREGATIONS, AUC, QUADRANTS, Score
from mer_plugins.evaluation.statistics import RESAMPLES

SHOWN = {"ccc": "CCC", "pcc": "PCC", "rmse": "RMSE", "r2": "R2", "auc": "AUC"}
_LATEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
_LATEX |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
Rows = list[list[str]]
_CURVES = (
    "Per-song: mean over songs of the score in each; pooled: over all half seconds; song-level: "
    "over the songs' means."
)
_QUADRANTS = (
    "Quadrants: area under the ROC curve of the songs' mean valence against V+ and V-, of mean "
    "arousal against A+ and A-."
)


def headings(comparison: Comparison) -> list[str]:
    """Return the headings of :func:`rows`."""
    return ["system", "scores", "dimension", *(SHOWN[m] for m in _metrics(comparison)), "notes"]


def rows(comparison: Comparison) -> Rows:
    """Return one row of texts a system, aggregation and dimension; intervals are 95 %."""
    found = []
    for aggregation, scored, dimension in product(
        comparison.aggregations, comparison.systems, DIMENSIONS
    ):
        scores = [scored.scores.get((aggregation, dimension, m)) for m in _metrics(comparison)]
        if any(scores):
            cells = [shown(score) if score else "" for score in scores]
            note = "; ".join(_notes(comparison, scored, aggregation, dimension))
            found.append([scored.system.name, aggregation, dimension, *cells, note])
    return found


def _metrics(comparison: Comparison) -> list[str]:
    return list(dict.fromkeys(m for metrics in comparison.aggregations.values() for m in metrics))


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
            f"{'quadrants' if test.metric == AUC else 'per-song'} {test.dimension} "
            f"{SHOWN[test.metric]}",
            str(test.songs),
            shown(test.difference),
            "" if test.metric == AUC else _p(test.wilcoxon_p_holm),
            "" if test.metric == AUC else _p(test.t_p_holm),
        ]
        for test in comparison.tests
    ]


TEST_HEADINGS = ("systems", "score", "songs", "mean difference", "Wilcoxon p (Holm)", "t p (Holm)")


def terminal_tables(comparison: Comparison) -> tuple[Table, Table]:
    """Lay out the scores and the tests for a terminal."""
    return _rich(headings(comparison), rows(comparison)), _rich(
        TEST_HEADINGS, test_rows(comparison)
    )


def caption(comparison: Comparison) -> str:
    """Tell in two sentences what the numbers are."""
    curves, quadrants = with_curves(comparison.songs), with_quadrants(comparison.songs)
    frames = sum(len(song.labels) for song in curves)
    counts = f"{len(curves)} songs, {frames} labelled half seconds" if curves else ""
    marked = f"{len(quadrants)} songs with quadrants" if quadrants else ""
    rules = [_CURVES] * bool(curves) + [_QUADRANTS] * bool(quadrants)
    return (
        f"{'; '.join(filter(None, (counts, marked)))}; 95 % intervals from {RESAMPLES} bootstraps "
        f"over songs. {' '.join(rules)}"
    )


def markdown(comparison: Comparison) -> str:
    """Return both tables as Markdown."""
    parts = [caption(comparison), *(f"Warning: {text}" for text in comparison.warnings)]
    parts.append(_pipe(headings(comparison), rows(comparison)))
    if comparison.tests:
        parts.append(_pipe(TEST_HEADINGS, test_rows(comparison)))
    return "\n\n".join(parts) + "\n"


def latex(comparison: Comparison) -> str:
    """Return the scores as a ``tabular`` of plain LaTeX, without packages."""
    lines = [f"% {caption(comparison)}", *(f"% Warning: {text}" for text in comparison.warnings)]
    columns = f"lll{'r' * len(_metrics(comparison))}l"
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\hline"]
    table = [headings(comparison), *rows(comparison)]
    body = [" & ".join(map(_escaped, row)) + r" \\" for row in table]
    lines += [body[0], r"\hline", *body[1:], r"\hline", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _notes(
    comparison: Comparison, scored: Scored, aggregation: str, dimension: str
) -> Iterator[str]:
    if scored.note:
        yield scored.note
    undefined, is_quadrants = scored.undefined[dimension], aggregation == QUADRANTS
    if aggregation == AGGREGATIONS[0] and undefined:
        kind = "songs" if scored.curves == len(scored.pairs) else "raters' curves"
        yield f"PCC undefined in {undefined} of {scored.curves} {kind}"
    kept, known = (
        (with_quadrants(comparison.songs), scored.means)
        if is_quadrants
        else (with_curves(comparison.songs), scored.pairs)
    )
    if len(known) < len(kept):
        yield f"{len(known)} of {len(kept)} songs"
    labelled = sum(len(song.labels) for song in kept if song.name in known)
    if not is_quadrants and scored.curves == len(scored.pairs) and scored.frames < labelled:
        yield f"{scored.frames} of {labelled} half seconds"
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
