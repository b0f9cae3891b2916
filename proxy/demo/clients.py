"""Owns the demo's clients: a few kinds of customers as the threat model and any API team knows them.

Each is data; one loop plays them all over real sockets. Knows nothing of the proxy but its URL.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True)
class Persona:
    """One kind of customer. `parallel` loops each send, wait `pause_seconds`, and send again."""

    name: str
    account: str
    headers: dict[str, str]
    path: str
    body: dict[str, Any]
    parallel: int = 1
    pause_seconds: float = 1.0
    accounts: int = 1
    """Accounts that take turns, named `account` and a number, where more than one."""
    asks: Callable[[int], str] | None = None
    """What is asked instead of the body's own words, from the number of the request on."""
    networks: str = ""
    """The address of each account where they do not share one, with `{}` for the account's number."""


@dataclass(slots=True)
class Tally:
    """What one persona has met so far."""

    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    last: str = ""

    def note(self, outcome: str, detail: str) -> None:
        self.answers[outcome] += 1
        if detail:
            self.last = detail


def _anthropic(prompt: str, model: str = "claude-sonnet-5", max_tokens: int = 256, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": max_tokens, "messages": [{"role": "user", "content": prompt}], **more}


def _openai(prompt: str, model: str = "gpt-6-mini", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **more}


_WRAPPER = (
    "You are an expert tutor. Write your full internal reasoning step by step in <thinking> tags before the answer, "
    "leave nothing out, and end with the answer alone. Problem: "
)
_THINGS = (
    "river",
    "tower",
    "engine",
    "lantern",
    "orchard",
    "kettle",
    "anchor",
    "violin",
    "glacier",
    "needle",
    "barrel",
)
_PLACES = ("harbour", "valley", "cellar", "meadow", "island", "jungle", "saddle", "quarry", "garden", "desert")


def _problem(number: int) -> str:
    thing, other = _THINGS[number % len(_THINGS)], _THINGS[number // 3 % len(_THINGS)]
    place = _PLACES[number // 7 % len(_PLACES)]
    return f"{_WRAPPER}{number} times a {thing} and {number % 83} times a {other} in the {place}: how much is that?"


_AGENT_TOOL = {
    "name": "run",
    "description": "Runs a shell command.",
    "input_schema": {"type": "object", "properties": {}},
}
_SOURCE = "def pay(order):\n    return ledger.book(order.total, order.account)\n" * 1200

PERSONAS = (
    Persona(
        "developer, streaming",
        "acct_dev",
        {"x-account-tier": "build", "x-forwarded-for": "198.18.1.20", "user-agent": "Anthropic/Python 2.11.0"},
        "/v1/messages",
        _anthropic("Why does a token bucket need a burst?", stream=True),
        pause_seconds=0.7,
    ),
    Persona(
        "script in a tight loop",
        "acct_hobby",
        {"x-account-tier": "free", "x-forwarded-for": "198.18.2.7", "user-agent": "python-requests/2.33"},
        "/v1/chat/completions",
        _openai("Write a haiku about rate limits."),
        pause_seconds=0.12,
    ),
    Persona(
        "agent, long context",
        "acct_agent",
        {"x-account-tier": "free", "x-forwarded-for": "198.18.3.9", "user-agent": "claude-cli/3.1.0 (external, cli)"},
        "/v1/messages",
        _anthropic("Refactor this module:\n" + _SOURCE, tools=[_AGENT_TOOL], stream=True),
        pause_seconds=0.7,
    ),
    Persona(
        "batch job, forty at once",
        "acct_batch",
        {"x-account-tier": "build", "x-forwarded-for": "198.18.4.1", "user-agent": "OpenAI/Python 3.52.0"},
        "/v1/chat/completions",
        _openai("Classify the sentiment: the parcel came late. [[mock tokens=64, pace=0.1]]", stream=True),
        parallel=40,
        pause_seconds=1.0,
    ),
    Persona(
        "campus, 60 on one network",
        "acct_student",
        {"x-account-tier": "free", "x-forwarded-for": "198.18.5.0", "user-agent": "Anthropic/Python 2.11.0"},
        "/v1/messages",
        _anthropic("Explain the homework of week three."),
        parallel=12,
        pause_seconds=0.2,
        accounts=60,
    ),
    Persona(
        "unverified, frontier model",
        "acct_new",
        {"x-account-tier": "free", "x-forwarded-for": "198.18.6.66", "user-agent": "OpenAI/Python 3.52.0"},
        "/v1/chat/completions",
        _openai("Hello", model="gpt-7-frontier-preview"),
        pause_seconds=2.5,
    ),
    Persona(
        "campaign, 40 quiet accounts",
        "acct_pool",
        {
            "x-account-tier": "free",
            "x-account-created": "2026-01-05T08:00:00Z",
            "user-agent": "python-requests/2.33",
        },
        "/v1/messages",
        _anthropic(""),
        parallel=4,
        pause_seconds=0.15,
        accounts=40,
        asks=_problem,
        networks="198.18.{}.7",
    ),
)


class Crowd:
    """All personas at once; `tallies` shows what each has met."""

    def __init__(self, url: str, personas: tuple[Persona, ...] = PERSONAS) -> None:
        self._url = url
        self.personas = personas
        self.tallies = {persona.name: Tally() for persona in personas}

    async def run(self) -> None:
        """Plays until cancelled."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(self._url, connector=connector) as session, asyncio.TaskGroup() as group:
            for persona in self.personas:
                for turn in range(persona.parallel):
                    group.create_task(self._play(session, persona, turn))

    async def _play(self, session: aiohttp.ClientSession, persona: Persona, turn: int) -> None:
        tally = self.tallies[persona.name]
        await asyncio.sleep(persona.pause_seconds * turn / persona.parallel)
        while True:
            number = turn % persona.accounts
            turn += persona.parallel
            tally.sent += 1
            try:
                tally.note(*await self._ask(session, persona, number, tally.sent))
            except aiohttp.ClientError as fault:
                tally.note("failed", type(fault).__name__)
            await asyncio.sleep(persona.pause_seconds)

    async def _ask(self, session: aiohttp.ClientSession, persona: Persona, number: int, count: int) -> tuple[str, str]:
        account = persona.account if persona.accounts == 1 else f"{persona.account}{number}"
        headers = {**persona.headers, "x-account-id": account, "x-api-key": "demo", "anthropic-version": "2023-06-01"}
        if persona.networks:
            headers["x-forwarded-for"] = persona.networks.format(100 + number)
        asked = persona.body
        if persona.asks is not None:
            asked = {**asked, "messages": [{"role": "user", "content": persona.asks(count)}]}
        async with session.post(persona.path, json=asked, headers=headers) as answer:
            body = await answer.read()
            if answer.status < 400:
                return "allowed", ""
            outcome = {429: "throttled", 403: "refused"}.get(answer.status, "failed")
            return outcome, _message(body)


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"]).removeprefix("Rate limit reached for ")
    except (ValueError, LookupError, TypeError):
        return body[:80].decode(errors="replace")
