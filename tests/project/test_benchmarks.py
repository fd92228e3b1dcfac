"""The benchmarks run for every contender, and report what they found."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

for needed in (
    "asyncio_channel",
    "broadcaster",
    "chanio",
    "culsans",
    "frequenz.channels",
    "matplotlib",
    "rich",
    "starlette",
    "uvicorn",
    "uvloop",
    "websockets",
):
    pytest.importorskip(needed, reason="the benchmarks need more than the tests do")

from benchmarks import __main__ as program
from benchmarks.backends import BACKENDS
from benchmarks.charts import draw
from benchmarks.contenders import CONTENDERS, NEVER, OURS, YIELDING, rivals
from benchmarks.on_broadcast import __main__ as on_broadcast
from benchmarks.on_broadcast import websockets, works
from benchmarks.report import print_tables
from benchmarks.results import Measurement, Results, load
from benchmarks.runner import run_all, steps
from benchmarks.scenarios import CHOICES, EVERYDAY, GROWTH, SCENARIOS, Scenario, Work, chosen
from benchmarks.summary import print_summary
from benchmarks.targets import targets
from rich.console import Console

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {
    "machine": {"cpu": "none", "cores": 2, "python": "CPython"},
    "commit": "unknown",
    "date": "2026-01-01",
    "repeats": 1,
    "quick": True,
}
EVERY = [*SCENARIOS, *CHOICES, *GROWTH]
STREAM = Scenario(Work.STREAM, 100, 10)


def tiny() -> list[Scenario]:
    """Return a scenario for each kind of work, with very little work."""
    first = {scenario.work: scenario for scenario in reversed(EVERY) if scenario.arms != 1}
    return [replace(s, count=8 if s.size or s.arms else 100) for s in first.values()]


def text_of(results: Results) -> str:
    """Return all that is printed."""
    console = Console(file=StringIO(), width=400)
    print_tables(results, console)
    print_summary(results, targets(results), console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def made_up(ours: float, peer: float, scenario: Scenario = STREAM) -> Results:
    """Return results of a scenario for `Anycast` and for `asyncio.Queue`."""
    taken = {OURS: ours, "asyncio.Queue": peer}
    found = [Measurement("asyncio", scenario, name, [value]) for name, value in taken.items()]
    return Results(ENVIRONMENT, found)


@pytest.fixture(scope="module")
def results() -> Results:
    """Return what came of every kind of work, for every contender, on every backend."""
    return Results(ENVIRONMENT, run_all(tiny(), list(BACKENDS), 1, lambda _: None))


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_broadcast_is_measured(
    backend: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A table has a row for each work and each number of receivers."""
    caplog.set_level("ERROR")
    monkeypatch.setattr(on_broadcast, "SIZES", (1, 3))
    table = on_broadcast.table(backend, repeats=1, deliveries=60)
    assert table.row_count == 2 * len(works.WORKS)
    assert len(table.columns) >= 4


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read from /proc")
def test_websockets_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables have a row with and a row without a client that never reads."""
    monkeypatch.setattr(websockets, "FILL", 2)
    assert websockets.delays(clients=3, messages=2, repeats=1).row_count == 2
    assert websockets.memory(messages=2).row_count == 2


def test_each_contender_does_all_that_it_can(results: Results) -> None:
    """Each contender finishes, and each is measured."""
    expected = {
        (backend, scenario.work, contender.name)
        for backend in BACKENDS
        for scenario in tiny()
        for contender in CONTENDERS
        if contender.can(scenario, backend)
    }
    assert {(m.backend, m.scenario.work, m.contender) for m in results.measurements} == expected
    assert all(len(m.values) == 1 and math.isfinite(m.median) for m in results.measurements)
    assert steps(tiny(), list(BACKENDS), 1) == len(expected)


def test_every_contender_takes_part_somewhere(results: Results) -> None:
    """A contender without a scenario would not be noticed."""
    assert {m.contender for m in results.measurements} == {c.name for c in CONTENDERS}


def test_the_file_gives_back_what_was_written(results: Results, tmp_path: Path) -> None:
    """An earlier run can be printed and drawn again."""
    found = targets(results)
    results.save(tmp_path / "results.json", [target.as_json() for target in found])
    again = load(tmp_path / "results.json")
    assert again.environment == ENVIRONMENT
    assert [(m.backend, m.scenario, m.contender) for m in again.measurements] == [
        (m.backend, m.scenario, m.contender) for m in results.measurements
    ]
    assert [m.values for m in again.measurements] == [
        [round(value, 1) for value in m.values] for m in results.measurements
    ]


def test_every_chart_is_drawn(results: Results, tmp_path: Path) -> None:
    """Each chart is an image about a single backend."""
    draw(results, tmp_path)
    names = {
        f"{kind}-{backend}.svg" for kind in ("ratios", "growth", "select") for backend in BACKENDS
    }
    assert {path.name for path in tmp_path.iterdir()} == {"everyday.svg", *names}


def test_a_chart_can_stand_in_a_page_of_markdown(results: Results, tmp_path: Path) -> None:
    """The chart is a line of SVG elements, with its own names, in the text colour of the page."""
    draw(results, tmp_path)
    names: list[str] = []
    for path in tmp_path.iterdir():
        text = path.read_text(encoding="utf-8")
        elements = list(ET.fromstring(text).iter())  # noqa: S314  our own
        assert text.count("\n") == 1
        assert all(element.tag.startswith("{http://www.w3.org/2000/svg}") for element in elements)
        assert "currentColor" in text
        names += [element.attrib["id"] for element in elements if "id" in element.attrib]
        links = re.findall(r'(?:href="|url\()#([^")]+)', text)
        assert links
        assert set(links) <= set(names)
    assert len(names) == len(set(names))


def test_a_few_cases_are_compared_with_the_best_known_peers(tmp_path: Path) -> None:
    """The first chart has at most six rows, so that a reader takes in the chart."""
    assert len(EVERYDAY) <= 6
    assert EVERYDAY.keys() <= {scenario.name for scenario in EVERY}
    draw(made_up(ours=100.0, peer=200.0, scenario=STREAM), tmp_path)
    text = (tmp_path / "everyday.svg").read_text(encoding="utf-8")
    assert "1 sender, 1 receiver" in text
    assert "asyncio.Queue, on asyncio" in text


def test_the_tables_name_every_scenario_and_contender(results: Results) -> None:
    """Each result is in a table."""
    text = text_of(results)
    assert all(scenario.name in text for scenario in tiny())
    assert all(contender.name in text for contender in CONTENDERS)


def test_a_loss_is_said_plainly() -> None:
    """A loss is shown in the cell, in the list of losses and in the targets."""
    text = text_of(made_up(ours=200.0, peer=100.0))
    assert "! 200" in text
    assert "100 !0.50" in text
    assert "where we are behind" in text
    assert "missed in 1 of 1; worst: asyncio.Queue, send and receive, 1:1, limit 10" in text


def test_to_stall_is_a_loss(tmp_path: Path) -> None:
    """Ours stalled, and a peer did not: that is no scenario to leave out."""
    results = made_up(math.inf, 100.0)
    results.measurements[0].values.clear()
    text = text_of(results)
    assert "stalled" in text
    assert "where we are behind" in text
    assert "missed in 1 of 1" in text
    draw(results, tmp_path)


def test_where_nothing_is_lost_nothing_is_listed() -> None:
    """Without a loss the list is empty, and each measured target is met."""
    text = text_of(made_up(ours=100.0, peer=200.0))
    assert "behind a peer nowhere" in text
    assert "missed in 1" not in text


@pytest.mark.parametrize(("ours", "met"), [(19.0, True), (20.0, True), (21.0, False)])
def test_a_target_is_met_or_missed(ours: float, met: bool) -> None:
    """A batch is to take less than a fifth of what the queue takes."""
    batches = made_up(ours, 100.0, replace(STREAM, work=Work.BATCHES))
    (target,) = [t for t in targets(batches) if "batches" in t.text]
    assert target.met is met
    assert target.as_json()["met"] is met


def test_a_select_is_held_against_a_plain_receive(results: Results) -> None:
    """On every backend, once."""
    told = [t.backend for t in targets(results) if t.text.endswith("plain receive")]
    assert told == list(BACKENDS)


def test_what_memory_takes_is_no_loss_of_time() -> None:
    """The targets are about time."""
    assert not targets(made_up(200.0, 100.0, replace(STREAM, work=Work.CHANNEL_MEMORY)))


def test_like_is_held_against_like() -> None:
    """`Anycast` by default meets all peers, and meets equal peers with an equal `yield_every`."""
    assert set(rivals(YIELDING)) == {"anyio", "trio"}
    assert set(rivals(YIELDING)) | set(rivals(NEVER)) == set(rivals(OURS))
    assert not set(rivals(YIELDING)) & set(rivals(NEVER))


def test_no_two_scenarios_share_a_name() -> None:
    """The filter and the file of results know a scenario by its name."""
    names = [scenario.name for scenario in chosen([], quick=False)]
    assert len(set(names)) == len(names) == len(EVERY)


def test_the_program_writes_what_it_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line to the files, and back to the screen."""
    command = ["benchmarks", "--quick", "--scenario", "^create and close$", "--backend", "asyncio"]
    monkeypatch.setattr(sys, "argv", [*command, "--output", str(tmp_path)])
    program.main()
    assert "create and close" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--again", str(tmp_path / "results.json")])
    monkeypatch.setattr(program, "HERE", tmp_path)
    program.main()
    assert (tmp_path / "results" / "ratios-asyncio.svg").exists()
