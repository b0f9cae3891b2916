"""A proxy on real sockets within the test's own event loop: starts in milliseconds, and shows when anything blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from proxy.serving.process import Proxy
from proxy.settings import Settings

WIDE_POLICY = """\
version: 1
quotas:
  - {id: wide, key: [account], unit: requests, rate: 1M/min}
"""
NO_QUOTAS = """\
version: 1
access:
  - {id: nobody, deny: {account: nobody}}
"""
ONE_AT_A_TIME = """\
version: 1
quotas:
  - {id: one-slot, key: [account], unit: concurrent, limit: 1}
"""


@asynccontextmanager
async def proxy_before(
    upstream_url: str,
    folder: Path,
    policy: str = NO_QUOTAS,
    *,
    policy_path: Path | None = None,
    drain_seconds: float = 0.0,
    **settings: Any,
) -> AsyncIterator[Proxy]:
    """A proxy before `upstream_url`; what is open at the end is cut.

    Its policy is at `policy_path`, or else in `folder`'s `policy.yaml`, where `policy` is written first.
    """
    path = policy_path or folder / "policy.yaml"
    if policy_path is None:
        path.write_text(policy, encoding="utf-8")
    usual = {"listen": "127.0.0.1:0", "admin": "127.0.0.1:0", "drain_notice_seconds": 0.0}
    proxy = Proxy(
        Settings(upstream=upstream_url, policy=str(path), drain_seconds=drain_seconds, **{**usual, **settings})
    )
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.drain()
        await proxy.close()
