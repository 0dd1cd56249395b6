"""Essentia itself: imported when it is needed, and without its notices on the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from mer_plugins.errors import PluginError


def require_essentia(plugin: str, needs: str, *, extra: str) -> ModuleType:
    """Import ``essentia.standard``.

    Parameters
    ----------
    plugin, needs, extra : str
        Who asks, what it needs in words, and the extra of this distribution that brings it.

    Raises
    ------
    PluginError
        If Essentia cannot be imported; the line says how to get it.
    """
    # TensorFlow, which one of its builds brings, reads these once, when it is loaded: no lines
    # about missing GPUs, and as many threads as the host allows this process.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if threads := os.environ.get("OMP_NUM_THREADS"):
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", threads)
    try:
        with quiet():
            import essentia.standard as standard
    except ImportError as exc:
        raise PluginError(
            f"{plugin} needs {needs}, which cannot be imported "
            f"({' '.join(str(exc).split())}): pip install 'mer-plugins[{extra}]'"
        ) from exc
    found: ModuleType = standard
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Essentia's notices off the terminal: thousands of lines a track with two networks."""
    import essentia

    before = essentia.log.infoActive, essentia.log.warningActive
    essentia.log.infoActive = essentia.log.warningActive = False
    try:
        yield
    finally:
        essentia.log.infoActive, essentia.log.warningActive = before
