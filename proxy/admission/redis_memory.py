"""Owns how Redis is asked whether it keeps what it is given: by INFO, which managed ones allow where CONFIG is not."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from proxy.admission.redis_faults import told
from proxy.errors import StoreError

_SECONDS = 2.0
_fields = re.compile(rb"^(maxmemory|maxmemory_policy|evicted_keys):([\w-]+)\r?$", re.MULTILINE).findall


class RedisMemory(NamedTuple):
    """What Redis does when it is full, and has done since it was started."""

    policy: str
    is_limited: bool
    evicted_keys: int

    @property
    def may_evict(self) -> bool:
        """An evicted bucket is a full one."""
        return self.is_limited and self.policy != "noeviction"


async def ask_memory(connection: AbstractConnection) -> RedisMemory:
    """Asks over a connection of its own, which ends with it. StoreError where there is no such answer."""
    try:
        async with asyncio.timeout(_SECONDS):
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("INFO")
            return read_memory(await connection.read_response())
    except (RedisError, OSError) as fault:  # TimeoutError is one
        kind = "refused" if isinstance(fault, ResponseError) else "lost"
        raise StoreError(told(kind, fault)) from fault
    finally:
        await connection.disconnect(nowait=True)


def read_memory(info: object) -> RedisMemory:
    """What INFO has said; what is not there is nothing to worry about. InvalidResponse for what is no text."""
    if not isinstance(info, bytes):
        raise InvalidResponse("not the answer to INFO")
    found = dict(_fields(info))
    policy = found.get(b"maxmemory_policy", b"noeviction").decode("ascii", "replace")
    evicted = found.get(b"evicted_keys", b"0")
    return RedisMemory(policy, found.get(b"maxmemory", b"0") != b"0", int(evicted) if evicted.isdigit() else 0)
