"""Share out work among workers, and take the results in the order of the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from anycast import Anycast

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from anycast import Receiver, Sender


async def shout(word: str) -> str:
    """Work on a word; a long word takes longer."""
    await anyio.sleep(0.001 * len(word))
    return word.upper()


async def work(todo: Receiver[tuple[int, str]], done: Sender[tuple[int, str]]) -> None:
    """Work until nothing is left to do."""
    with done:  # the last worker that is done closes the channel of results
        async for number, word in todo:
            await done.send((number, await shout(word)))


async def in_order(results: Receiver[tuple[int, str]]) -> AsyncGenerator[str]:
    """Keep each result until every result before it has come."""
    early: dict[int, str] = {}
    following = 0
    async for number, result in results:
        early[number] = result
        while following in early:
            yield early.pop(following)
            following += 1


async def feed(words: Iterable[str], todo: Sender[tuple[int, str]]) -> None:
    """Send the words with their numbers."""
    with todo:
        await todo.send_many(enumerate(words))


async def main() -> None:
    """Shout four words in three workers."""
    words = ["hippopotamus", "cat", "elephant", "dog"]
    todo = Anycast[tuple[int, str]](name="todo", auto_close=True)
    done = Anycast[tuple[int, str]](name="done", auto_close=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed, words, todo.new_sender())
        for sender in [done.new_sender() for _ in range(3)]:
            tasks.start_soon(work, todo.new_receiver(), sender)
        async for result in in_order(done.new_receiver()):
            print(result)


if __name__ == "__main__":
    anyio.run(main)
