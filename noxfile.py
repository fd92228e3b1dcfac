"""Everything that must hold before a change lands: run ``nox``."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.5.1"
nox.options.sessions = ["lint", "typing", "tests", "coverage", "lowest", "mutants", "docs"]
nox.options.error_on_missing_interpreters = False

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group of the project."""
    return list(nox.project.dependency_groups(PROJECT, name))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and spelling."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell", "src", "tests", "benchmarks", "docs", "noxfile.py", "README.md")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of source and tests, with two checkers."""
    session.install("-e", ".", *group("typing"))
    session.run("mypy", "src", "tests", "noxfile.py")
    session.run("basedpyright")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Test the built wheel on every backend."""
    session.install(".", *group("tests"))
    session.run("coverage", "run", "-m", "pytest", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Combine what the tests covered on all Pythons, and demand all of it."""
    session.install(*group("tests"))
    session.run("coverage", "combine")
    session.run("coverage", "report")
