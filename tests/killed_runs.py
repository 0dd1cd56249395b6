"""Training runs that end in the middle of a pass."""

from __future__ import annotations

from mer_plugins.sequence.plan import Listener


class Killed(BaseException):
    """As a signal would end the run."""


class Killer(Listener):
    """Ends the run in the middle of a pass, once."""

    def __init__(self, at_step):
        self.left = at_step

    def step(self, loss):
        self.left -= 1
        if not self.left:
            raise Killed
