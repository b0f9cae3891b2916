"""Run the built-in model API: scripted answers in every wire format that the proxy reads, for trying and testing.

It streams with real pacing and reports usage, so quotas can be seen at work without a key or a bill.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal

from proxy.errors import UsageError
from proxy.logs import configure
from proxy.settings import split_address


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:8090", help="default: %(default)s")
    parser.add_argument(
        "--pace", type=float, metavar="SECONDS", default=0.01, help="between streamed events (default: %(default)s s)"
    )


def run(arguments: argparse.Namespace) -> int:
    host, port = split_address(arguments.listen, "--listen")
    if not 0 <= arguments.pace < float("inf"):
        raise UsageError("--pace must be zero or more seconds")
    configure("info")
    return asyncio.run(_serve(host, port, arguments.pace))


async def _serve(host: str, port: int, pace_seconds: float) -> int:
    from proxy.simulate.mock_upstream import MockSettings, start

    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    mock = await start(host, port, MockSettings(pace_seconds=pace_seconds))
    logging.getLogger("stillgate.mock_upstream").info("serving", extra={"listen": mock.url})
    try:
        await ended.wait()
    finally:
        await mock.close()
    return 0
