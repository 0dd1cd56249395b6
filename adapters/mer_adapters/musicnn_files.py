"""Where Essentia's published model files are: a folder the caller names, or a user's own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import platformdirs

from mer_plugins.errors import PluginError

FOLDER_VARIABLE = "MER_ESSENTIA_MODELS"
BACKBONE_FILES = ("msd-musicnn-1.pb",)
BACKBONE_PAGE = "feature-extractors/musicnn"
SITE = "https://essentia.upf.edu/models"


def find_model(
    names: Sequence[str], page: str, models: str | os.PathLike[str] | None = None
) -> Path:
    """Find a published file by any of the names it has been published under.

    Parameters
    ----------
    names : sequence of str
        File names; the first one found counts.
    page : str
        Where on Essentia's site it lies, as ``"feature-extractors/musicnn"``.
    models : str or os.PathLike, optional
        The folder to look in; by default that of the environment variable MER_ESSENTIA_MODELS, or
        else ``essentia`` in the user's data folder for mer_plugins.

    Raises
    ------
    PluginError
        If no such file is there; the line tells where it can be had and where it belongs.
    """
    folder = model_folder(models)
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise PluginError(
        f"{folder / names[0]}: no such model file: download it from {SITE}/{page}/ into that "
        f"folder, or name the folder that has it with -p models=DIR or {FOLDER_VARIABLE}=DIR"
    )


def model_folder(models: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder in which the model files are expected; it need not exist."""
    if models is not None:
        return Path(models).expanduser()
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser()
    return Path(platformdirs.user_data_dir("mer_plugins"), "essentia")
