"""For how long a message waits before the next try, after the work on the message has failed."""

from __future__ import annotations

from random import uniform

# In seconds.
FIRST = 1.0
LONGEST = 60.0
# Messages that fail together must not all come again together.
JITTER = 1.2


def exponential_backoff(deliveries: int) -> float:
    """Return the default pause of a message that failed: 1 s, then twice as long each time.

    Each pause is up to 20 % longer, at random. A pause is at most 60 s.
    So seven deliveries take more than a minute.

    ```py
    from anycast.redis import exponential_backoff

    assert 1.0 <= exponential_backoff(1) <= 1.2
    assert 16.0 <= exponential_backoff(5) <= 19.2
    assert exponential_backoff(1000) <= 60
    ```

    Args:
        deliveries: how often the message was delivered so far.

    Returns:
        The pause in seconds.
    """
    # A large number of deliveries would be too large a power for a float.
    pause: float = FIRST * 2 ** min(deliveries - 1, 10)
    return min(LONGEST, pause * uniform(1, JITTER))  # noqa: S311  no secret
