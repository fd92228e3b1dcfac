"""Where a run took place: machine, versions, commit, date."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

PACKAGES = (
    "anycast",
    "anyio",
    "asyncio-channel",
    "chanio",
    "culsans",
    "frequenz-channels",
    "trio",
    "uvloop",
)


def environment(*, repeats: int, quick: bool, packages: Iterable[str] = PACKAGES) -> dict[str, Any]:
    """Return what a reader needs to judge the numbers."""
    return {
        "machine": {
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "system": f"{platform.system()}, {platform.machine()}",
            "python": f"{platform.python_implementation()} {platform.python_version()}",
        },
        "packages": {package: version(package) for package in packages},
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "repeats": repeats,
        "quick": quick,
    }


def headline(found: dict[str, Any]) -> str:
    """Return one line for charts and tables."""
    machine = found["machine"]
    return (
        f"{machine['python']}, {machine['cpu']}, {machine['cores']} cores, "
        f"commit {found['commit']}, {found['date'][:10]}, "
        f"medians of {found['repeats']} interleaved repeats"
        + (", quick: not to be cited" if found["quick"] else "")
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """Return the commit, with a plus sign if the library differs from it."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "src") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    root = Path(__file__).parent
    command = ["git", "-C", str(root.parent), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
