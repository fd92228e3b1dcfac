"""A figure as an SVG file that is readable on a phone, on light and on dark pages.

A chart has no background, and draws text in the colour of the text around the chart. An image that
stands alone follows the reader's system, light or dark.

The file is a single line without metadata, and uses no elements but those of SVG. So a page in
Markdown can include the file: Markdown would take a line that begins with ``<style>`` for the end
of a paragraph, and would put elements of HTML into the chart.
"""

from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import matplotlib as mpl

from benchmarks.environment import headline

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from matplotlib.figure import Figure

INK = "#010203"  # stands for the colour of the text around the chart
RED = "#c62829"  # stands for a red that can be read on the page
WIDTH = 4.6  # inches
FONT = 9.5  # points; on a phone the chart is as wide as the page, and the text has ten pixels
SCALE = 1.6  # pixels for each point, where there is room
LINE = 52  # characters
SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
ALONE = (
    "svg:root{color:#222;background:#fff;--chart-behind:#c62828}@media(prefers-color-scheme:dark)"
    "{svg:root{color:#ddd;background:#1e1e1e;--chart-behind:#ff7b72}}"
)

mpl.rcParams.update(
    {
        "svg.hashsalt": "anycast",
        "svg.fonttype": "none",  # text stays text
        **dict.fromkeys(("axes.titlesize", "legend.fontsize", "figure.titlesize"), FONT),
        "font.size": FONT,
        "axes.axisbelow": True,
        "legend.framealpha": 0,
        **dict.fromkeys(
            ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor"), INK
        ),
        **dict.fromkeys(("xtick.color", "ytick.color", "legend.labelcolor"), INK),
    }
)


def save(figure: Figure, path: Path, title: str, facts: dict[str, Any]) -> None:
    """Write a figure, with a title and the facts about the machine above the panels."""
    about = headline(facts) + (f", {facts['server']}" if "server" in facts else "")
    figure.suptitle(f"{title}\n{_wrapped(about.split(', '))}")
    for axes in figure.axes:
        axes.set_facecolor("none")
    drawn = StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None}, facecolor="none")
    path.write_text(_for_any_page(drawn.getvalue(), title, path.stem), encoding="utf-8")


def _wrapped(facts: list[str]) -> str:
    lines = [""]
    for fact in facts:
        if len(lines[-1]) + len(fact) > LINE:
            lines.append("")
        lines[-1] += fact + ", "
    return "\n".join(lines).removesuffix(", ")


def _for_any_page(drawn: str, title: str, prefix: str) -> str:
    """Return the text of the file: the chart with names of its own, and without metadata."""
    root = ET.fromstring(drawn)  # noqa: S314  from matplotlib
    for name in ("metadata", "defs"):  # this `defs` has the style of matplotlib, for every element
        root.remove(_child(root, name))
    for element in root.iter():
        _tidy(element, prefix)
    _label(root, title)
    ET.register_namespace("", SVG.strip("{}"))
    text = ET.tostring(root, encoding="unicode").replace(INK, "currentColor")
    text = text.replace(RED, "var(--chart-behind)")
    return re.sub(r"font: ([^;\"]*?px) [^;\"]*", r"font: \1 sans-serif", text) + "\n"


def _child(root: ET.Element, name: str) -> ET.Element:
    child = root.find(SVG + name)
    assert child is not None
    return child


def _tidy(element: ET.Element, prefix: str) -> None:
    """Give an element a name that is unique in a page with several charts, and drop white space."""
    for key, value in list(element.items()):
        element.set(key, re.sub(r"url\(#", f"url(#{prefix}-", value))
    if (name := element.get("id")) is not None:
        element.set("id", f"{prefix}-{name}")
    if (name := element.attrib.pop(HREF, None)) is not None:
        element.set("href", f"#{prefix}-{name.removeprefix('#')}")
    if element.tag not in {SVG + "text", SVG + "tspan"}:
        element.text = (element.text or "").strip()
    element.tail = (element.tail or "").strip()


def _label(root: ET.Element, title: str) -> None:
    """Say what the chart is, to people and to programs that read the page aloud."""
    box = root.attrib["viewBox"]
    root.attrib.clear()
    width, height = (str(round(SCALE * float(side))) for side in box.split()[2:])
    root.attrib.update(viewBox=box, width=width, height=height, role="img")
    root.attrib.update({"class": "chart", "aria-label": title, "data-search-exclude": ""})
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    style = ET.Element(SVG + "style")
    style.text = ALONE
    root.insert(0, style)
