"""Every system on every test set, in one page: ``docs/results/leaderboard.md``.

    python benchmarks/leaderboard.py --deam CLIPS --folds-csv songs.csv --quadrants 4q \\
        --vgmidi vgmidi --folds damff-held-out -o out docs/results/leaderboard.md

Each board is one ``mer evaluate``, which does nothing twice, and one section of the page; sections
of boards that are not asked for stay. On none is a system scored on songs, artists or series that
it was trained on: on ``deam`` damff is the bundled model and only songs of fold 0 count; elsewhere
``--folds RUN`` holds damff's curves, each by a model that had not heard the song, such as
held_out.py writes; a run of ``--years`` was trained with a table whose one fold is a year, and is
scored on it. ``--results`` adds the systems of an evaluation of the very same songs that was made
elsewhere, such as that of ``mer reproduce table2``. ``--keep`` keeps the rows of systems that are
not evaluated again, which is right where neither they nor the songs have changed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from machine import put_section

from damff.plugin import INFO

# Trained on DEAM alone, without fold 0.
SYSTEMS = ("bcrsn", "crnn", "dnn", "mcrnn", "ridge-librosa")
DIMENSIONS = ("arousal", "valence")
Cells = dict[str, str]


@dataclass(frozen=True)
class Board:
    """One test set: a heading, what `mer evaluate` gets, and which scores are shown."""

    name: str
    title: str
    words: tuple[str, ...]
    shown: tuple[tuple[str, str], ...]


HEADER = """# Leaderboard

Made from `results.json` of `mer evaluate` by the command below each board; 95 % intervals over
songs in brackets. Each board says what nobody was trained on.
"""
CURVES = (("pooled", "ccc"), ("song-level", "pcc"), ("song-level", "r2"), ("per-song", "pcc"))
LEVELS = CURVES[:3]
TITLES = {"ccc": "CCC", "pcc": "r", "r2": "R2"}


def boards(options: argparse.Namespace) -> Iterator[Board]:
    """Yield the boards for which there is data, each with what is to be read for it alone."""
    for board in _boards(options):
        paths = paths_of(options.estimates, board.name)
        words = tuple(word for path in paths for word in ("--estimates", path))
        yield replace(board, words=(*board.words, *words))


def paths_of(named: list[str], board: str) -> list[str]:
    """Return the paths that are given as BOARD=PATH for this board."""
    return [path for name, _, path in (text.partition("=") for text in named) if name == board]


def _boards(options: argparse.Namespace) -> Iterator[Board]:
    others = tuple(options.systems)
    folds = ("--folds-csv", options.folds_csv) if options.folds_csv else ()
    held_out = ("--estimates", options.folds) if options.folds else ()
    if options.deam:
        words = ("--reference", options.deam, *folds, *plugins(INFO.name, *others), "--unheard")
        yield Board("deam", "DEAM clips, by artists that no system was trained on", words, LEVELS)
    if options.deam and held_out:
        words = ("--reference", options.deam, *folds, *held_out)
        yield Board("deam-folds", "DEAM clips, all five folds", words, LEVELS)
    if options.years:
        runs = [word for run in options.years for word in ("--estimates", run)]
        words = ("--reference", options.deam, *runs)
        title = (
            "DEAM clips of one collection year, trained on the other (predictors that do not "
            "listen: all clips)"
        )
        yield Board("years", title, words, LEVELS)
    if options.vgmidi:
        words = ("--reference", options.vgmidi, *held_out, *plugins(*others), "--unheard")
        yield Board("vgmidi", "VGMIDI, whole pieces of series not trained on", words, CURVES)
    if options.quadrants:
        words = ("--reference", options.quadrants, *held_out, *plugins(*others), "--unheard")
        yield Board("4q", "4Q, by artists not trained on", words, ())


def plugins(*names: str) -> tuple[str, ...]:
    """Return the words that name plugins."""
    return tuple(word for name in names for word in ("--plugin", name))


def evaluate(board: Board, folder: Path) -> dict:
    """Run `mer evaluate`, or take what it has written for the very same words."""
    target, asked = folder / board.name, folder / f"{board.name}.json"
    words = list(board.words)
    if not (asked.exists() and json.loads(asked.read_text()) == words):
        mer = str(Path(sys.executable).with_name("mer"))
        subprocess.run([mer, "evaluate", *words, "-o", str(target)], check=True)
        asked.write_text(json.dumps(words))
    return json.loads((target / "results.json").read_text())


def added(paths: list[str], songs: int) -> Iterator[dict]:
    """Yield the systems of other evaluations, those of a study by plugin and recipe."""
    for path in paths:
        results = json.loads(Path(path).read_text(encoding="utf-8"))
        if results["reference"]["songs"] != songs:
            raise SystemExit(f"{path}: of {results['reference']['songs']} songs: expected {songs}")
        rows = results.get("study", {}).get("rows", {})
        for system in results["systems"]:
            found = rows.get(system["name"])
            if found:
                system = system | {"name": f"{found['plugin']} ({found['recipe']})"}
            # What does not listen stands on the board already.
            if found or not rows:
                yield system


def section(
    board: Board, results: dict, command: str, before: list[list[str]], more: list[str]
) -> str:
    """Return a board as a section of the page, with those rows `before` that it has not."""
    elsewhere = list(added(more, results["reference"]["songs"]))
    rows = [row(board, system) for system in [*results["systems"], *elsewhere]]
    heads = list(rows[0])
    named = {r["system"] for r in rows} | {"system"}
    kept = [line for line in before if line[0] not in named and len(line) == len(heads)]
    cells = [*(list(r.values()) for r in rows), *kept]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *cells]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    songs = f"{results['reference']['songs']} songs."
    if elsewhere:
        names = ", ".join(system["name"] for system in elsewhere)
        songs += f" From {', '.join(Path(path).name for path in more)}, of the same songs: {names}."
    if kept:
        songs += f" Evaluated before, unchanged since: {', '.join(line[0] for line in kept)}."
    return f"## {board.title}\n\n{songs}\n\n{table}\n\n```\n{command}\n```"


def rows_of(page: Path, name: str) -> list[list[str]]:
    """Return the rows of a board that a page holds already."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    old = text.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
    lines = [line for line in old.splitlines() if line.startswith("| ") and "| ---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def row(board: Board, system: dict) -> Cells:
    """Return one system's cells, by heading."""
    cells = {"system": system["name"]}
    for aggregation, metric in board.shown:
        for dimension in DIMENSIONS:
            score = system["scores"][aggregation][dimension][metric]
            cells[f"{aggregation} {TITLES[metric]}, {dimension}"] = shown(score)
    if not board.shown:
        for dimension in DIMENSIONS:
            cells[f"area under the curve, {dimension}"] = shown(
                system["scores"]["quadrants"][dimension]["auc"]
            )
    return cells


def shown(score: dict) -> str:
    """Return a score with its interval."""
    if score["value"] is None:
        return "undefined"
    if score["low"] is None:
        return f"{score['value']:.3f}"
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def main() -> None:
    """Evaluate and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deam", metavar="CLIPS", help="collection of DEAM clips")
    parser.add_argument("--folds-csv", metavar="FILE", help="folds for the trivial predictors")
    parser.add_argument("--quadrants", metavar="COLLECTION", help="4Q, imported")
    parser.add_argument("--vgmidi", metavar="COLLECTION", help="VGMIDI, imported")
    parser.add_argument("--years", action="append", default=[], metavar="RUN")
    parser.add_argument("--systems", nargs="*", default=SYSTEMS, metavar="PLUGIN")
    parser.add_argument("--folds", metavar="RUN", help="held-out curves of all folds")
    parser.add_argument(
        "--estimates",
        action="append",
        default=[],
        metavar="BOARD=DIR",
        help="estimates in JAMS for one board, such as vgmidi=musicnn/vgmidi",
    )
    parser.add_argument(
        "--results",
        action="append",
        default=[],
        metavar="BOARD=FILE",
        help="results.json of the same songs, such as deam-folds=docs/results/table2.json",
    )
    parser.add_argument(
        "--keep", action="store_true", help="keep rows of systems that are not evaluated again"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument("markdown", type=Path, metavar="FILE.md")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    options.markdown.parent.mkdir(parents=True, exist_ok=True)
    for board in boards(options):
        found = evaluate(board, options.output)
        command = f"mer evaluate {' '.join(board.words)} -o {options.output / board.name}"
        before = rows_of(options.markdown, board.name) if options.keep else []
        text = section(board, found, command, before, paths_of(options.results, board.name))
        put_section(options.markdown, board.name, text, HEADER)


if __name__ == "__main__":
    main()
