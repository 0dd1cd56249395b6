"""The contracts between the host and its plugins: what an extractor, a stream and an engine are."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

from mer_plugins.curves import UNIT_SCALE, EmotionCurve, FloatArray, Scale

if TYPE_CHECKING:
    from pathlib import Path

    from mer_plugins.audio import Audio

J = TypeVar("J")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class ExtractorInfo:
    """What a plugin says of itself before any of its code is imported.

    Parameters
    ----------
    name : str
        Unique name, as given to ``--plugin``.
    version : str
        Changes whenever the same recording would get other values.
    summary : str
        One line for lists.
    kind : str
        ``"dynamic"`` (a curve that listens), ``"static"`` (one value, held) or ``"trivial"``
        (does not listen).
    scale : Scale
        Native order and range, before the border converts to (valence, arousal) in [-1, 1].
    sample_rate : int or None
        The rate the host shall deliver, in Hz; None takes any.
    window_s, hop_s : float
        Context of one value and distance of two, in seconds.
    min_duration_s : float
        Shorter recordings are refused by the host with one clear line.
    licence, citation : str
        SPDX expression of code and weights, and what to cite.
    checkpoint : str
        Path of the default weights, absolute or ``package:relative/path``; empty if there are none.
    checkpoint_sha256 : str
        Filled in by the host or by the extractor from the file that is in use.
    """

    name: str
    version: str
    summary: str = ""
    kind: str = "dynamic"
    scale: Scale = field(default=UNIT_SCALE)
    sample_rate: int | None = None
    window_s: float = 0.0
    hop_s: float = 0.5
    min_duration_s: float = 0.0
    licence: str = ""
    citation: str = ""
    checkpoint: str = ""
    checkpoint_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, as ``mer plugins --json`` prints them."""
        return asdict(self)


class Extractor(Protocol):
    """A method that turns a recording into an emotion curve; made with keyword parameters."""

    info: ExtractorInfo

    def __call__(self, audio: Audio) -> EmotionCurve:
        """Extract the curve of a whole recording."""
        ...


class Stream(Protocol):
    """One recording on its way through an extractor, block by block."""

    def feed(self, samples: FloatArray) -> EmotionCurve | None:
        """Take the next mono samples, shape=(n,); return the part of the curve now final."""
        ...

    def finish(self) -> EmotionCurve:
        """Say that the recording is over; return the rest of the curve (it may be empty)."""
        ...


@runtime_checkable
class StreamingExtractor(Protocol):
    """An extractor that can also run while the music plays; the host then feeds blocks."""

    info: ExtractorInfo

    def __call__(self, audio: Audio) -> EmotionCurve:
        """Extract the curve of a whole recording."""
        ...

    def open(self) -> Stream:
        """Begin a recording at ``info.sample_rate``."""
        ...


@runtime_checkable
class PromptExtractor(StreamingExtractor, Protocol):
    """A streaming extractor that can also give each value sooner, at more cost."""

    def open_prompt(self) -> Stream:
        """Begin a recording as `open` does; values may differ from its by rounding."""
        ...


@dataclass(frozen=True)
class ExtractorSpec:
    """A registration: `factory` is ``"package.module:Class"``, imported only when used.

    `training`, of the same form, names a :class:`mer_plugins.sequence.recipe.Trainable` for
    plugins that ``mer train`` can train. `teacher` names a
    :class:`mer_plugins.sequence.distillation.Teacher`, made with keyword parameters, for plugins
    whose network others may learn from.
    """

    info: ExtractorInfo
    factory: str
    training: str = ""
    teacher: str = ""


@dataclass(frozen=True)
class WriterSpec:
    """A further output format; `suffix` as ``".csv"``.

    `factory` names a function ``write(curve, path)`` that writes one curve to one file. With
    `collects`, it names ``write(songs, folder)`` instead, which writes the curves of a whole
    collection, pairs of song id and curve, and returns the files; `suffix` is then of no account,
    unless the function also takes the path of a file with that suffix in the folder's place
    (`one_file`): then ``mer-extract --writer`` has it write a file a track.
    A song's id is its path below the collection without suffix or, with `by_recording`, that of
    its recording, suffix included, where it lies beside the JAMS.
    Further keyword parameters with defaults are options of the format.
    """

    name: str
    suffix: str
    factory: str
    summary: str = ""
    collects: bool = False
    one_file: bool = False
    by_recording: bool = False


@dataclass(frozen=True, kw_only=True)
class DatasetInfo:
    """What a data set says of itself before any of its files is opened.

    Parameters
    ----------
    name, title : str
        Unique short name, as given to ``mer datasets import``, and the name people know.
    summary : str
        One line for lists.
    version : str
        Of the data set, as its makers count; empty if they do not.
    scale : Scale
        Native order and range of its curves; what is written is (valence, arousal) in [-1, 1].
    hop_s : float
        Distance of two labels, in seconds; 0 where a song has one label.
    raters : str
        Who rated, and whether each rater's own labels are there.
    data_source : str
        As JAMS names it: ``"crowdsource"``, ``"expert human"`` or ``"program"``.
    rules : str
        How the labels came about, in one line.
    curator, homepage : str
        Who keeps it, and where to get it.
    licence, citation : str
        Terms in plain words or as an SPDX expression, and what to cite.
    layout : str
        The files expected below the source folder.
    counts : mapping of str to int
        What a complete copy holds; ``mer datasets validate`` compares.
    """

    name: str
    title: str
    summary: str = ""
    version: str = ""
    scale: Scale = field(default=UNIT_SCALE)
    hop_s: float = 0.5
    raters: str = ""
    data_source: str = "crowdsource"
    rules: str = ""
    curator: str = ""
    homepage: str = ""
    licence: str = ""
    citation: str = ""
    layout: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types, as ``mer datasets list --json`` prints them."""
        return asdict(self)


@dataclass(frozen=True)
class DatasetSpec:
    """A registration of a data set.

    `factory` is ``"package.module:Class"``, imported only when used; called with the source
    folder and keyword parameters it makes a :class:`mer_plugins.datasets.Dataset`.
    """

    info: DatasetInfo
    factory: str


CurveWriter = Callable[[EmotionCurve, "Path"], None]
CollectionWriter = Callable[[Iterable[tuple[str, EmotionCurve]], "Path"], "list[Path]"]


@dataclass(frozen=True)
class EngineSpec:
    """A way to spread work over workers; `factory` as in :class:`ExtractorSpec`.

    `factory` takes ``workers`` and ``timeout_s``; further keyword parameters are options of the
    engine. With `counts_workers`, it chooses itself how many workers there are if ``workers`` is
    left out; otherwise the host gives it the number of cores of this machine.
    """

    name: str
    factory: str
    summary: str = ""
    counts_workers: bool = False


@dataclass(frozen=True)
class StudySpec:
    """A published comparison that ``mer reproduce`` makes again.

    `factory` is ``"package.module:NAME"`` of a :class:`mer_plugins.studies.Study`, imported only
    when used.
    """

    name: str
    factory: str
    summary: str = ""


class Engine(Protocol):
    """Runs one function over many jobs; nothing a job does may harm another job."""

    def run(
        self, work: Callable[[J], R], jobs: Iterable[J], lost: Callable[[J, BaseException], R]
    ) -> Generator[R, None, None]:
        """Yield one result a job, in any order; closing the generator ends the run.

        Jobs are taken from `jobs` as workers get free. ``lost(job, error)`` stands in for the
        result of a job whose worker died, hung or raised.
        """
        ...
