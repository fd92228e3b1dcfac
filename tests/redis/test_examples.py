"""The examples that need a server run unchanged, except for the address."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio

from anycast.redis import RedisAnycast, json_codec
from examples import PACKAGE, PAGES, Example, examples_in, on_each_backend

if TYPE_CHECKING:
    import pytest

    from servers import Server

EXAMPLES = [
    example
    for path in [*PAGES, *sorted((PACKAGE / "redis").rglob("*.py"))]
    for example in examples_in(path, "py")
]


@on_each_backend(EXAMPLES)
def test_example(
    own_server: Server,
    example: Example,
    backend: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The asserts of an example hold, and its output is right, also the output of a worker."""

    async def send() -> None:
        jobs = RedisAnycast[Any](name="jobs", url=own_server.url, codec=json_codec(Any))
        async with jobs:
            await jobs.new_sender().send({"number": 7})
            await jobs.aclose()

    anyio.run(send)
    expected = "working on 7\n" if '"working on"' in example.code else example.output
    code = example.code.replace("redis://localhost", own_server.url)
    replace(example, code=code).run(backend, monkeypatch)
    assert capsys.readouterr().out == (expected or "")
