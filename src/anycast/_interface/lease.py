"""The interface of a lease."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractAsyncContextManager
from typing import Generic, TypeVar

from anycast._interface.not_a_value import NotAValue
from anycast._interface.other_names import LeaseNames

T_co = TypeVar("T_co", covariant=True)


class Lease(NotAValue, AbstractAsyncContextManager[T_co], LeaseNames, Generic[T_co]):
    """What `Receiver.lease` returns: holds one message while its block runs.

    ```python
    import anyio
    from anycast import Anycast


    async def main() -> None:
        jobs = Anycast[str]()
        await jobs.new_sender().send("wash")
        receiver = jobs.new_receiver()
        while True:
            lease = receiver.lease()
            try:
                async with lease as job:
                    if lease.deliveries < 3:
                        raise OSError(f"cannot {job}")
                    print(f"gave up: {job}")  # the block ends normally, so the message is done
                    break
            except OSError as error:
                print(error)


    anyio.run(main)
    ```

    ```output
    cannot wash
    cannot wash
    gave up: wash
    ```
    """

    @property
    @abstractmethod
    def deliveries(self) -> int:
        """How often the message was on lease, this time included; 0 before the lease is entered.

        A lease that a cancellation or an exception has ended counts. A program can stop to try when
        the number is too high.
        """
