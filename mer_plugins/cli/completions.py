"""``mer completions``: what a shell reads to complete ``mer`` and ``mer-extract``."""

from __future__ import annotations

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command("completions", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> int:
    """Print the script by which SHELL completes commands, options, names and files with Tab.

    It is for `mer` and `mer-extract`. Write it to a file that the shell reads when it starts, once;
    a new shell then completes.

    \b
    Examples:
      mer completions bash > ~/.mer-completion; echo '. ~/.mer-completion' >> ~/.bashrc
      mer completions zsh > ~/.mer-completion; echo '. ~/.mer-completion' >> ~/.zshrc
      mer completions fish > ~/.config/fish/conf.d/mer.fish

    In zsh, that line stands after `autoload -U compinit && compinit`.
    """  # noqa: D301
    for name in ("mer", "mer-extract"):
        click.echo(_script(shell, name))
    return 0


def _script(shell: str, name: str) -> str:
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"{shell!r} is not known to this version of click")
    # The variable by which click, run as `name`, is asked for completions.
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    return made(click.Command(name), {}, name, variable).source()
