"""Where this user's rebuildable files live; deleting them loses nothing but time."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return ``MER_CACHE_DIR``, or else ``mer_plugins`` in the user's cache folder."""
    if folder := os.environ.get("MER_CACHE_DIR"):
        return Path(folder)
    import platformdirs

    return Path(platformdirs.user_cache_dir("mer_plugins"))
