"""Join a Ray cluster or start one, quietly, and leave this program as it was."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mer_plugins.errors import PluginError, one_line

# Jobs are small and recordings never pass through it; Ray takes no less.
_OBJECT_STORE_BYTES = 80 * 2**20
_ANSWER_S = 10.0


@contextmanager
def session(address: str | None, cpus: int) -> Iterator[None]:
    """Join a cluster or start one, and leave it in the end unless we were in it before."""
    with _quiet_import():
        import ray

    if address is None and ray.is_initialized():
        yield
        return
    try:
        with _handlers_kept():
            _connect(address, cpus)
        yield
    finally:
        ray.shutdown()


def _connect(address: str | None, cpus: int) -> None:
    import ray

    if address is not None:
        _check_answers(address)
    own: dict[str, Any] = {
        "num_cpus": cpus,
        "include_dashboard": False,
        "object_store_memory": _OBJECT_STORE_BYTES,
    }
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if address else own),
        )
    except Exception as exc:
        where = f"no Ray cluster answers at {address!r}" if address else "Ray cannot start here"
        raise PluginError(f"{where}: {one_line(exc)}") from exc


def _check_answers(address: str) -> None:
    """Raise PluginError at once where Ray would try for minutes."""
    host, colon, port = address.rpartition(":")
    if "://" in address or not (colon and port.isdecimal()):
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _ANSWER_S).close()
    except (OSError, OverflowError) as exc:
        raise PluginError(f"no Ray cluster answers at {address!r}: {one_line(exc)}") from exc


@contextmanager
def _quiet_import() -> Iterator[None]:
    """Keep Ray, imported within, from printing on standard output that a worker has died.

    It does so whatever `log_to_driver` says, and reads what to leave out when it is imported.
    """
    name = "RAY_DEDUP_LOGS_SKIP_REGEX"
    before = os.environ.get(name)
    os.environ[name] = before or "."
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Keep what the program does on SIGTERM, which Ray would set to end it."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        with suppress(ValueError):  # not in the main thread, where Ray has set nothing either
            signal.signal(signal.SIGTERM, before)


def resources() -> dict[str, float]:
    """Return all that the cluster has, by kind, free or not."""
    import ray

    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return found


def places(num_gpus: float) -> int:
    """Return how many workers of 1 CPU and `num_gpus` GPUs the cluster can hold, at least 1."""
    found = resources()
    places = found.get("CPU", 0.0)
    if num_gpus:
        places = min(places, found.get("GPU", 0.0) / num_gpus)
    return max(1, int(places))
