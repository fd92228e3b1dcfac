"""Dead letters, and their ids."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from anycast.redis._codec import Codec
from anycast.redis._headers import read_headers

T = TypeVar("T")

ID = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
LARGEST = 2**64 - 1  # of the two numbers of an id


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that failed in its last delivery. `RedisChannelAdmin.dead` lists dead letters.

    ```py
    import anyio
    from anycast.redis import RedisAnycast, RedisChannelAdmin, json_codec

    URL, codec = "redis://localhost", json_codec(str)


    async def main() -> None:
        async with RedisAnycast[str](name="mail", url=URL, codec=codec, max_deliveries=1) as mail:
            await mail.new_sender().send("to Ada")
            try:
                async with mail.new_receiver().lease():
                    raise OSError("no such host")
            except OSError:
                pass
        async with RedisChannelAdmin("mail", url=URL) as admin:
            (letter,) = await admin.dead()
            print(letter.deliveries, letter.error, letter.body, letter.decode(codec))


    anyio.run(main)
    ```

    ```output
    1 OSError: no such host b'"to Ada"' to Ada
    ```
    """

    id: str
    """The id of the dead letter, for `RedisChannelAdmin.requeue` and `RedisChannelAdmin.drop`."""

    message_id: str
    """The id that the message had in the channel."""

    deliveries: int
    """How often the message was delivered."""

    error: str
    """The last error."""

    body: bytes
    """What the codec wrote, or the beginning of that: see ``body_bytes`` of
    `RedisChannelAdmin.dead`."""

    body_size: int
    """The length of the whole body in bytes."""

    headers: dict[str, str]
    """The headers of the message."""

    sent: datetime
    """When the server stored the message, in UTC."""

    buried: datetime
    """When the message became a dead letter, in UTC."""

    def decode(self, codec: Codec[T]) -> T:
        """Decode the body.

        Args:
            codec: the codec of the channel.

        Returns:
            The message.

        Raises:
            Exception: of any kind, which the codec raises for this body.
        """
        return codec.decode(self.body)


def read_letter(row: list[Any]) -> DeadLetter:
    """Return a dead letter that the script of `admin_dead.lua` lists."""
    id_, message_id, deliveries, error, size, body, headers = row
    return DeadLetter(
        id=id_.decode(),
        message_id=message_id.decode(),
        deliveries=int(deliveries),
        error=error.decode(errors="backslashreplace"),
        body=body,
        body_size=size,
        headers=read_headers(headers),
        sent=_time_of(message_id),
        buried=_time_of(id_),
    )


def _time_of(entry: bytes) -> datetime:
    """Return when the server made an entry: its id begins with the milliseconds since 1970."""
    return datetime.fromtimestamp(int(entry.partition(b"-")[0]) / 1000, tz=UTC)


def check_id(argument: str, value: object) -> str:
    """Return the id of a dead letter in the form in which the server writes ids.

    Raises:
        TypeError: if the value is not a str.
        ValueError: if the value is not the id of a dead letter.
    """
    if not isinstance(value, str):
        raise TypeError(f"`{argument}` must be the id of a dead letter, not {value!r}")
    found = ID.fullmatch(value)
    numbers = [int(number) for number in found.groups()] if found else [LARGEST + 1]
    if max(numbers) > LARGEST:
        raise ValueError(f"`{argument}` must be an id such as '1795574896881-0', not {value!r}")
    return "-".join(map(str, numbers))


def check_ids(ids: Iterable[str]) -> list[str]:
    """Return the ids of dead letters, each once and in order; raise as `check_id`."""
    if isinstance(ids, (str, bytes)) or not isinstance(ids, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f'`ids` must be a list of ids or "all", not {ids!r}')
    return list(dict.fromkeys(check_id("ids", each) for each in ids))
