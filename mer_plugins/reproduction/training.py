"""Train the cells of a study, each once.

A cell that was stopped goes on where it was; one that is done is not touched again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from mer_plugins.reproduction.cells import SEED, Cell, Setup, hop_file
from mer_plugins.sequence import run_folder
from mer_plugins.sequence.excerpts import LabelledTrack
from mer_plugins.sequence.fit import MODEL, Estimates, fit
from mer_plugins.sequence.fit_folds import left_out
from mer_plugins.sequence.folds import assign_folds
from mer_plugins.sequence.front_end import FrontEndConfig
from mer_plugins.sequence.plan import Listener
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.whole_tracks import TrackNetwork


def run_cells(
    cells: Sequence[Cell],
    setup: Setup,
    load: Callable[[Recipe], list[LabelledTrack]],
    listener: Callable[[Cell], Listener] = lambda cell: Listener(),
) -> None:
    """Train and score every cell that is not done.

    Parameters
    ----------
    load : callable
        Reads the labelled recordings with the front end of a recipe.
    listener : callable
        Makes the listener of a cell.

    Raises
    ------
    MerError
        If a fold has no recording, or a cell's folder holds another run.
    """
    for _, group in groupby(_in_order(cells, setup.folds), key=_front_end):
        first, *others = group
        tracks = load(first.plan.recipe)
        folds = assign_folds(tracks, setup.table, setup.count, SEED)
        for cell in (first, *others):
            _run(cell, tracks, folds, listener(cell))


def cells_to_run(cells: Iterable[Cell]) -> list[Cell]:
    """Return each cell that is not done, once, however many studies share it."""
    return list({cell.folder: cell for cell in cells if not cell.is_done}.values())


def _in_order(cells: Sequence[Cell], folds: Sequence[int]) -> list[Cell]:
    """Sort cells by fold, and by front end, so that the data is read as seldom as can be."""
    todo = cells_to_run(cells)
    front_ends = list(dict.fromkeys(map(_front_end, todo)))
    return sorted(todo, key=lambda c: (folds.index(c.fold), front_ends.index(_front_end(c))))


def _front_end(cell: Cell) -> tuple[FrontEndConfig, tuple[int, ...]]:
    return cell.plan.recipe.features, cell.plan.recipe.copy_bit_rates


def _run(
    cell: Cell, tracks: Sequence[LabelledTrack], folds: Sequence[int], listener: Listener
) -> None:
    training, held_out = left_out(tracks, folds, cell.fold)
    if not cell.is_trained:
        fit(cell.plan, training, held_out, cell.folder, resume=True, listener=listener)
    if cell.hops_s:
        _score_hops(cell, held_out)


def _score_hops(cell: Cell, held_out: Sequence[LabelledTrack]) -> None:
    network = TrackNetwork.load(
        cell.folder / MODEL, cell.plan.plugin, cell.plan.trainable, str(cell.plan.device)
    )
    found: dict[float, Estimates] = {hop: {} for hop in cell.hops_s}
    for track in held_out:
        encoded = network.encode(track.segments)
        for hop in cell.hops_s:
            segments = round(hop / cell.plan.recipe.features.segment_s)
            found[hop][track.name] = network.slide(encoded, (segments, segments))
    for hop, estimates in found.items():
        run_folder.write_estimates(cell.folder / hop_file(hop), estimates)
