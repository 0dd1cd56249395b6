"""``mer summary``: each curve in a few numbers, as a whole or segment by segment."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mer_plugins.cli.bar import Passing
from mer_plugins.cli.options import NOTHING_FOUND, jams_argument
from mer_plugins.errors import MerError

if TYPE_CHECKING:
    from mer_plugins.curves import EmotionCurve
    from mer_plugins.segments import Segment
    from mer_plugins.stored_curves import StoredCurves
    from mer_plugins.summary import CurveSummary


@dataclass(frozen=True)
class _Row:
    file: str
    curve: str
    segment: Segment | None
    summary: CurveSummary | None
    changes: tuple[float, ...] | None = None

    def place(self) -> dict[str, object]:
        segment = {} if self.segment is None else asdict(self.segment)
        return {"file": self.file, "curve": self.curve, **segment}


@click.command("summary", context_settings={"help_option_names": ["-h", "--help"]})
@jams_argument
@click.option(
    "--segments-from",
    "namespace",
    metavar="NAMESPACE",
    help="One line a segment of the first annotation of this JAMS namespace in each file: "
    "segment_open, chord, ...; beat and other instants last until the next.",
)
@click.option(
    "--change-points",
    "with_changes",
    is_flag=True,
    help="Of whole curves, the moments too at which they move to another level.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line of the table.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, with a header.")
def command(
    inputs: tuple[Path, ...],
    namespace: str | None,
    with_changes: bool,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Tell of each valence-arousal curve its mean, range and share of time in each quadrant.

    With --segments-from, of each segment instead, and the trend: the slope of the line that fits
    best. The last word is the region of Russell's circumplex that the mean is nearest to, such as
    distress or contentment: a place in the plane, not what anybody said of the music.

    \b
    Examples:
      mer summary collection/
      mer summary song.jams --json
      mer summary song.jams --change-points
      mer summary song.jams --segments-from segment_open
      mer summary collection/ --segments-from beat --csv > beats.csv
    """  # noqa: D301
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other: give one of them")
    if with_changes and namespace:
        raise click.UsageError("--change-points is of whole curves: leave --segments-from away")
    with Passing("tracks") as progress:
        rows = list(_rows(inputs, namespace, with_changes, progress))
    if rows:
        (_json if as_json else _csv if as_csv else _table)(rows)
    else:
        wanted = "a valence-arousal curve" + (" and such segments" if namespace else "")
        click.echo(f"nothing found: no JAMS with {wanted}", err=True)
    return 0 if rows else NOTHING_FOUND


def _rows(
    inputs: tuple[Path, ...], namespace: str | None, with_changes: bool, progress: Passing
) -> Iterator[_Row]:
    from mer_plugins.change_points import change_points
    from mer_plugins.stored_curves import stored_curves
    from mer_plugins.summary import summarise

    for file in stored_curves(inputs, _failed, _left_out, progress.over):
        for label, curve in file.curves:
            if namespace is None:
                changes = tuple(change_points(curve)) if with_changes else None
                yield _Row(file.shown, label, None, summarise(curve), changes)
                continue
            try:
                yield from _segment_rows(file, label, curve, namespace)
            except MerError as exc:
                _failed(file.shown, str(exc))
                break


def _segment_rows(
    file: StoredCurves, label: str, curve: EmotionCurve, namespace: str
) -> Iterator[_Row]:
    from mer_plugins.segments import segments, summarise_segments

    end_s = float(curve.times[-1]) + curve.hop_s
    for segment, summary in summarise_segments(curve, segments(file.jams, namespace, end_s)):
        yield _Row(file.shown, label, segment, summary)


def _failed(shown: str, reason: str) -> None:
    click.echo(f"{shown}: {reason}", err=True)


def _left_out(label: str, reason: str) -> None:
    click.echo(f"warning: annotation {label!r} is left out: {reason}", err=True)


def _json(rows: Sequence[_Row]) -> None:
    from mer_plugins.summary import FIELDS

    for row in rows:
        summary = row.summary.to_dict() if row.summary else dict.fromkeys(FIELDS)
        changes = {} if row.changes is None else {"change_points_s": row.changes}
        click.echo(json.dumps({**row.place(), **summary, **changes}))


def _csv(rows: Sequence[_Row]) -> None:
    from mer_plugins.summary import COLUMNS

    places = [row.place() for row in rows]
    # Through Python's own stream, whose line ends click does not alter.
    last = [] if rows[0].changes is None else ["change_points_s"]
    table = csv.DictWriter(sys.stdout, [*places[0], *COLUMNS, *last], lineterminator="\n")
    table.writeheader()
    for place, row in zip(places, rows, strict=True):
        cells = row.summary.to_row() if row.summary else {}
        shown = {k: v if isinstance(v, str) else f"{v:.6g}" for k, v in cells.items()}
        changes = {name: " ".join(f"{t:.6g}" for t in row.changes or ()) for name in last}
        table.writerow({**place, **shown, **changes})


def _table(rows: Sequence[_Row]) -> None:
    from rich.console import Console
    from rich.table import Table

    from mer_plugins.summary import QUADRANT_NAMES

    by_segment = rows[0].segment is not None
    dimensions = [
        name
        for dimension in ("valence", "arousal")
        for name in (dimension, "range", *(["trend/s"] if by_segment else []))
    ]
    places = ["file", "curve", *(["segment", "from", "to"] if by_segment else [])]
    last = ["region", *([] if rows[0].changes is None else ["changes at"])]
    headings = (*places, "length", *dimensions, *QUADRANT_NAMES, *last)
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*_cells(row))
    # Off a terminal, as wide as it needs to be: a pipe has no width to wrap at.
    console = Console(markup=False, highlight=False)
    console.print(table) if console.is_terminal else Console(
        width=200, markup=False, highlight=False
    ).print(table)


def _cells(row: _Row) -> Iterator[str]:
    yield from (row.file, row.curve)
    if row.segment is not None:
        yield from (row.segment.label, f"{row.segment.start_s:.2f}", f"{row.segment.end_s:.2f}")
    if (s := row.summary) is None:
        yield "no value"
        return
    yield f"{s.duration_s:.1f} s" if row.segment is None else f"{s.duration_s:.2f} s"
    for mean, low, high, trend in zip(s.mean, s.low, s.high, s.trend_per_second, strict=True):
        yield from (f"{mean:+.2f}", f"{low:+.2f} to {high:+.2f}")
        if row.segment is not None:
            yield f"{trend:+.3f}"
    yield from (f"{share:.0%}" for share in s.quadrants)
    yield s.region
    if row.changes is not None:
        yield ", ".join(f"{time:g} s" for time in row.changes) or "none"
