"""Values of options: what is taken for a key and what for a slip."""

from __future__ import annotations

import click
import pytest

from mer_plugins.cli.options import parse_parameters


def test_groups_have_keys_only_where_settings_have_groups():
    assert parse_parameters(["a.b=1", "c=x"], nested=True) == {"a.b": 1, "c": "x"}
    with pytest.raises(click.BadParameter, match=r"'a\.b=1': expected KEY=VALUE"):
        parse_parameters(["a.b=1"])


@pytest.mark.parametrize("pair", ["a", "=1", "a-b=1", "1a=1", "a.=1", ".a=1"])
@pytest.mark.parametrize("nested", [False, True])
def test_what_is_no_key_is_refused(pair, nested):
    with pytest.raises(click.BadParameter, match="expected KEY=VALUE"):
        parse_parameters([pair], nested=nested)
