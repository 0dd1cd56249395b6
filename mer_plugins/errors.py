"""Errors that are meant for people: what was found, what was expected, what to do."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """Return what an error says, in one line; its type if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


class MerError(Exception):
    """Root of every error this project raises on purpose; its text is one line for a person."""


class AudioError(MerError):
    """A recording could not be read, or holds nothing that can be analysed."""


class JamsError(MerError):
    """A JAMS file could not be read, merged or written."""


class PluginError(MerError):
    """A plugin is unknown, clashes with another, cannot be loaded or got a wrong parameter."""


class PackageError(PluginError):
    """A package is missing that one of the extras brings."""


class CheckpointError(MerError):
    """A checkpoint file is damaged, or does not fit the model it was given to."""
