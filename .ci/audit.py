"""Look the pinned versions up among known vulnerabilities: ``make audit``.

Ends with 1 where one is found. Where the service cannot be asked, which is not the change's fault,
it says so and ends with 0.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"


def main() -> int:
    """Run pip-audit and tell what it found."""
    words = ["--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip", "--format", "json"]
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pip_audit", *words, "--progress-spinner", "off"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    try:
        packages = json.loads(found.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"audit: nothing was audited: {found.stderr.strip().splitlines()[-1:]}")
        return 0
    asked = [package for package in packages if "vulns" in package]
    for package in asked:
        for vulnerability in package["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            print(f"{package['name']} {package['version']}: {vulnerability['id']}, fixed: {fixed}")
    bad = sum(bool(package["vulns"]) for package in asked)
    print(f"audit: {len(asked)} of {len(packages)} pinned packages looked up, {bad} vulnerable")
    if not asked:
        print("audit: the index here tells no vulnerabilities; run it where PyPI itself is reached")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
