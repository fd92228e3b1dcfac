"""The files for the package index: the wheel, the sdist, and their metadata."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("build", reason="the group `package` is not installed")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both, and return the folder they are in."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)  # noqa: S603
    return folder


def files_of_wheel(built: Path) -> set[str]:
    """Return the names of the files in the wheel."""
    [wheel] = built.glob("*.whl")
    return set(ZipFile(wheel).namelist())


def files_of_sdist(built: Path) -> set[str]:
    """Return the names of the files in the sdist, below its folder."""
    [sdist] = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def tracked(*folders: str) -> set[str]:
    """Return the names of all files in folders of the project."""
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return {
        path.relative_to(ROOT).as_posix()
        for path in paths
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_the_package_and_nothing_else(built: Path) -> None:
    """The wheel has the package, the mark ``py.typed`` and the metadata."""
    names = {name for name in files_of_wheel(built) if ".dist-info/" not in name}
    assert names == {name.removeprefix("src/") for name in tracked("src")}
    assert "anycast/py.typed" in names


def test_the_sdist_has_all_to_test_it(built: Path) -> None:
    """The sdist has the source, the tests, the documentation, the tools and the licence."""
    names = files_of_sdist(built)
    assert tracked("src", "tests", "docs", "benchmarks") <= names
    assert {"noxfile.py", "mkdocs.yml", "README.md", "CHANGELOG.md", "LICENSE"} <= names
    assert {"SECURITY.md", "RELEASING.md", "CONTRIBUTING.md"} <= names


def description_of(built: Path) -> str:
    """Return the text that a package index shows."""
    [wheel] = built.glob("*.whl")
    with ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        _, text = archive.read(name).decode().split("\n\n", maxsplit=1)  # after the headers
    return text


CODE = re.compile(r"^```.*?^```$|`[^`]+`", re.DOTALL | re.MULTILINE)


def test_the_description_links_to_nothing_that_is_not_there(built: Path) -> None:
    """The description has the text of the README, without links to files beside the README."""
    text = CODE.sub("", description_of(built))
    targets = set(re.findall(r"\]\(([^)]*)\)", text))
    assert targets
    assert {target for target in targets if not target.startswith(("https:", "#"))} == set()
    assert "the contract" in text.lower()


def test_the_description_has_the_code_of_the_readme(built: Path) -> None:
    """Word for word, also where Python looks like a link of Markdown."""
    code = CODE.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert any("Anycast[int](" in block for block in code)
    assert CODE.findall(description_of(built)) == code


def test_the_description_renders(built: Path) -> None:
    """The README is a page of the package index."""
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stdout
    assert run.stdout.count("PASSED") == 2
