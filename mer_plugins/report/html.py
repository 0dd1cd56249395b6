"""Pages from templates: what every report shares."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from markupsafe import Markup

from mer_plugins.atomic import replacing
from mer_plugins.errors import MerError

TEMPLATES = "templates/report"


class ReportError(MerError):
    """A report cannot be made or written."""


def render(name: str, *, data: object, **values: object) -> str:
    """Fill a template of this package with plotly and `data`, which becomes JSON.

    Whatever is not marked as safe is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    loader = PackageLoader("mer_plugins", TEMPLATES)
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def source(part: str) -> Markup:
        return Markup(loader.get_source(environment, part)[0])  # noqa: S704

    safe = {"data": Markup(json_text(data)), "plotly": Markup(get_plotlyjs())}  # noqa: S704
    return environment.get_template(name).render(source=source, **safe, **values)


def json_text(value: object) -> str:
    """Return JSON that stands anywhere within a page: no character in it can end a script."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def write(path: Path, text: str) -> None:
    """Write a file as a whole; OSError if the disk does not take it."""
    # A name that is no UTF-8 comes out as question marks instead of stopping the report.
    with replacing(path) as file:
        file.write(text.encode("utf-8", "replace"))


def checked_page(page: Path) -> None:
    """Raise ReportError before any work if the folder of a page does not exist."""
    if not page.parent.is_dir():
        raise ReportError(f"{page}: cannot be written: its folder does not exist; make it first")


@contextmanager
def telling(page: Path) -> Iterator[None]:
    """Turn an OSError into a ReportError that names the page."""
    try:
        yield
    except OSError as exc:
        raise ReportError(f"{page}: cannot be written ({exc.strerror or exc})") from exc
