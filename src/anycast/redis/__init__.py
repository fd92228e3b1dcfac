"""The same channel across processes and machines, on Redis Streams.

Needs the extra: ``pip install 'anycast[redis]'``. Redis >= 7.0, or Valkey.
"""

from importlib.util import find_spec as _find_spec

if _missing := [name for name in ("coredis", "msgspec") if _find_spec(name) is None]:
    raise ImportError(f"anycast.redis needs {_missing[0]}: run `pip install 'anycast[redis]'`")

from anycast._interface.exports import show_as_from as _show_as_from
from anycast.redis._admin import RedisChannelAdmin
from anycast.redis._backoff import exponential_backoff
from anycast.redis._channel import RedisAnycast
from anycast.redis._channel_status import ChannelStatus, ProcessStatus
from anycast.redis._codec import Codec
from anycast.redis._dead_letter import DeadLetter
from anycast.redis._json_codec import json_codec
from anycast.redis._key_search import channels
from anycast.redis._lease import RedisLease
from anycast.redis._receiver import RedisReceiver
from anycast.redis._sender import RedisSender

__all__ = [
    "ChannelStatus",
    "Codec",
    "DeadLetter",
    "ProcessStatus",
    "RedisAnycast",
    "RedisChannelAdmin",
    "RedisLease",
    "RedisReceiver",
    "RedisSender",
    "channels",
    "exponential_backoff",
    "json_codec",
]

_show_as_from(__name__, [globals()[name] for name in __all__])
