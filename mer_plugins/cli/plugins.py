"""``mer plugins``: what is installed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from mer_plugins.contracts import ExtractorInfo
    from mer_plugins.host import PluginHost


@click.command("plugins", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything that is known.")
def command(as_json: bool) -> int:
    r"""List the plugins of this environment: version, native scale, rate, window, licence.

    \b
    Examples:
      mer plugins
      mer plugins --json
    """
    from mer_plugins.host import plugin_host

    host = plugin_host()
    if as_json:
        click.echo(json.dumps(_everything(host), indent=2))
    else:
        for name in sorted(host.extractors.specs):
            click.echo(_described(host.extractors.specs[name].info))
    for broken in host.broken:
        click.echo(f"broken: {broken.name!r} of {broken.distribution}: {broken.reason}", err=True)
    for clash in host.clashes():
        click.echo(f"error: {clash}", err=True)
    return 2 if host.clashes() else 0


def _described(info: ExtractorInfo) -> str:
    rate = f"{info.sample_rate} Hz" if info.sample_rate else "any rate"
    return (
        f"{info.name} {info.version}  {info.summary}\n"
        f"    {info.kind}; native scale {info.scale}; {rate}; "
        f"window {info.window_s:g} s, a value each {info.hop_s:g} s\n"
        f"    licence: {info.licence or 'not stated'}\n"
        f"    cite: {info.citation or 'not stated'}"
    )


def _everything(host: PluginHost) -> dict[str, object]:
    return {
        "extractors": [
            {**host.extractors.specs[n].info.to_dict(), "distribution": host.extractors.owners[n]}
            for n in sorted(host.extractors.specs)
        ],
        "writers": sorted(host.writers.specs),
        "engines": sorted(host.engines.specs),
        "broken": [vars(broken) for broken in host.broken],
        "clashes": host.clashes(),
    }
