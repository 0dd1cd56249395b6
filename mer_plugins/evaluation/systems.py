"""The systems of a comparison: plugins that are run, or curves that JAMS files hold already.

Curves come as they stand, also where they leave [-1, 1]: a wrong scale is to be seen and told of,
not to be hidden by leaving the file out.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mer_plugins.annotate import PluginChoice
from mer_plugins.batch import Settings
from mer_plugins.collection import Track, find_tracks
from mer_plugins.curves import Scale
from mer_plugins.errors import JamsError, PluginError
from mer_plugins.evaluation.reference import EvaluationError, Problem, Song
from mer_plugins.folders import JAMS_SUFFIX, jams_below
from mer_plugins.host import PluginHost
from mer_plugins.jams_store import from_annotation, read
from mer_plugins.mood import is_by_program, part, plugin_of
from mer_plugins.mood_reader import labelled
from mer_plugins.time_grid import Intervals, intervals

TRIVIAL = ("global-mean", "mean-trajectory")
# A power of two, so that values come back from the wide scale as they went in.
_WIDE = 1024.0
Run = Callable[[Iterable[Track], Settings], object]


@dataclass(frozen=True, eq=False)
class System:
    """One system's curves.

    Parameters
    ----------
    name : str
        Unique within a comparison.
    source : str
        Where its curves come from, for people.
    curves : mapping of str to Intervals
        By the song's name; values (valence, arousal) as they stand.
    checkpoint : str
        Path of the weights in use; empty if there are none or they are not known.
    held_out : bool
        Whether each curve was made by weights that were not trained on its song.
    stds : mapping of str to Intervals
        Their standard deviations, for the songs for which the system tells them.
    """

    name: str
    source: str
    curves: Mapping[str, Intervals]
    checkpoint: str = ""
    held_out: bool = False
    stds: Mapping[str, Intervals] = field(default_factory=dict)


def run_plugin(
    host: PluginHost, name: str, collection: str, songs: Sequence[Song], folder: Path, run: Run
) -> System:
    """Run a plugin over the songs, as ``mer extract`` does, and read what it wrote.

    Parameters
    ----------
    host : PluginHost
        Knows the plugin.
    name : str
        The plugin.
    collection : str
        As given to :func:`mer_plugins.evaluation.reference.read_reference`.
    songs : sequence of Song
        Those with labels; others are not run.
    folder : pathlib.Path
        Where the JAMS files go; what is up to date there is not done again.
    run : callable
        Takes the tracks and :class:`mer_plugins.batch.Settings`, and runs the batch.

    Raises
    ------
    PluginError
        If there is no such plugin, or it cannot run at all.
    """
    info = host.info(name)
    wanted = {song.audio: song.name for song in songs}
    found = find_tracks([collection], folder, problem=lambda shown, reason: None)
    # Without the collection's own JAMS to begin from: the labels have no place among estimates.
    tracks = [replace(track, base_jams=None) for track in found if track.audio in wanted]
    run(tracks, Settings((PluginChoice(info),)))
    found_curves = _Curves()
    for track in tracks:
        for _, annotation in labelled(read(track.jams)) if track.jams.exists() else ():
            if plugin_of(annotation) == name:
                found_curves.add(wanted[track.audio], annotation)
    source = f"plugin {name} {info.version}"
    return System(name, source, found_curves.values, info.checkpoint, stds=found_curves.stds)


def read_estimates(
    host: PluginHost, folder: Path, songs: Sequence[Song], problem: Problem
) -> list[System]:
    """Read the systems whose curves lie in a folder of JAMS files.

    Each plugin in it is one system. A file without any curve by a program counts with its first
    curve, under the folder's name. A file belongs to the song of the same relative path, with or
    without the recording's suffix, or else to the only song of the same stem.

    Raises
    ------
    EvaluationError
        If no file belongs to a song.
    """
    curves: dict[str, _Curves] = defaultdict(_Curves)
    checkpoints: dict[str, set[str]] = defaultdict(set)
    files = matched(folder, songs, problem)
    for song, path in files.items():
        try:
            for label, annotation in _estimates(read(path), folder):
                curves[label].add(song, annotation)
                checkpoints[label].add(_checkpoint(host, annotation))
        except JamsError as exc:
            problem(str(path), f"left out, its estimate cannot be read: {exc}")
    if not curves:
        raise EvaluationError(
            f"{folder}: holds no estimate (mood_thayer) for a song of the reference: expected JAMS "
            f"files named as its {len(songs)} recordings, such as {songs[0].name}"
        )
    return [
        System(label, str(folder), found.values, _only(checkpoints[label]), stds=found.stds)
        for label, found in curves.items()
    ]


def matched(folder: Path, songs: Sequence[Song], problem: Problem) -> dict[str, Path]:
    """Find the JAMS file of each song below a folder, by relative path or else by stem."""
    files = jams_below(folder, problem)
    by_path = {p.relative_to(folder).as_posix()[: -len(JAMS_SUFFIX)]: p for p in files}
    by_stem = defaultdict(list)
    for key, path in by_path.items():
        by_stem[os.path.basename(key)].append(path)
    stems = Counter(Path(song.name).stem for song in songs)
    found = {}
    for song in songs:
        stem = Path(song.name).stem
        alike = by_stem[stem] if stems[stem] == 1 and len(by_stem[stem]) == 1 else []
        exact = [by_path.get(key) for key in (song.name, os.path.splitext(song.name)[0])]
        candidates = [path for path in (*exact, *alike) if path is not None]
        if candidates:
            found[song.name] = candidates[0]
    return found


def with_unique_names(systems: Sequence[System]) -> list[System]:
    """Put the folder before names that several systems share, and a number if that is not enough.

    A plugin that is run keeps its name.
    """
    taken: Counter[str] = Counter()
    often = Counter(system.name for system in systems)
    named = []
    for system in systems:
        from_folder = system.source if os.path.isdir(system.source) else ""
        name = system.name
        if often[name] > 1 and from_folder and Path(from_folder).name != name:
            name = f"{Path(from_folder).name}/{name}"
        taken[name] += 1
        named.append(replace(system, name=name if taken[name] == 1 else f"{name} ({taken[name]})"))
    return named


class _Curves:
    """The curves of one system, and their standard deviations, as they are read."""

    def __init__(self) -> None:
        self.values: dict[str, Intervals] = {}
        self.stds: dict[str, Intervals] = {}

    def add(self, song: str, annotation: dict[str, Any]) -> None:
        values, std = as_it_stands(annotation)
        self.values[song] = values
        if std is not None:
            self.stds[song] = std


def as_it_stands(annotation: dict[str, Any]) -> tuple[Intervals, Intervals | None]:
    """Read a ``mood_thayer`` annotation whose values may leave [-1, 1], up to 1024.

    Returns
    -------
    values : Intervals
        (valence, arousal).
    std : Intervals or None
        Their standard deviations, if it has them.

    Raises
    ------
    JamsError
        As :func:`mer_plugins.jams_store.from_annotation`.
    """
    try:
        curve, factor = from_annotation(annotation), 1.0
    except JamsError:
        curve, factor = from_annotation(annotation, Scale(-_WIDE, _WIDE)), _WIDE
    values = intervals(curve.times, curve.values * factor, curve.hop_s)
    if curve.std is None:
        return values, None
    return values, intervals(curve.times, curve.std * factor, curve.hop_s)


def _estimates(jams: Mapping[str, Any], folder: Path) -> list[tuple[str, dict[str, Any]]]:
    found = list(labelled(jams))
    by_program = [(label, annotation) for label, annotation in found if is_by_program(annotation)]
    return by_program or [(folder.resolve().name, annotation) for _, annotation in found[:1]]


def _checkpoint(host: PluginHost, annotation: dict[str, Any]) -> str:
    """Return the weights an annotation was made with, if its plugin is here and has just these."""
    plugin = plugin_of(annotation)
    if plugin is None or plugin not in host.extractors.specs:
        return ""
    try:
        info = host.info(plugin)
    except PluginError:
        return ""
    same = info.checkpoint_sha256 == part(annotation, "sandbox").get("checkpoint_sha256")
    return info.checkpoint if same else ""


def _only(found: set[str]) -> str:
    return next(iter(found)) if len(found) == 1 else ""
