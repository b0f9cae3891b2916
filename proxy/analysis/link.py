"""Owns the way to Redis for all that detection does there: a bounded wait, one kind of fault, the scripts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as BrokenOffError
from redis.exceptions import MovedError, RedisError

from proxy.errors import StoreError
from proxy.redis_place import check_redis_url

TIMEOUT_SECONDS = 2.0
"""Nobody's exchange waits here, so there is time; a lease is longer."""


class Script:
    """A Lua file of this package."""

    def __init__(self, name: str) -> None:
        self.text = files("proxy.analysis").joinpath("lua", f"{name}.lua").read_bytes()


class Link:
    """Calls to one Redis, `redis://[user:password@]host:port/db` or `rediss://…`; belongs to one event loop."""

    def __init__(self, url: str, password: str = "") -> None:
        """UsageError for a URL that is none, or says what nobody would heed. Connects when first asked."""
        check_redis_url(url)
        options: dict[str, Any] = {
            "protocol": 2,
            "socket_timeout": TIMEOUT_SECONDS,
            "socket_connect_timeout": TIMEOUT_SECONDS,
            # Once, for a connection that broke off while nobody used it; each script may be repeated.
            "retry": Retry(NoBackoff(), 1, (BrokenOffError,)),
        }
        if password:
            options["password"] = password
        self._client = Redis.from_url(url, **options)
        self._scripts: dict[Script, Any] = {}

    async def ask(self, question: Callable[[Redis], Awaitable[Any]]) -> Any:
        """What Redis answers. StoreError where it does not, refuses or is silent for two seconds."""
        try:
            return await question(self._client)
        except MovedError as moved:  # on Redis Cluster: the node that has our slot is another one
            await self._move_to(moved.host, moved.port)
            raise StoreError("the store's slot has moved to another node") from moved
        except (RedisError, OSError) as fault:
            raise StoreError(f"the store did not answer ({type(fault).__name__})") from fault

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """What the script answers; StoreError as above."""
        if script not in self._scripts:
            self._scripts[script] = self._client.register_script(script.text)
        prepared = self._scripts[script]
        return await self.ask(lambda client: prepared(keys=keys, args=arguments, client=client))

    async def close(self) -> None:
        await self._client.aclose()

    async def _move_to(self, host: str, port: int) -> None:
        before = self._client
        options = {**before.connection_pool.connection_kwargs, "host": host, "port": port}
        kind = before.connection_pool.connection_class
        pool = type(before.connection_pool)(connection_class=kind, **options)
        self._client = Redis.from_pool(pool)
        await before.aclose()
