"""A web service that accepts jobs, works on them in a pool, and finishes them before it stops."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from anycast import Anycast, SenderError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.requests import Request
    from starlette.types import Message

    from anycast import Receiver

WORKERS = 2
GRACE = 10  # seconds that accepted jobs have after the service was told to stop

jobs = Anycast[str](name="jobs", limit=3)
sender = jobs.new_sender()
done: list[str] = []


async def work(receiver: Receiver[str]) -> None:
    """Work on jobs until the channel is closed and empty."""
    async for job in receiver:
        await anyio.sleep(0.01)
        done.append(job)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[None]:
    """Run the pool while the service runs; then finish the jobs that were accepted."""
    async with anyio.create_task_group() as workers:
        for _worker in range(WORKERS):
            workers.start_soon(work, jobs.new_receiver())
        yield
        print("stopping")
        jobs.close()  # the loops of the workers end when no job is left
        workers.cancel_scope.deadline = anyio.current_time() + GRACE


async def accept(request: Request) -> JSONResponse:
    """Accept a job at once, or say that the service is too busy or stops."""
    job = request.path_params["job"]
    try:
        sender.send_nowait(job)
    except anyio.WouldBlock:
        return JSONResponse({"error": "too busy"}, status_code=503, headers={"Retry-After": "1"})
    except SenderError:
        return JSONResponse({"error": "stopping"}, status_code=503)
    return JSONResponse({"accepted": job}, status_code=202)


app = Starlette(routes=[Route("/jobs/{job}", accept, methods=["POST"])], lifespan=lifespan)


async def post(path: str) -> int:
    """Send a request to the service, as a web server does; return the status of the answer."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    await app(scope, receive, send)
    return statuses[0]


async def main() -> None:
    """Start the service, send it more jobs than it can store, and stop the service."""
    async with lifespan(app):
        for job in ("wash", "dry", "fold", "iron"):
            print(job, await post(f"/jobs/{job}"))
    print("late", await post("/jobs/late"))
    print("done:", sorted(done))


if __name__ == "__main__":
    anyio.run(main)
