"""How a neural plugin is trained: one frozen recipe beside one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from mer_plugins.errors import PluginError
from mer_plugins.sequence.logmel import LogMelConfig

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Recipe:
    """Training of one model.

    Parameters
    ----------
    losses : tuple of str
        One name of :data:`mer_plugins.sequence.losses.LOSSES` for each output.
    window_s : float
        Length of a training excerpt and of the window at extraction, in seconds.
    hops_s : tuple of float
        Hop of the sliding window for valence and arousal, in seconds.
    epochs, batch_size, learning_rate : int, int, float
        Passes over the data, excerpts a step, and Adam's step size.
    average_decay : float
        Decay per step of the running average of the weights that is kept; 0 keeps the last weights.
    clip_norm : float
        Bound of the gradient's norm.
    seed : int
        Seeds initialisation, order and excerpts.
    features : LogMelConfig
        The front end.
    """

    losses: tuple[str, str]
    window_s: float = 30.0
    hops_s: tuple[float, float] = (0.5, 2.5)
    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 3e-4
    average_decay: float = 0.0
    clip_norm: float = 5.0
    seed: int = 0
    features: LogMelConfig = field(default_factory=LogMelConfig)

    @property
    def window(self) -> int:
        """Segments in a window."""
        return round(self.window_s / self.features.segment_s)

    @property
    def hops(self) -> tuple[int, int]:
        """Segments in a hop, for valence and arousal."""
        valence, arousal = (round(hop / self.features.segment_s) for hop in self.hops_s)
        return valence, arousal


@dataclass(frozen=True)
class Trainable:
    """What a plugin gives to ``mer train``.

    Parameters
    ----------
    recipes : mapping
        Recipes by name.
    config_class : type
        The frozen dataclass of the network's settings.
    network : callable
        Makes a network of its settings: normalised log-mel (b, t, f, n) -> (b, t, 2).
    """

    recipes: Mapping[str, Recipe]
    config_class: type
    network: Callable[[Any], nn.Module]

    def recipe(self, name: str) -> Recipe:
        """Return a recipe by name; PluginError if there is none."""
        if name not in self.recipes:
            raise PluginError(f"no recipe is called {name!r}: there are {', '.join(self.recipes)}")
        return self.recipes[name]

    def config(self, settings: Mapping[str, Any]) -> Any:
        """Make the network's settings; PluginError if one is unknown or wrong."""
        known = [f.name for f in fields(self.config_class)]
        if unknown := sorted(set(settings) - set(known)):
            raise PluginError(f"no setting is called {unknown[0]!r}: there are {', '.join(known)}")
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
        try:
            return self.config_class(**values)
        except (TypeError, ValueError) as exc:
            raise PluginError(f"the network cannot be made: {exc}") from exc
