"""What tests of every kind share: a real Redis."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.redis_server import RedisServer, running_redis

# How long an example takes is the machine's business.
settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """The Redis that the tests of one worker process share. Leave it as it is; use `redis_prefix` for the keys."""
    with running_redis() as server:
        yield server


@pytest.fixture
def redis_prefix() -> str:
    """A prefix for keys that no other test uses."""
    return "{" + uuid.uuid4().hex + "}:"


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A Redis of the test's own, to stop, kill and empty."""
    with running_redis() as server:
        yield server
