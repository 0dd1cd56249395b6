"""Ask PyPI for known faults of every pinned release: ``make audit``.

Exit code 1 if there are any. Where the service cannot be reached, or a mirror knows no release,
one line says so, and the exit code is 0: nothing was found out.
"""

from __future__ import annotations

import json
import subprocess
import sys

COMMAND = ["-m", "pip_audit", "-r", "constraints.txt", "--no-deps", "--disable-pip", "-f", "json"]
UNREACHABLE = ("could not connect", "connection", "timed out", "httperror", "resolve")


def main() -> int:
    """Print what was found; return the exit code."""
    done = subprocess.run(
        [sys.executable, *COMMAND, "--progress-spinner", "off"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        releases = json.loads(done.stdout)["dependencies"]
    except ValueError:
        return not_run(done.stderr)
    known = [release for release in releases if "vulns" in release]
    if not known:
        print(f"audit: not done: PyPI tells nothing here of any of {len(releases)} releases")
        return 0
    found = [line for release in known for line in faults(release)]
    print(*found, f"audit: {len(found)} known faults in {len(known)} releases", sep="\n")
    print(*(release["skip_reason"] for release in releases if release not in known), sep="\n")
    return 1 if found else 0


def not_run(said: str) -> int:
    """Tell why there is no answer; a service out of reach is no failure, all else is."""
    last = (said.strip().splitlines() or ["no message"])[-1]
    print(f"audit: not done: {last}")
    return 0 if any(word in said.lower() for word in UNREACHABLE) else 1


def faults(release: dict) -> list[str]:
    """Return one line for each known fault of a release."""
    name = f"{release['name']} {release['version']}"
    return [
        f"{name}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'no release yet'}"
        for fault in release["vulns"]
    ]


if __name__ == "__main__":
    sys.exit(main())
