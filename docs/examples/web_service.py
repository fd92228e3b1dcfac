"""A web service that accepts jobs, works on them in a pool, and finishes them before it stops."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.requests import Request  # FastAPI needs the name at run time
from starlette.responses import JSONResponse
from starlette.routing import Route

from anycast import Anycast, ReceiverStoppedError, SenderError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Message

    from anycast import Receiver

logger = logging.getLogger(__name__)

WORKERS = 2
GRACE = 10  # seconds that accepted jobs have after the service was told to stop

done: list[str] = []


async def handle(job: str) -> None:
    """Do the job. Some jobs fail."""
    await anyio.sleep(0.01)
    if job == "impossible":
        raise ValueError("no such job")
    done.append(job)


async def work(receiver: Receiver[str]) -> None:
    """Work on jobs until the channel has ended. A cancelled job goes back to the channel."""
    with suppress(ReceiverStoppedError):
        while True:
            async with receiver.lease() as job:
                try:
                    await handle(job)
                except Exception:  # an error that leaves the worker would end the whole pool
                    logger.exception("the job %r failed", job)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    """Run the pool while the service runs; then finish the jobs that were accepted."""
    jobs = Anycast[str](name="jobs", limit=3)  # here, so that a closed channel is never used again
    app.state.jobs, app.state.sender = jobs, jobs.new_sender()
    async with anyio.create_task_group() as workers:
        for _worker in range(WORKERS):
            workers.start_soon(work, jobs.new_receiver())
        yield
        print("stopping")
        jobs.close()  # the workers end when no job is left
        workers.cancel_scope.deadline = anyio.current_time() + GRACE
    if left := jobs.statistics().current_buffer_used:
        logger.error("%d accepted jobs were not finished in time", left)


async def accept(request: Request) -> JSONResponse:
    """Accept a job at once, or say that the service is too busy or stops."""
    job = request.path_params["job"]
    try:
        request.app.state.sender.send_nowait(job)
    except anyio.WouldBlock:
        return JSONResponse({"error": "too busy"}, status_code=503, headers={"Retry-After": "1"})
    except SenderError:
        return JSONResponse({"error": "stopping"}, status_code=503)
    return JSONResponse({"accepted": job}, status_code=202)


async def count(request: Request) -> JSONResponse:
    """Tell a monitoring system how many jobs wait, and how many workers are free."""
    now = request.app.state.jobs.statistics()
    waiting, free = now.current_buffer_used, now.tasks_waiting_receive
    return JSONResponse({"waiting": waiting, "limit": now.max_buffer_size, "free workers": free})


app = Starlette(
    routes=[
        Route("/jobs/{job}", accept, methods=["POST"]),
        Route("/jobs", count, methods=["GET"]),
    ],
    lifespan=lifespan,
)


async def request(method: str, path: str) -> str:
    """Send a request to the service, as a web server does; return the status and the answer."""
    answer: list[str] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        answer.append(str(message.get("status") or message["body"].decode()))

    scope = {"type": "http", "method": method, "path": path, "headers": [], "query_string": b""}
    await app(scope, receive, send)
    return " ".join(answer)


async def main() -> None:
    """Start the service, send it more jobs than it can store, and stop the service."""
    async with lifespan(app):
        for job in ("wash", "impossible", "fold", "iron"):
            print(await request("POST", f"/jobs/{job}"))
        print(await request("GET", "/jobs"))
    print(await request("POST", "/jobs/late"))
    print("done:", sorted(done))


if __name__ == "__main__":
    anyio.run(main)
