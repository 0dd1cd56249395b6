"""Bridges between :mod:`mer_plugins` and the libraries of the field; each is imported when used."""
