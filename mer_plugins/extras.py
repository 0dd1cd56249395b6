"""What comes with the extras of the distribution: looked for without importing it."""

from __future__ import annotations

from importlib.util import find_spec

from mer_plugins.errors import PackageError


def is_installed(package: str) -> bool:
    """Return whether a package can be found, without importing it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def require(what: str, *packages: str, extra: str) -> None:
    """Make sure that packages are there.

    Parameters
    ----------
    what : str
        What needs them, as the error begins.
    *packages : str
        Names to import.
    extra : str
        The extra of this distribution that brings them.

    Raises
    ------
    PackageError
        If any is missing; it names them and the extra.
    """
    if missing := [name for name in packages if not is_installed(name)]:
        names = " and ".join(filter(None, (", ".join(missing[:-1]), missing[-1])))
        raise PackageError(f"{what} needs {names}: pip install 'mer-plugins[{extra}]'")
