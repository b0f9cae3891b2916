"""Owns the show: starts the mock model API, the proxy and the clients in one process, and tells what happens."""

from __future__ import annotations

import asyncio
import signal

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from proxy.admin.campaigns import PAGE
from proxy.demo.clients import Crowd
from proxy.serving.process import Proxy
from proxy.settings import Settings
from proxy.simulate.mock_upstream import MockSettings, start
from proxy.tasks import Tasks

_REFRESH_SECONDS = 0.25
_LINES_SECONDS = 5.0


def run_demo(seconds: float | None, policy: str) -> int:
    """Runs for `seconds`, or until Ctrl-C; the exit code."""
    return asyncio.run(_demo(seconds, policy))


async def _demo(seconds: float | None, policy: str) -> int:
    console = Console()
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if seconds is not None:
        loop.call_later(seconds, ended.set)
    tasks = Tasks()
    mock = await start("127.0.0.1", 0, MockSettings())
    settings = Settings(
        upstream=mock.url,
        policy=policy,
        listen="127.0.0.1:0",
        admin="127.0.0.1:0",
        drain_seconds=2.0,
        drain_notice_seconds=0.0,
    )
    proxy = Proxy(settings)
    try:
        await proxy.start()
        crowd = Crowd(proxy.url)
        console.print(_how_to_try(proxy, mock.url), soft_wrap=True)
        _ = tasks.spawn_endless(crowd.run(), "demo clients")
        await (_show_live if console.is_terminal else _show_lines)(console, proxy, crowd, ended)
    finally:
        await tasks.close()
        await proxy.drain()
        await proxy.close()
        await mock.close()
    console.print("demo ended")
    return 0


async def _show_live(console: Console, proxy: Proxy, crowd: Crowd, ended: asyncio.Event) -> None:
    with Live(_table(crowd), console=console, refresh_per_second=4) as live:
        while not ended.is_set():
            await _pause(ended, _REFRESH_SECONDS)
            live.update(Group(_table(crowd), *map(Text, await _found(proxy))))


async def _show_lines(console: Console, proxy: Proxy, crowd: Crowd, ended: asyncio.Event) -> None:
    while not ended.is_set():
        await _pause(ended, _LINES_SECONDS)
        for persona in crowd.personas:
            tally = crowd.tallies[persona.name]
            counts = "  ".join(
                f"{name} {tally.answers[name]}" for name in ("allowed", "throttled", "refused", "failed")
            )
            console.print(f"{persona.name:27} sent {tally.sent}  {counts}  {tally.last}", soft_wrap=True, markup=False)
        for line in await _found(proxy):
            console.print(line, soft_wrap=True, markup=False)
        console.print()


async def _pause(ended: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(ended.wait(), seconds)
    except TimeoutError:
        return


async def _found(proxy: Proxy) -> list[str]:
    """A line for each campaign that the proxy has found by itself."""
    _, told = await proxy.campaigns("GET", PAGE, b"")
    rules = proxy.policies.current.campaigns
    done = "found, and only told of (mode: shadow)" if rules is None or rules.shadow else "found"
    return [
        f"campaign {found['id']} {done}: {found['level']}, {found['members']} accounts, "
        f"{found['exchanges_seen']} exchanges, {found['exchanges_prevented']} of them refused"
        for found in told.get("campaigns", ())
    ]


def _table(crowd: Crowd) -> Table:
    table = Table(title="stillgate demo: requests by client", expand=True)
    table.add_column("client", no_wrap=True, min_width=27)
    for column, style in (("sent", ""), ("allowed", "green"), ("throttled", "yellow"), ("refused", "red")):
        table.add_column(column, justify="right", style=style, min_width=len(column))
    table.add_column("last refusal", no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
    for persona in crowd.personas:
        tally = crowd.tallies[persona.name]
        table.add_row(
            persona.name,
            str(tally.sent),
            *(str(tally.answers[outcome]) for outcome in ("allowed", "throttled", "refused")),
            Text(tally.last),
        )
    return table


def _how_to_try(proxy: Proxy, mock_url: str) -> Group:
    ask = (
        f"curl -i {proxy.url}/v1/messages -H 'x-api-key: me' -H 'anthropic-version: 2023-06-01' \\\n"
        """       -d '{"model":"claude-sonnet-5","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}'"""
    )
    return Group(
        Text(f"proxy      {proxy.url}          (give it to an SDK as base_url; OpenAI's wants /v1 appended)"),
        Text(f"metrics    {proxy.admin_url}/metrics   readiness {proxy.admin_url}/readyz"),
        Text(f"model API  {mock_url}          (mock)"),
        Text(f"campaigns  stillgate campaigns --admin {proxy.admin_url.removeprefix('http://')}"),
        Text(f"try        {ask}\n"),
    )
