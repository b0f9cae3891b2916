"""What is read of Redis's INFO."""

from __future__ import annotations

import pytest
from redis.exceptions import InvalidResponse

from proxy.admission.redis_memory import RedisMemory, read_memory


@pytest.mark.parametrize(
    ("policy", "limit", "may_evict"),
    [
        ("noeviction", 4096, False),
        ("volatile-lru", 4096, True),
        ("allkeys-random", 4096, True),
        ("volatile-lru", 0, False),
    ],
)
def test_it_may_evict_where_it_has_a_limit_and_another_policy(policy: str, limit: int, may_evict: bool) -> None:
    lines = ("# Memory", f"maxmemory:{limit}", "maxmemory_human:4K", f"maxmemory_policy:{policy}", "evicted_keys:7", "")
    memory = read_memory("\r\n".join(lines).encode())
    assert (memory.policy, memory.evicted_keys, memory.may_evict) == (policy, 7, may_evict)


def test_what_it_does_not_say_worries_nobody() -> None:
    assert read_memory(b"redis_version:9\r\nevicted_keys:many\r\n") == RedisMemory("noeviction", False, 0)


def test_what_is_no_text_is_no_answer() -> None:
    with pytest.raises(InvalidResponse):
        read_memory(1)
