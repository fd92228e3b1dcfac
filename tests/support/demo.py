"""How the tests run the demo, and read what it says."""

from __future__ import annotations

from importlib.util import find_spec

from anycast._demo import main

BACKENDS = [name for name in ("asyncio", "trio", "uvloop") if find_spec(name)]


def run(*arguments: object) -> int:
    """Run the demo, with few messages unless the arguments say otherwise."""
    return main(["--messages", "40", *map(str, arguments)])


def row(output: str, backend: str) -> list[str]:
    """Return the cells of a backend's row of the summary; each share is one."""
    _, table = output.split("\n-------", maxsplit=1)
    (line,) = (line for line in table.splitlines() if line.startswith(f"{backend} "))
    return line.split()
