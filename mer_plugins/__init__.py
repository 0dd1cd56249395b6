"""An open plugin host for music emotion recognition.

Values are always (valence, arousal), in that order, in [-1, 1]. Importing this package imports
numpy and pluggy only; plugins, decoders and torch are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from mer_plugins.audio import Audio, load_audio
    from mer_plugins.curves import EmotionCurve, Scale
    from mer_plugins.errors import MerError
    from mer_plugins.host import create_extractor, plugin_host

__version__ = "0.1.0"

hookimpl = pluggy.HookimplMarker("mer_plugins")

__all__ = [
    "Audio",
    "EmotionCurve",
    "MerError",
    "Scale",
    "create_extractor",
    "hookimpl",
    "load_audio",
    "plugin_host",
]

_HOMES = {
    "Audio": "audio",
    "EmotionCurve": "curves",
    "MerError": "errors",
    "Scale": "curves",
    "create_extractor": "host",
    "load_audio": "audio",
    "plugin_host": "host",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mer_plugins' has no attribute {name!r}")
    return getattr(import_module(f"mer_plugins.{_HOMES[name]}"), name)
