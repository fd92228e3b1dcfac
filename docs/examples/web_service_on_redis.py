"""A web service that accepts jobs into a channel on Redis, from which other processes work."""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.requests import Request  # FastAPI needs the name at run time
from starlette.responses import JSONResponse
from starlette.routing import Route

from anycast import ChannelError, ReceiverError, ReceiverStoppedError, SenderError
from anycast.redis import RedisAnycast, RedisChannelAdmin, json_codec

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from starlette.types import Message

    from anycast.redis import RedisReceiver

logger = logging.getLogger(__name__)

URL = "redis://localhost"  # in a real service, from the environment
NAME = "web-jobs"
PATIENCE = 0.5  # seconds that a request waits for room, and a count for the server


@dataclass
class Job:
    """What the web service and the workers share."""

    name: str


def new_channel() -> RedisAnycast[Job]:
    """Return the channel. The web service and the workers make it in the same way."""
    codec = json_codec(Job)
    return RedisAnycast[Job](name=NAME, url=URL, codec=codec, limit=3, timeout=30)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncGenerator[None]:
    """Connect while the service runs. Leaving the channel does not close the channel."""
    async with new_channel() as jobs, RedisChannelAdmin(NAME, url=URL) as admin:
        app.state.jobs, app.state.sender, app.state.admin = jobs, jobs.new_sender(), admin
        yield


async def accept(request: Request) -> JSONResponse:
    """Accept a job when the server has stored the job, or say why not."""
    job = Job(request.path_params["job"])
    try:
        with anyio.fail_after(PATIENCE):
            await request.app.state.sender.send(job)
    except TimeoutError:  # the channel is full, or the server is away: the job was not stored
        return JSONResponse({"error": "too busy"}, status_code=503, headers={"Retry-After": "1"})
    except SenderError as refusal:  # or nobody knows whether the job was stored
        logger.warning("%s", refusal)
        error = "not available, and the job may be stored"
        return JSONResponse({"error": error}, status_code=503)
    return JSONResponse({"accepted": job.name}, status_code=202)


async def health(request: Request) -> JSONResponse:
    """Say whether this process accepts no job any more: its channel has failed or is closed."""
    jobs = request.app.state.jobs
    failure = jobs.failure and str(jobs.failure)
    status = 503 if failure or jobs.is_closed else 200
    return JSONResponse({"failure": failure, "closed": jobs.is_closed}, status_code=status)


async def count(request: Request) -> JSONResponse:
    """Tell a monitoring system how many messages wait, for how long, and how many are dead."""
    try:
        with anyio.fail_after(PATIENCE):
            now = await request.app.state.admin.status()
    except (TimeoutError, ChannelError):
        return JSONResponse({"error": "the server does not tell"}, status_code=503)
    names = ("waiting", "in_hand", "delayed", "dead", "oldest_age", "blocked_senders")
    return JSONResponse({name: getattr(now, name) for name in names})


app = Starlette(
    routes=[
        Route("/jobs/{job}", accept, methods=["POST"]),
        Route("/jobs", count, methods=["GET"]),
        Route("/health", health, methods=["GET"]),
    ],
    lifespan=lifespan,
)


async def work(receiver: RedisReceiver[Job]) -> None:
    """Work on jobs, in another process, until the receiver or the channel is closed."""
    while True:
        lease = receiver.lease()
        try:
            async with lease as job:
                print("doing", job.name, "in delivery", lease.deliveries)
        except ReceiverStoppedError:
            return
        except ReceiverError:
            raise  # the channel has failed: the process ends, and its manager starts another one
        except Exception:
            logger.exception("the work failed")  # the job comes again later


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
    """Accept more jobs than the channel stores, stop the service, and then start a worker."""
    async with lifespan(app):
        for job in ("wash", "dry", "fold", "iron"):
            print(await request("POST", f"/jobs/{job}"))
        print(await request("GET", "/health"))
    async with new_channel() as jobs, anyio.create_task_group() as tasks:
        tasks.start_soon(work, jobs.new_receiver())
        await jobs.join()  # a real worker runs until SIGTERM
        tasks.cancel_scope.cancel()


if __name__ == "__main__":
    anyio.run(main)
