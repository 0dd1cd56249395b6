"""How a neural plugin is trained: one frozen recipe beside one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mer_plugins.errors import PluginError
from mer_plugins.sequence.augment import Augmentation
from mer_plugins.sequence.checks import (
    check_above_zero,
    check_at_least_zero,
    check_shares,
    check_sizes,
    check_types,
)
from mer_plugins.sequence.distillation import Distillation
from mer_plugins.sequence.front_end import FrontEndConfig
from mer_plugins.sequence.logmel import LogMelConfig
from mer_plugins.sequence.losses import LOSSES
from mer_plugins.sequence.smoothing import LONGEST

if TYPE_CHECKING:
    from torch import nn

OWN = "own"
UNBOUNDED = 1e9
"""A bound that no gradient's norm reaches, as infinity would be, which JSON does not know."""
# torch's generators take no larger seed; folds add their number to it.
_SEEDS = 1 << 62


@dataclass(frozen=True)
class Recipe:
    """Training of one model.

    Parameters
    ----------
    losses : tuple of str
        For valence and arousal, names of :data:`mer_plugins.sequence.losses.LOSSES`; or twice
        ``own``, for networks that have a loss of their own (``own_loss``).
    per_dimension : bool
        Train a network of its own for each dimension, as the paper does, instead of one trunk with
        two heads.
    window_s : float
        Length of the window at extraction, in seconds.
    excerpt_s : float
        Length of a training excerpt, in seconds; 0 is that of the window.
    snippets : bool
        Cut each recording into consecutive snippets as long as an excerpt, all of which each pass
        hears, instead of hearing one excerpt from anywhere within.
    hops_s : tuple of float
        Hop of the sliding window for valence and arousal, in seconds.
    smoothing_s : float
        Width of the moving average over what the network gives, in seconds; 0 is none
        (:mod:`mer_plugins.sequence.smoothing`).
    epochs, batch_size : int
        Passes over the data at most, and excerpts a step.
    learning_rate, schedule : float, str
        Adam's step size; ``constant``, or ``cosine``: up during the first twentieth of the steps,
        then down to nothing along half a cosine.
    weight_decay : float
        Decoupled from the gradient (AdamW; Loshchilov and Hutter 2019).
    average_decay : float
        Decay per step of the running average of the weights that is kept; 0 keeps the last weights.
    clip_norm : float
        Bound of the gradient's norm; :data:`UNBOUNDED` is none.
    validation : float
        Share of the training recordings, whole artists, that is not trained on but tells when to
        stop; the fold left out for the test never does.
    patience : int
        Stop after this many passes without a lower validation loss and keep the best weights;
        0 trains all passes and keeps the last.
    quadrant_weight : float
        Weight of the loss of recordings of which only the quadrant is known.
    augmentation : Augmentation
        How excerpts are varied.
    copy_bit_rates : tuple of int
        Bit rates, in bit/s, of the MP3 copies that ``augmentation.reencoded`` draws from.
    distillation : Distillation
        How much a teacher counts beside the labels; without weights there is none.
    seed : int
        Seeds initialisation, order, excerpts and augmentation.
    features : LogMelConfig or WaveformConfig
        The front end.
    """

    losses: tuple[str, str]
    per_dimension: bool = False
    window_s: float = 30.0
    excerpt_s: float = 0.0
    snippets: bool = False
    hops_s: tuple[float, float] = (0.5, 2.5)
    smoothing_s: float = 0.0
    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 3e-4
    schedule: Literal["constant", "cosine"] = "constant"
    weight_decay: float = 0.0
    average_decay: float = 0.0
    clip_norm: float = 5.0
    validation: float = 0.0
    patience: int = 0
    quadrant_weight: float = 0.0
    augmentation: Augmentation = field(default_factory=Augmentation)
    copy_bit_rates: tuple[int, ...] = ()
    distillation: Distillation = field(default_factory=Distillation)
    seed: int = 0
    features: FrontEndConfig = field(default_factory=LogMelConfig)

    def __post_init__(self) -> None:
        check_types(self)
        self._check_losses()
        self._check_numbers()
        self._check_lengths()
        if not 0 <= self.validation < 1:
            raise ValueError(f"validation is {self.validation!r}: expected from 0 to below 1")
        if self.patience and not self.validation:
            raise ValueError(
                f"validation is {self.validation!r}: early stopping needs a share between 0 and 1"
            )
        if self.augmentation.reencoded and not self.copy_bit_rates:
            raise ValueError("copy_bit_rates is empty: re-encoded excerpts need at least one")
        if self.augmentation.needs_log_mel and not isinstance(self.features, LogMelConfig):
            raise ValueError("of the augmentation, gain, filters, noise and masks need log-mel")
        if self.distillation.mixed and not isinstance(self.features, LogMelConfig):
            raise ValueError("mixed excerpts need log-mel, which is mixed by power")
        if self.distillation and self.has_own_loss:
            raise ValueError("a network's own loss goes without a teacher")

    def _check_losses(self) -> None:
        if self.has_own_loss:
            if self.per_dimension or self.quadrant_weight:
                raise ValueError("a network's own loss goes with neither form nor quadrants")
        elif unknown := [name for name in self.losses if name not in LOSSES]:
            raise ValueError(
                f"loss is {unknown[0]!r}: expected one of {', '.join(LOSSES)}, or own for both"
            )

    def _check_numbers(self) -> None:
        check_sizes(self, "epochs", "batch_size")
        check_above_zero(self, "window_s", "learning_rate", "clip_norm")
        check_at_least_zero(self, "excerpt_s", "weight_decay", "patience", "quadrant_weight")
        check_at_least_zero(self, "smoothing_s")
        check_shares(self, "average_decay")
        if not 0 <= self.seed < _SEEDS:
            raise ValueError(f"seed is {self.seed}: expected a whole number from 0 up")
        if any(rate < 1 for rate in self.copy_bit_rates):
            raise ValueError(f"copy_bit_rates is {self.copy_bit_rates}: expected bit/s from 1 up")

    def _check_lengths(self) -> None:
        """Check the sliding window here: at its end a run has trained for nothing."""
        if not all(0 < hop <= self.window_s for hop in self.hops_s):
            raise ValueError(
                f"hops_s is {self.hops_s}: expected more than 0 s and at most the window's "
                f"{self.window_s:g} s"
            )
        if self.smoothing > LONGEST:
            raise ValueError(
                f"smoothing_s is {self.smoothing_s:g}: expected at most {LONGEST} segments of "
                f"{self.features.segment_s:g} s"
            )
        lengths = {"window_s": self.window_s, "excerpt_s": self.excerpt_s or self.window_s}
        for name, seconds in [*lengths.items(), *(("hops_s", hop) for hop in self.hops_s)]:
            if round(seconds / self.features.segment_s) < 1:
                raise ValueError(
                    f"{name} has {seconds:g} s: expected at least a segment of "
                    f"{self.features.segment_s:g} s"
                )

    def changed(self, changes: Mapping[str, Any]) -> Recipe:
        """Return a recipe with other settings; ``augmentation.gain_db`` is one, too.

        Raises
        ------
        PluginError
            If a setting is unknown or its value does not do.
        """
        own: dict[str, Any] = {}
        nested: dict[str, dict[str, Any]] = {}
        for key, value in changes.items():
            value = tuple(value) if isinstance(value, list) else value
            group, dot, name = key.partition(".")
            self._check_name(key, group, name)
            if dot:
                nested.setdefault(group, {})[name] = value
            else:
                own[key] = value
        try:
            for group, inner in nested.items():
                own[group] = replace(getattr(self, group), **inner)
            return replace(self, **own)
        except (TypeError, ValueError) as exc:
            raise PluginError(f"the recipe cannot be made: {exc}") from exc

    def _check_name(self, key: str, group: str, name: str) -> None:
        known = [f.name for f in fields(self)]
        inner = getattr(self, group) if group in known else None
        within = [f.name for f in fields(inner)] if is_dataclass(inner) else []
        if group not in known or (name and name not in within):
            raise PluginError(f"no recipe setting is called {key!r}: there are {within or known}")
        if within and not name:
            raise PluginError(f"{key!r} is a group: expected {key}.NAME, a NAME of {within}")

    @property
    def has_own_loss(self) -> bool:
        """Whether the network brings its loss itself."""
        return self.losses == (OWN, OWN)

    @property
    def window(self) -> int:
        """Segments in a window."""
        return round(self.window_s / self.features.segment_s)

    @property
    def excerpt(self) -> int:
        """Segments in a training excerpt."""
        return round(self.excerpt_s / self.features.segment_s) or self.window

    @property
    def hops(self) -> tuple[int, int]:
        """Segments in a hop, for valence and arousal."""
        valence, arousal = (round(hop / self.features.segment_s) for hop in self.hops_s)
        return valence, arousal

    @property
    def smoothing(self) -> int:
        """Segments in the width of the moving average; 1 is none."""
        return max(1, round(self.smoothing_s / self.features.segment_s))


@dataclass(frozen=True)
class Trainable:
    """What a plugin gives to ``mer train``.

    Parameters
    ----------
    recipes : mapping
        Recipes by name.
    config_class : type
        The frozen dataclass of the network's settings. Its field ``outputs``, if it has one, is 1
        for a network a dimension and 2 for both; without it, the network gives both. Its fields
        ``n_mels`` and ``n_frames``, or ``samples``, follow the recipe's front end.
    network : callable
        Makes a network of its settings: normalised segments (b, t, f, n) -> (b, t, outputs).
    training_only : tuple of str
        Settings that change nothing but the training, such as ``dropout``: checkpoints that differ
        in these share their ONNX graphs.
    """

    recipes: Mapping[str, Recipe]
    config_class: type
    network: Callable[[Any], nn.Module]
    training_only: tuple[str, ...] = ()

    def recipe(self, name: str) -> Recipe:
        """Return a recipe by name; PluginError if there is none."""
        if name not in self.recipes:
            raise PluginError(f"no recipe is called {name!r}: there are {', '.join(self.recipes)}")
        return self.recipes[name]

    def config(self, settings: Mapping[str, Any], recipe: Recipe) -> Any:
        """Make the network's settings as the recipe needs them.

        Raises
        ------
        PluginError
            If a setting is unknown, wrong, or one that the recipe decides.
        """
        known = [f.name for f in fields(self.config_class)]
        if recipe.per_dimension and "outputs" not in known:
            raise PluginError(
                "this network gives both dimensions at once: expected the form shared, or a recipe "
                "that is not per dimension"
            )
        decided = {name: v for name, v in _decided_by(recipe).items() if name in known}
        free = [name for name in known if name not in decided]
        if taken := sorted(set(settings) & set(decided)):
            raise PluginError(f"{taken[0]!r} follows the recipe: free are {', '.join(free)}")
        if unknown := sorted(set(settings) - set(known)):
            raise PluginError(f"no setting is called {unknown[0]!r}: there are {', '.join(free)}")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        try:
            return self.config_class(**values, **decided)
        except (TypeError, ValueError) as exc:
            raise PluginError(f"the network cannot be made: {exc}") from exc


def _decided_by(recipe: Recipe) -> dict[str, int]:
    return {"outputs": 1 if recipe.per_dimension else 2, **recipe.features.network_sizes}
