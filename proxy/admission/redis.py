"""Owns the bucket store that replicas share. Knows where Redis is; how calls get there is `redis_post`'s."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio.connection import AbstractConnection, Connection, parse_url
from redis.exceptions import MovedError

from proxy.admission.redis_calls import (
    AnnounceCall,
    PeekCall,
    ProbeCall,
    RenewCall,
    ReserveCall,
    SecretCall,
    SettleCall,
)
from proxy.admission.redis_memory import RedisMemory, ask_memory
from proxy.admission.redis_post import Post
from proxy.admission.store import Admission, Claim, Granted, Level, Reservation
from proxy.errors import StoreError
from proxy.redis_place import PREFIX, check_redis_url

REPLICA_LEASE_US = 15_000_000
HASH_KEY = "hash-key"
"""The shared secret under which all replicas hash API keys and content."""


class RedisStore:
    """A BucketStore on one Redis, `redis://[user:password@]host:port/db` or `rediss://…`. Belongs to one event loop.

    Calls that meet in one turn of the event loop travel as one script call. A Redis that is silent for
    `timeout_seconds` counts as lost. `on_roundtrip(kind, seconds, calls)` and `on_fault(kind, calls)` are told what
    happens. `now_us` stands in for Redis's own clock where it gives 1 or more.
    """

    def __init__(
        self,
        url: str,
        *,
        password: str = "",
        prefix: str = PREFIX,
        timeout_seconds: float = 0.25,
        now_us: Callable[[], int] = lambda: 0,
        on_roundtrip: Callable[[str, float, int], None] | None = None,
        on_fault: Callable[[str, int], None] | None = None,
    ) -> None:
        """UsageError for a URL that is none, or says what nobody would heed."""
        self._options = _options(url, password)
        self._prefix = prefix
        self._post = Post(self._connection, prefix, timeout_seconds, now_us, on_roundtrip, on_fault)

    @property
    def is_up(self) -> bool:
        """False from an outage to the next answer."""
        return self._post.is_up

    @property
    def settlements_dropped(self) -> int:
        """Settlements that could not be delivered in 100 s of repetition, or for which there was no room."""
        return self._post.backlog.dropped

    async def reserve(self, reservation_id: str, claims: Sequence[Claim]) -> Admission:
        future: asyncio.Future[Admission] = self._post.submit(ReserveCall(reservation_id, claims))
        try:
            return await future
        except asyncio.CancelledError:
            if not future.cancelled() and future.done() and future.exception() is None:
                admission = future.result()
                if isinstance(admission, Granted):
                    self._post.give_back(admission.reservation)
            raise

    def settle(self, reservation: Reservation, actual: Sequence[int]) -> None:
        """As the contract says: it goes out with what else goes out in this turn, and is repeated where that fails."""
        call = SettleCall(reservation, actual)
        if call.corrections:
            self._post.tell(call)

    def settle_later(self, reservation: Reservation, actual: Sequence[int]) -> None:
        """Keeps the settlement until Redis answers again."""
        call = SettleCall(reservation, actual)
        if call.corrections:
            self._post.keep(call)

    async def renew(self, reservations: Sequence[Reservation]) -> None:
        calls = [call for call in map(RenewCall, reservations) if call.keys]
        answers = await asyncio.gather(*map(self._post.submit, calls), return_exceptions=True)
        for fault in answers:
            if isinstance(fault, BaseException):
                raise fault

    async def peek(self, claims: Sequence[Claim]) -> tuple[Level, ...]:
        levels: tuple[Level, ...] = await self._post.submit(PeekCall(claims))
        return levels

    async def ping(self) -> None:
        """Returns once the script has run and written. StoreError where it could not."""
        await self._post.submit(ProbeCall())

    async def shared_secret(self, name: str, own: bytes | None = None) -> bytes:
        """32 random bytes that every replica on this Redis gets alike. Where there are none yet: `own`, if given.

        StoreError also where the key holds something else.
        """
        call = SecretCall(name, own or secrets.token_bytes(32))
        secret: bytes | None = await self._post.submit(call)
        if secret is None:
            raise StoreError(
                f"the key {call.key(self._prefix)} in Redis does not hold 64 hex digits: write those in use there, "
                "or delete it, and a replica that runs writes its own within 5 s, one that starts new ones"
            )
        return secret

    async def announce(self, replica_id: str) -> int:
        """How many replicas, this one included, have announced themselves in the last 15 s. To be called every 5 s."""
        count: int = await self._post.submit(AnnounceCall(replica_id, REPLICA_LEASE_US))
        return count

    async def memory(self) -> RedisMemory:
        """Whether this Redis keeps what it is given. StoreError where it does not say."""
        return await ask_memory(self._connection(self._post.last_fault))

    async def close(self) -> None:
        await self._post.close()

    def _connection(self, last_fault: Exception | None) -> AbstractConnection:
        options = dict(self._options)
        kind: type[AbstractConnection] = options.pop("connection_class", Connection)
        if isinstance(last_fault, MovedError):  # on Redis Cluster: the node that has our slot
            options.update(host=last_fault.host, port=last_fault.port)
        return kind(**options)


def _options(url: str, password: str) -> dict[str, Any]:
    check_redis_url(url)
    options: dict[str, Any] = {**parse_url(url)}
    if password:
        options["password"] = password
    # Plain RESP2 without client names: a connection without password and database then needs no round trip of its own.
    options.update(protocol=2, driver_info=None, socket_timeout=None, socket_connect_timeout=None)
    return options
