"""Crawl a site with several workers. Fetch each page once, and end when all pages are done."""

from __future__ import annotations

import math

import anyio

from anycast import Anycast

SITE = {
    "/": ["/guide", "/news", "/about"],
    "/guide": ["/guide/start", "/guide/end", "/"],
    "/news": ["/news/1", "/news/2", "/gone"],
    "/news/1": ["/about"],
}


async def fetch(url: str) -> list[str]:
    """Return the links of a page. Put an HTTP client of your choice here."""
    await anyio.sleep(0.001)
    if url == "/gone":
        raise OSError(f"no such page: {url}")
    return SITE.get(url, [])


async def crawl(start: str, *, workers: int) -> dict[str, str]:
    """Return every page that can be reached, with the outcome: "ok" or the text of the error."""
    # The workers send to the channel that they receive from. With a limit, all workers could be
    # blocked in a send at once: a deadlock.
    todo = Anycast[str](name="todo", limit=math.inf)
    sender = todo.new_sender()
    seen: dict[str, str] = {}

    def add(url: str) -> None:
        if url not in seen:
            seen[url] = "queued"
            sender.send_nowait(url)

    async def work() -> None:
        receiver = todo.new_receiver()
        while True:
            async with receiver.lease() as url:  # the page counts as work until the block ends
                try:
                    for link in await fetch(url):
                        add(link)
                    seen[url] = "ok"
                except OSError as error:
                    seen[url] = str(error)

    add(start)
    async with anyio.create_task_group() as tasks:
        for _ in range(workers):
            tasks.start_soon(work)
        await todo.join()  # every known page is done, and every worker waits for a page
        tasks.cancel_scope.cancel()
    return seen


async def main() -> None:
    """Crawl the whole site with three workers."""
    for url, outcome in sorted((await crawl("/", workers=3)).items()):
        print(f"{url:14}{outcome}")


if __name__ == "__main__":
    anyio.run(main)
