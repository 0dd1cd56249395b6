"""Write a new plugin: a package with its entry point, an extractor that works, and its test."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from mer_plugins.errors import PluginError
from mer_plugins.host import plugin_host, resource_path

_NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_SUFFIX = ".template"
_TEMPLATES = resource_path("mer_plugins:templates/new_plugin")


def new_plugin(name: str, folder: Path | None = None) -> list[Path]:
    """Write a plugin package that works, as a start for one's own.

    Parameters
    ----------
    name : str
        Name of the plugin, as given to ``--plugin``: small letters, digits, ``-`` and ``_``. The
        distribution is called ``mer-NAME`` and the package ``mer_NAME``.
    folder : pathlib.Path, optional
        Folder of the package, new or empty; by default ``mer-NAME`` here.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    PluginError
        If the name cannot be one or is taken in this environment, or the folder holds something
        or cannot be written. Nothing is ever overwritten.
    """
    words = _words(name)
    folder = Path(words["distribution"]) if folder is None else folder
    try:
        if folder.exists() and any(folder.iterdir()):
            raise PluginError(f"{folder} is not empty: name a new folder with -o")
        found = sorted(path.relative_to(_TEMPLATES) for path in _TEMPLATES.rglob(f"*{_SUFFIX}"))
        return [_written(folder, template, words) for template in found]
    except OSError as exc:
        raise PluginError(f"{folder}: the plugin cannot be written ({exc.strerror})") from exc


def _words(name: str) -> dict[str, str]:
    """Return what stands in for the templates' words."""
    if not _NAME.fullmatch(name):
        raise PluginError(
            f"{name!r} cannot be the name of a plugin: expected small letters, digits and single "
            "- or _ between them, such as slow-mood"
        )
    if re.match("mer[-_]", name):
        raise PluginError(f"the package gets its mer- anyway: name the plugin {name[4:]!r}")
    if owners := plugin_host().extractors.owners.get(name):
        raise PluginError(f"plugin {name!r} is there already, of {owners[0]}: choose another name")
    return {
        "name": name,
        "distribution": f"mer-{name}",
        "package": f"mer_{name}".replace("-", "_"),
        "class_name": "".join(part.capitalize() for part in re.split("[-_]", name)),
    }


def _written(folder: Path, template: Path, words: dict[str, str]) -> Path:
    # Only in the templates' tree is the package called `package`.
    name = template.as_posix().removesuffix(_SUFFIX).replace("package", words["package"])
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = Template((_TEMPLATES / template).read_text(encoding="utf-8")).substitute(words)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    return path
