"""Does an extractor keep the contract? What ``mer plugins check`` and a plugin's own tests ask.

All sound is made here, from fixed seeds, so that an answer is always the same. What is asked stands
in :mod:`mer_plugins.contract_checks`.

The idea is that of scikit-learn's ``check_estimator``.

Examples
--------
In the tests of a plugin of one's own::

    from mer_plugins.testing import assert_extractor

    def test_it_keeps_the_contract():
        assert_extractor("loudness")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mer_plugins.contract_checks import CHECKS, BrokenContractError, NotApplicableError, Subject
from mer_plugins.contracts import Extractor
from mer_plugins.errors import MerError
from mer_plugins.host import plugin_host

if TYPE_CHECKING:
    from mer_plugins.host import PluginHost

__all__ = [
    "CHECKS",
    "CheckResult",
    "ContractError",
    "Subject",
    "assert_extractor",
    "check_extractor",
    "make_subject",
    "run_check",
]


class ContractError(MerError):
    """An extractor does not keep the contract; the text names every check that failed."""


@dataclass(frozen=True)
class CheckResult:
    """What became of one check: ``passed``, ``failed`` or ``skipped``, and why."""

    check: str
    outcome: Literal["passed", "failed", "skipped"]
    reason: str = ""


def check_extractor(
    extractor: str | Extractor,
    *,
    parameters: Mapping[str, Any] | None = None,
    host: PluginHost | None = None,
) -> list[CheckResult]:
    """Hold an extractor against the contract, check by check.

    Parameters
    ----------
    extractor : str or Extractor
        Name of a registered plugin, or an extractor that is ready.
    parameters : mapping, optional
        Keyword parameters, for a plugin given by its name.
    host : PluginHost, optional
        Where the name is looked up; by default the plugins of this environment.

    Returns
    -------
    list of CheckResult
        One for each of :data:`CHECKS`, in their order. An exception that a check does not expect is
        a failure of that check; the others go on.

    Raises
    ------
    PluginError, CheckpointError
        If there is no such plugin, or it cannot be made: a package or a file is missing.
    """
    subject = make_subject(extractor, parameters=parameters, host=host)
    return [run_check(name, subject) for name in CHECKS]


def assert_extractor(
    extractor: str | Extractor,
    *,
    parameters: Mapping[str, Any] | None = None,
    host: PluginHost | None = None,
) -> None:
    """Raise ContractError unless :func:`check_extractor` finds nothing; for tests.

    Parameters and further errors are those of :func:`check_extractor`.
    """
    results = check_extractor(extractor, parameters=parameters, host=host)
    if failed := [f"{r.check}: {r.reason}" for r in results if r.outcome == "failed"]:
        raise ContractError("; ".join(failed))


def make_subject(
    extractor: str | Extractor,
    *,
    parameters: Mapping[str, Any] | None = None,
    host: PluginHost | None = None,
) -> Subject:
    """Make what the checks examine; parameters and errors are those of :func:`check_extractor`."""
    if not isinstance(extractor, str):
        return Subject(extractor)
    host = host or plugin_host()
    made = host.create(extractor, **(parameters or {}))
    return Subject(made, host.extractors.get(extractor).info)


def run_check(name: str, subject: Subject) -> CheckResult:
    """Run one of :data:`CHECKS` on an extractor."""
    try:
        return CheckResult(name, "passed", CHECKS[name](subject) or "")
    except NotApplicableError as exc:
        return CheckResult(name, "skipped", str(exc))
    except BrokenContractError as exc:
        return CheckResult(name, "failed", str(exc))
    except Exception as exc:  # whatever a plugin raises is the finding
        reason = f"raised {type(exc).__name__}: {' '.join(str(exc).split())}"
        return CheckResult(name, "failed", reason)
