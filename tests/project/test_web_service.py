"""The web service of the cookbook: what it answers, and which jobs it finishes."""

from __future__ import annotations

import logging
from importlib import import_module, reload
from typing import Any

import anyio
import pytest

from helpers import settle

pytest.importorskip("starlette", reason="the group `docs` is not installed")
pytestmark = pytest.mark.anyio


@pytest.fixture
def program() -> Any:
    """Return the program, which has done nothing yet."""
    return reload(import_module("docs.examples.web_service"))


async def test_more_jobs_than_it_stores(program: Any) -> None:
    """It is too busy while all workers work and the channel is full, and says how many wait."""
    async with program.lifespan(program.app):
        await settle()
        answers = [await program.request("POST", "/jobs/wash") for _ in range(3)]
        await settle()
        answers += [await program.request("POST", "/jobs/wash") for _ in range(3)]
        counts = await program.request("GET", "/jobs")
    assert [answer[:3] for answer in answers] == 5 * ["202"] + ["503"]
    assert counts == '200 {"waiting":3,"limit":3,"free workers":0}'
    assert program.done == 5 * ["wash"]


async def test_a_job_that_fails_does_not_end_the_pool(
    program: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Each worker meets one, logs the error, and goes on."""
    async with program.lifespan(program.app):
        for job in ("impossible", "impossible", "wash"):
            await program.request("POST", f"/jobs/{job}")
    assert program.done == ["wash"]
    assert caplog.messages == 2 * ["the job 'impossible' failed"]


async def test_the_functions_under_fastapi(program: Any) -> None:
    """The same functions are the functions of a FastAPI application."""
    fastapi = pytest.importorskip("fastapi", reason="the group `docs` is not installed")
    program.app = fastapi.FastAPI(lifespan=program.lifespan)
    program.app.post("/jobs/{job}")(program.accept)
    program.app.get("/jobs")(program.count)
    async with program.lifespan(program.app):
        answer = await program.request("POST", "/jobs/wash")
        counts = await program.request("GET", "/jobs")
    assert answer == '202 {"accepted":"wash"}'
    assert counts.startswith("200 ")
    assert program.done == ["wash"]


async def test_the_service_starts_again(program: Any) -> None:
    """In the same process, as tests do: each start has a channel of its own."""
    for _ in range(2):
        async with program.lifespan(program.app):
            assert (await program.request("POST", "/jobs/wash")).startswith("202")
        assert (await program.request("POST", "/jobs/late")).startswith("503")
    assert program.done == ["wash", "wash"]


async def test_jobs_that_do_not_end_in_time(program: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The service stops all the same, and tells how many accepted jobs it has not finished."""
    program.GRACE = 0

    async def handle(_: str) -> None:
        await anyio.sleep_forever()

    program.handle = handle
    async with program.lifespan(program.app):
        for _ in range(2):
            await program.request("POST", "/jobs/wash")
        await settle()
        await program.request("POST", "/jobs/dry")
    assert caplog.record_tuples == [
        ("docs.examples.web_service", logging.ERROR, "3 accepted jobs were not finished in time")
    ]
