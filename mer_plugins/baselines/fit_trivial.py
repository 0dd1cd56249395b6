"""Fit the predictors that do not listen on a labelled collection.

``python -m mer_plugins.baselines.fit_trivial --help``
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import click
import numpy as np

from mer_plugins.baselines.trivial import (
    GLOBAL_MEAN,
    HOP_S,
    MEAN_TRAJECTORY,
    Trajectory,
)
from mer_plugins.collection import find_tracks
from mer_plugins.curves import EmotionCurve, FloatArray
from mer_plugins.errors import MerError
from mer_plugins.jams_store import read
from mer_plugins.labels import grid_indices, human_curve, on_grid

Fit = Callable[[Iterable[EmotionCurve]], Trajectory]


def fit_global_mean(curves: Iterable[EmotionCurve]) -> Trajectory:
    """Average the labels of each song, then the songs, so that each song weighs the same.

    Raises
    ------
    MerError
        If no curve holds a label.
    """
    songs = _songs(curves)
    mean = np.mean([np.nanmean(song, axis=0) for song in songs], axis=0)
    return Trajectory(GLOBAL_MEAN.name, mean[None], len(songs))


def fit_mean_trajectory(curves: Iterable[EmotionCurve]) -> Trajectory:
    """Average the songs at each half second from the start.

    A half second counts if at least half as many songs are labelled there as at the one where most
    are: the mean of a few long songs is noise. Between two that count, their means are joined by a
    line; before the first and after the last, the nearest holds.

    Raises
    ------
    MerError
        If no curve holds a label.
    """
    songs = _songs(curves)
    length = max(len(song) for song in songs)
    totals, counts = np.zeros((length, 2)), np.zeros(length)
    for song in songs:
        labelled = np.flatnonzero(np.isfinite(song[:, 0]))
        totals[labelled] += song[labelled]
        counts[labelled] += 1
    known = np.flatnonzero(counts >= counts.max() / 2)
    means = totals[known] / counts[known, None]
    steps = np.arange(known[-1] + 1)
    values = np.stack([np.interp(steps, known, means[:, d]) for d in range(2)], axis=1)
    return Trajectory(MEAN_TRAJECTORY.name, values, len(songs))


def labelled_curves(
    inputs: Iterable[str], problem: Callable[[str, str], None]
) -> Iterator[EmotionCurve]:
    """Read the first human ``mood_thayer`` annotation of every recording that has one.

    Parameters
    ----------
    inputs : iterable of str
        As for :func:`mer_plugins.collection.find_tracks`.
    problem : callable
        Called with (recording, reason) for each that cannot be used; the others still come.
    """
    for track in find_tracks(list(inputs), problem=problem):
        try:
            if track.jams.exists() and (curve := human_curve(read(track.jams))) is not None:
                yield curve
        except MerError as exc:
            problem(track.name, str(exc))


def _songs(curves: Iterable[EmotionCurve]) -> list[FloatArray]:
    songs = [_on_grid(curve) for curve in curves if len(curve)]
    if not songs:
        raise MerError(
            "no label to fit on: expected JAMS beside the recordings, each with a mood_thayer "
            "annotation that is not by a program"
        )
    return songs


def _on_grid(curve: EmotionCurve) -> FloatArray:
    """Average a curve over each half second; NaN where no label has its centre, shape=(n, 2)."""
    labels, mask = on_grid(curve, int(grid_indices(curve, HOP_S)[-1]) + 1, HOP_S)
    return np.where(mask[:, None], labels, np.nan)


FITS: Mapping[str, Fit] = {
    GLOBAL_MEAN.name: fit_global_mean,
    MEAN_TRAJECTORY.name: fit_mean_trajectory,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("inputs", nargs=-1, required=True, metavar="COLLECTION...")
@click.option(
    "-P", "--plugin", required=True, type=click.Choice(list(FITS)), help="What is to be fitted."
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The JSON file to write.",
)
def main(inputs: tuple[str, ...], plugin: str, output: Path) -> None:
    r"""Fit a predictor that does not listen on recordings with labels in JAMS.

    \b
    Example:
      python -m mer_plugins.baselines.fit_trivial --plugin global-mean clips/ -o mean.json
      mer-extract --plugin global-mean -p checkpoint=mean.json collection/
    """

    def problem(name: str, reason: str) -> None:
        click.echo(f"{name}: left out: {reason}", err=True)

    try:
        fitted = FITS[plugin](labelled_curves(inputs, problem))
        fitted.save(output)
    except (MerError, OSError) as exc:
        raise click.ClickException(str(exc)) from exc
    click.echo(f"{output}: {plugin} of {fitted.songs} recordings, {len(fitted.values)} values")


if __name__ == "__main__":
    main()
