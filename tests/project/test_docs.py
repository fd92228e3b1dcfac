"""The pages of the documentation, as they are built: every link, and all that they load."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from ast import literal_eval
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest

import anycast

ROOT = Path(__file__).parents[2]
SITE = ROOT / "site"  # for people to look at, too
pytest.importorskip("zensical", reason="the group `docs` is not installed")


class Page(HTMLParser):
    """The links to a page, the links from the page, and the files that the page loads."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record an element."""
        of = {name: value or "" for name, value in attrs}
        self.anchors |= {of[name] for name in ("id", "name") if name in of}
        if tag == "a" and "href" in of:
            self.links.append(of["href"])
        self.loads += [of[name] for name in ("src", "srcset", "data") if name in of]
        if tag == "link" and of.get("rel") not in {"canonical", "next", "prev"}:
            self.loads.append(of["href"])


@pytest.fixture(scope="module")
def pages() -> dict[Path, Page]:
    """Build the documentation, with warnings as errors, and read every page."""
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
    assert run.returncode == 0, run.stdout + run.stderr
    return {path: Page(path) for path in SITE.rglob("*.html") if path.name != "404.html"}


def test_every_link_leads_somewhere(pages: dict[Path, Page]) -> None:
    """Each link leads to a page or a file that was built, and to an existing place in the page."""
    dead = [
        f"{path.name}: {link}"
        for path, page in pages.items()
        for link in page.links
        if not urlsplit(link).scheme and not is_there(link, path, pages)
    ]
    assert dead == []


def is_there(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    """Return whether a link of a page leads somewhere."""
    parts = urlsplit(link)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target not in pages:
        return target.is_file()
    return not parts.fragment or unquote(parts.fragment) in pages[target].anchors


def test_every_picture_is_there(pages: dict[Path, Page]) -> None:
    """Pictures, styles and scripts of the site itself are files of the site."""
    missing = [
        f"{path.name}: {url}"
        for path, page in pages.items()
        for url in page.loads
        if not urlsplit(url).scheme and not is_there(url, path, pages)
    ]
    assert missing == []


def test_every_page_is_in_the_navigation(pages: dict[Path, Page]) -> None:
    """A reader finds each page that was written."""
    links = {(SITE / link).resolve() for link in pages[SITE / "index.html"].links}
    written = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    assert {SITE / path.with_suffix(".html") for path in written} <= {*links, SITE / "index.html"}


def test_the_page_for_a_wrong_address_leads_on(pages: dict[Path, Page]) -> None:
    """It has a title of its own, a link to the start, and links to all pages."""
    text = (SITE / "404.html").read_text(encoding="utf-8")
    assert "<title>Not found - anycast</title>" in text
    [article] = re.findall(r"<article.*?</article>", text, re.DOTALL)
    # Each link begins with the path of the site: the wrong address may be in any folder.
    root = urlsplit(os.environ.get("READTHEDOCS_CANONICAL_URL", "/")).path
    assert re.findall(r'href="([^"]+)"', article) == [f"{root}index.html"]
    links = [link for link in Page(SITE / "404.html").links if link.startswith(root)]
    assert {SITE / link.removeprefix(root) for link in links} == set(pages)


def test_nothing_is_loaded_from_elsewhere(pages: dict[Path, Page]) -> None:
    """No script, style, font or picture is loaded from elsewhere, so readers stay private."""
    assert len(pages) > 10
    foreign = [url for page in pages.values() for url in page.loads if urlsplit(url).netloc]
    assert foreign == []


CHART = re.compile(r'<svg [^>]*role="img".*?</svg>', re.DOTALL)
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = {SVG + name for name in ("path", "rect", "circle", "line", "use")}


def charts_of(path: Path) -> list[str]:
    """Return every chart and diagram that is part of a page, or an image of a page."""
    text = path.read_text(encoding="utf-8")
    images = re.findall(r'<img [^>]*src="([^"]+\.svg)"', text)
    return CHART.findall(text) + [(path.parent / name).read_text("utf-8") for name in images]


def picture(chart: str) -> str:
    """Return what two texts of the same picture have in common."""
    return ET.canonicalize(chart.replace(' data-search-exclude=""', ""), strip_text=True)


def test_every_chart_is_drawn(pages: dict[Path, Page]) -> None:
    """A chart in a page is the picture of its file, with shapes, and without elements of HTML."""
    files = [*(ROOT / "docs" / "diagrams").glob("*.svg"), *(ROOT / "benchmarks").rglob("*.svg")]
    pictures = {picture(path.read_text("utf-8")) for path in files}
    shown: set[str] = set()
    for chart in (chart for path in pages for chart in charts_of(path)):
        elements = {element.tag for element in ET.fromstring(chart).iter()}  # noqa: S314  our own
        assert elements & SHAPES
        assert {tag for tag in elements if not tag.startswith(SVG)} == set()
        shown.add(picture(chart))
    assert shown == pictures


def test_the_names_within_charts_are_unique(pages: dict[Path, Page]) -> None:
    """A chart that uses a shape of another chart of the page would be drawn wrongly."""
    for path in pages:
        names = re.findall(r'\bid="([^"]+)"', "".join(CHART.findall(path.read_text("utf-8"))))
        assert len(names) == len(set(names))


PHONE = 358  # pixels: the width of the text of a page on a phone that is 390 pixels wide
STYLE = (ROOT / "docs" / "extra.css").read_text(encoding="utf-8")


def test_the_text_of_every_chart_can_be_read_on_a_phone(pages: dict[Path, Page]) -> None:
    """It has ten pixels or more where the chart is as wide as the page."""
    [in_diagrams] = re.findall(r"\.diagram text \{ font-size: ([\d.]+)px", STYLE)
    for chart in (chart for path in pages for chart in charts_of(path)):
        width = float(ET.fromstring(chart).attrib["viewBox"].split()[2])  # noqa: S314  our own
        sizes = re.findall(r"font(?:-size)?: (?:[a-z]+ )?([\d.]+)px", chart) or [in_diagrams]
        assert min(map(float, sizes)) * PHONE / width >= 10


def test_every_legend_is_within_its_chart(pages: dict[Path, Page]) -> None:
    """A legend that is too wide would be cut off."""
    legends = 0
    for chart in (chart for path in pages for chart in charts_of(path)):
        root = ET.fromstring(chart)  # noqa: S314  our own
        width = float(root.attrib["viewBox"].split()[2])
        for legend in root.iterfind(f".//{SVG}g[@id]"):
            if "-legend_" in legend.attrib["id"]:
                shapes = [path.attrib["d"] for path in legend.iter(f"{SVG}path")]
                edges = [float(x) for x in re.findall(r"[ML] (\S+)", shapes[0])]
                assert 0 <= min(edges) < max(edges) <= width
                legends += 1
    assert legends


def contrast(*colours: str) -> float:
    """Return the ratio of the luminance of two colours, as the web's rules define it."""
    values = [[int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)] for colour in colours]
    parts = [
        [v / 12.92 if v <= 0.04 else ((v + 0.055) / 1.055) ** 2.4 for v in rgb] for rgb in values
    ]
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05 for r, g, b in parts)
    return light / dark


def test_the_colours_of_text_can_be_read() -> None:
    """Links and red labels stand out from the page, as the web's rules ask of text."""
    light, dark = "#f5f5f5", "#1e1e1e"  # behind code, and behind a chart alone; pages contrast more
    red_on_light, red_on_dark = re.findall(r"--chart-behind: (#\w{6})", STYLE)
    links = re.findall(r"--md-(?:typeset-a|accent-fg)-color: (#\w{6})", STYLE)
    assert len(links) == 2
    assert min(contrast(colour, light) for colour in (red_on_light, *links)) >= 4.5
    assert contrast(red_on_dark, dark) >= 4.5


def test_the_style_is_about_what_the_pages_have(pages: dict[Path, Page]) -> None:
    """Each class that the style names is in a page, except those of the theme."""
    styled = re.sub(r"/\*.*?\*/", "", STYLE, flags=re.DOTALL)
    named = {name for name in re.findall(r"\.([a-z][\w-]+)", styled) if not name.startswith("md-")}
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    found = {name for value in re.findall(r'\bclass="([^"]*)"', text) for name in value.split()}
    assert {"chart", "language-output", "doc-heading"} <= named
    assert named - found == set()


# Words that people search for: of other libraries, of tools, and of what they want to do.
SOUGHT = """
    aiohttp arq asyncio await backpressure batch broadcast cancel celery clear close consumer
    crawler deadlock empty exception fastapi full graceful hang health httpx join lease lifespan
    limit logging maxsize metrics multiprocessing mypy peek pickle priority process producer
    prometheus pubsub put pydantic pytest qsize queue rate redis reply request retry select sentinel
    shutdown sigterm starlette subprocess thread timeout trio uvicorn uvloop valkey warning worker
"""


@pytest.fixture(scope="module")
def found(pages: dict[Path, Page]) -> set[str]:
    """Return every word of the pages, as the search splits the pages into words."""
    assert pages  # the pages are built before
    index = json.loads((SITE / "search.json").read_text(encoding="utf-8"))
    text = " ".join(f"{item['title']} {item['text']}" for item in index["items"]).lower()
    return set(re.split(index["config"]["separator"], re.sub(r"<[^>]*>", " ", text)))


@pytest.mark.parametrize("word", SOUGHT.split())
def test_the_search_finds_what_people_look_for(found: set[str], word: str) -> None:
    """A word that people type is the beginning of a word of the pages."""
    assert any(each.startswith(word) for each in found)


def test_the_tests_that_are_named_exist() -> None:
    """A test file that a page names exists."""
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    named = set(re.findall(r"`(\w+/test_\w+\.py)`", text))
    assert {"channel/test_contract.py", "redis/test_contract.py"} <= named
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []


@pytest.mark.parametrize("name", anycast.__all__)
def test_the_reference_is_complete(pages: dict[Path, Page], name: str) -> None:
    """The reference has every public name and every public member."""
    thing: type[object] = getattr(anycast, name)
    members = [key for key, value in vars(thing).items() if key[0] != "_" and value.__doc__]
    wanted = {f"anycast.{name}", *(f"anycast.{name}.{key}" for key in members)}
    assert wanted <= anchors(pages)


def test_a_long_signature_stands_over_several_lines(pages: dict[Path, Page]) -> None:
    """A signature is read without scrolling, on most phones, too."""
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    blocks = re.findall(r'<div class="[^"]*doc-signature.*?</div>', text, re.DOTALL)
    signatures = [html.unescape(re.sub(r"<[^>]*>", "", block)) for block in blocks]
    assert any(len(signature) > 100 for signature in signatures)
    assert max(len(line) for signature in signatures for line in signature.splitlines()) <= 44


def test_the_reference_has_public_names_only(pages: dict[Path, Page]) -> None:
    """No heading of the reference begins with an underscore."""
    names = {anchor for anchor in anchors(pages) if re.fullmatch(r"anycast(\.\w+)+", anchor)}
    assert "anycast.open_channel" in names
    assert [name for name in names if "._" in name] == []


def test_the_pages_are_for_users(pages: dict[Path, Page]) -> None:
    """They show neither labels for authors of a channel, nor comments for linters."""
    text = "".join(path.read_text(encoding="utf-8") for path in (*pages, SITE / "search.json"))
    assert "dataclass</code>" in text  # a label that users see
    for noise in ("abstractmethod", "instance-attribute", "noqa", "type: ignore"):
        assert noise not in text


def test_the_reference_shows_what_a_call_returns_and_raises(pages: dict[Path, Page]) -> None:
    """A call returns one thing, whatever its lines; and each error has a line of its own."""
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    lists = re.findall(r">(Returns|Raises):</span>.*?<ul>(.*?)</ul>", text, re.DOTALL)
    items = [(kind, re.findall(r"<li.*?>(.*?)<div", text, re.DOTALL)) for kind, text in lists]
    assert {kind for kind, _ in items} == {"Returns", "Raises"}
    assert [found for kind, found in items if kind == "Returns" and len(found) != 1] == []
    types = [re.sub(r"<[^>]*>|\s", "", each) for _, found in items for each in found]
    assert [name for name in types if not name[0].isalpha()] == []


def test_the_reference_of_channels_on_a_server_is_complete(pages: dict[Path, Page]) -> None:
    """The reference can be built without the packages that `anycast.redis` needs."""
    source = (Path(anycast.__file__).parent / "redis" / "__init__.py").read_text(encoding="utf-8")
    [names] = re.findall(r"^__all__ = (\[.*?\])", source, re.DOTALL | re.MULTILINE)
    assert {f"anycast.redis.{name}" for name in literal_eval(names)} <= anchors(pages)


def anchors(pages: dict[Path, Page]) -> set[str]:
    """Return the anchors of all pages."""
    return set[str]().union(*(page.anchors for page in pages.values()))
