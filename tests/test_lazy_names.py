"""Every public name resolves, and no other does."""

from __future__ import annotations

import importlib

import pytest

PACKAGES = ("mer_plugins", "damff")


@pytest.mark.parametrize(
    ("package", "name"),
    [(p, name) for p in PACKAGES for name in importlib.import_module(p).__all__],
)
def test_every_public_name_resolves(package, name):
    assert getattr(importlib.import_module(package), name) is not None


@pytest.mark.parametrize("package", PACKAGES)
def test_an_unknown_name_is_an_attribute_error_that_names_it(package):
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = importlib.import_module(package).nothing
