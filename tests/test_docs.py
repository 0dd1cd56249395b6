"""What people read first: links lead somewhere, commands exist, the two commands stand at the top."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from mer_plugins.cli import mer
from mer_plugins.cli.extract import command as extract

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    p for p in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def commands(text):
    """Every command of the code blocks, as words, without comments."""
    for block in re.findall(r"```\n(.*?)```", text, re.S):
        for line in block.replace("\\\n", " ").splitlines():
            yield from (part.split() for part in line.split("#")[0].split("&&"))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_commands_in_the_pages_exist_with_their_options(page):
    for words in commands(page.read_text(encoding="utf-8")):
        if words[:1] == ["mer-extract"]:
            found = extract
        elif words[:1] == ["mer"]:
            found = mer.get_command(None, words[1])
            if isinstance(found, click.Group) and set(words[2:3]) & set(found.commands):
                found = found.commands[words[2]]
            assert found is not None, words
        else:
            continue
        known = {option for parameter in found.params for option in parameter.opts}
        assert {w for w in words if w.startswith("-")} <= known, words


def test_the_first_screen_has_the_two_commands_and_a_picture():
    top = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:24])
    assert "make demo" in top and "make test" in top and "![" in top


def command_paths(group=mer, path=()):
    """Yield the words of every command and of every group of commands."""
    yield path
    for name in group.list_commands(None):
        found = group.get_command(None, name)
        yield from (
            command_paths(found, (*path, name))
            if isinstance(found, click.Group)
            else [(*path, name)]
        )


@pytest.mark.parametrize("words", [*command_paths()], ids=lambda words: " ".join(("mer", *words)))
def test_every_help_has_examples_that_call_the_command(words):
    result = CliRunner().invoke(mer, [*words, "--help"])
    assert result.exit_code == 0
    examples = result.stdout.partition("  Examples:\n")[2].replace("mer-extract", "mer extract")
    # Each example stands on a line of its own, to be copied, and is not run into a paragraph.
    assert re.search(rf"^ +{' '.join(('mer', *words))}\b", examples, re.MULTILINE)
    assert "\\b" not in result.stdout


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("exprot", "'export'"), ("sumary", "'summary'"), ("plugin", "'plugins'"), ("PLOT", "'plot'")],
)
def test_a_wrong_command_name_suggests_the_right_one(wrong, right):
    result = CliRunner().invoke(mer, [wrong, "x"])
    assert result.exit_code == 2
    assert f"No such command {wrong!r}. Did you mean {right}" in result.stderr


@pytest.mark.parametrize("wrong", ["zzz", "--exprot"])
def test_what_is_like_no_command_suggests_none(wrong):
    result = CliRunner().invoke(mer, [wrong])
    assert result.exit_code == 2
    assert wrong in result.stderr and "Did you mean" not in result.stderr


def test_a_wrong_option_name_suggests_the_right_one():
    result = CliRunner().invoke(mer, ["extract", "--plugn", "damff", "x"])
    assert result.exit_code == 2
    assert "--plugin" in result.stderr
