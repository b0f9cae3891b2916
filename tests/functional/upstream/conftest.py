"""Every test in this folder runs on asyncio's own event loop and on uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from proxy.upstream.client import ClientOptions, HttpUpstream
from tests.functional.raw_http import RawUpstream
from tests.functional.test_forwarding_tls import keys

__all__ = ["keys"]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def upstream(model_api: RawUpstream) -> AsyncIterator[HttpUpstream]:
    """A client of `model_api` that has time."""
    client = HttpUpstream(ClientOptions(model_api.url, 5.0, 5.0))
    yield client
    await client.close()
