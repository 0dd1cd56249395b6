"""``mer plugins``: what is installed, and whether it keeps the contract."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from mer_plugins.cli.options import names_of, parameter_option, parse_parameters

if TYPE_CHECKING:
    from mer_plugins.contracts import ExtractorInfo
    from mer_plugins.host import PluginHost

_HELP = {"help_option_names": ["-h", "--help"]}


@click.group("plugins", invoke_without_command=True, context_settings=_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with everything that is known.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> int:
    """List the plugins of this environment: version, native scale, rate, window, licence.

    \b
    Examples:
      mer plugins
      mer plugins --json
      mer plugins check damff
    """  # noqa: D301
    return 0 if context.invoked_subcommand else _listed(as_json)


@command.command(context_settings=_HELP)
@click.argument("name", shell_complete=names_of("extractors"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one entry a check.")
@parameter_option("Parameter of the plugin.")
def check(name: str, as_json: bool, parameters: tuple[str, ...]) -> int:
    """Hold a plugin against the contract, on sound that is made for it.

    Exit status: 0 nothing failed, 1 a check failed, 2 the plugin cannot be made.

    \b
    Examples:
      mer plugins check damff
      mer plugins check essentia-musicnn -p models=DIR
      mer plugins check damff --json
    """  # noqa: D301
    from mer_plugins.testing import check_extractor

    results = check_extractor(name, parameters=parse_parameters(parameters))
    if as_json:
        click.echo(json.dumps([vars(result) for result in results], indent=2))
    for result in [] if as_json else results:
        reason = f": {result.reason}" if result.reason else ""
        click.echo(f"{result.outcome:<7} {result.check}{reason}")
    return 1 if any(result.outcome == "failed" for result in results) else 0


def _listed(as_json: bool) -> int:
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
