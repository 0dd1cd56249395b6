"""`mer completions`: the shell itself is asked what Tab would give."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from click.testing import CliRunner

from mer_plugins.cli import mer

NAMES = ("mer", "mer-extract")
TAB = """
. "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
"_${1//-/_}_completion" "$1"
printf '%s\\n' "${COMPREPLY[@]}"
complete -p "$1"
"""


def script(shell):
    result = CliRunner().invoke(mer, ["completions", shell])
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["mer", "pl"], ["plot", "plugins"]),
        (["mer", "plugins", "ch"], ["check"]),
        (["mer", "summary", "--js"], ["--json"]),
        (["mer", "completions", ""], ["bash", "zsh", "fish"]),
        (["mer-extract", "--allow"], ["--allow-truncated"]),
        (["mer-extract", "--plugin", "damff"], ["damff", "damff-ensemble"]),
        (["mer-extract", "--engine", "r"], ["ray"]),
        (["mer", "export", "--format", "web"], ["webvtt"]),
        (["mer", "datasets", "import", "pm"], ["pmemo"]),
        (["mer", "plugins", "check", "global"], ["global-mean"]),
        (["mer", "reproduce", "table"], ["table1", "table2", "table3"]),
    ],
)
def test_bash_completes(words, offered, commands, tmp_path):
    path = tmp_path / "completion"
    path.write_text(script("bash"))
    done = subprocess.run(
        ["bash", "--norc", "-c", TAB, "bash", path, *words],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    *found, registered = done.stdout.splitlines()
    assert found == offered
    assert registered.endswith(f" {words[0]}")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
@pytest.mark.parametrize("name", NAMES)
def test_the_other_shells_ask_in_a_way_that_is_answered(shell, name, commands):
    variable = f"_{name}_COMPLETE".replace("-", "_").upper()
    text = script(shell)
    assert f"{variable}={shell}_complete" in text
    asked = {variable: f"{shell}_complete", "COMP_WORDS": f"{name} --versi", "COMP_CWORD": "1"}
    answer = subprocess.run(
        [name], env={**os.environ, **asked}, capture_output=True, text=True, check=True
    ).stdout
    if shell == "fish":
        # fish sends the word in hand instead of its number.
        answer += subprocess.run(
            [name],
            env={**os.environ, **asked, "COMP_CWORD": "--versi"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert "--version" in answer


def test_a_shell_that_is_not_known_is_refused_with_those_that_are():
    result = CliRunner().invoke(mer, ["completions", "cmd"])
    assert result.exit_code == 2
    assert all(shell in result.stderr for shell in ("bash", "zsh", "fish"))
