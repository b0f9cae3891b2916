"""Streams that their clients cut short: every slot comes back, and every bucket stands where the tokens put it.

Two hundred accounts hold one stream each, all at once. Each has buckets and a slot of its own, so that no error hides
in a sum, and all share two hundred slots. What was generated is what the mock model API says it wrote.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.functional.conftest import Running, ServeFactory
from tests.redis_server import RedisServer

STREAMS = 200
BURST = 900
"""Below a thousand, where Anthropic's headers tell remaining tokens exactly. A day refills one of them, a test none."""
POLICY = f"""\
version: 1
quotas:
  - {{id: input, key: [account], unit: input_tokens, rate: 1/day, burst: {BURST}}}
  - {{id: output, key: [account], unit: output_tokens, rate: 1/day, burst: {BURST}, reserve: max_tokens}}
  - {{id: own-slot, key: [account], unit: concurrent, limit: 1}}
  - {{id: all-slots, key: [], unit: concurrent, limit: {STREAMS}}}
"""
PACE_SECONDS = 0.05
MAX_TOKENS = 400
TOKENS_AN_EVENT = 4
EVENTS_ON_THE_WIRE = 5
"""What the mock may have written between a client's leaving and its own hearing of it, over two hops: at its pace a
quarter of a second's worth, nearly all of it for a machine that is busy. So much may one cut stream cost too little."""
NOTHING = {"outcome": "unheard", "input_tokens": 0, "output_tokens": 0}


@dataclass(frozen=True)
class Plan:
    """One client: which API it speaks, how long its answer is, and where it cuts it."""

    name: str
    anthropic: bool
    tokens: int
    asks_usage: bool
    """Anthropic's streams always tell it; of OpenAI's the proxy takes it out again where the client has not asked."""
    cut_after: int | None
    """Data lines read before it leaves; 0: as soon as the request is sent; None: it reads to the end."""
    resets: bool
    """It leaves with a reset instead of an orderly close."""

    @property
    def lines(self) -> int:
        """Data lines before the end marker; where usage is told, the last of them tells it."""
        return self.tokens // TOKENS_AN_EVENT + (5 if self.anthropic else 2 + self.asks_usage)

    @property
    def body(self) -> bytes:
        body = {
            "model": "m-large",
            "max_tokens": MAX_TOKENS,
            "stream": True,
            "messages": [{"role": "user", "content": f"Tell me about {self.name}."}],
        }
        if not self.anthropic:
            body["stream_options"] = {"include_usage": self.asks_usage}
        return json.dumps(body).encode()

    def request(self, host: str) -> bytes:
        path = "/v1/messages" if self.anthropic else "/v1/chat/completions"
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close\r\n"
            f"anthropic-version: 2023-06-01\r\nx-account-id: {self.name}\r\n"
            f"x-mock: id={self.name}, tokens={self.tokens}, pace={PACE_SECONDS}\r\n"
            f"Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode() + self.body


def make_plans(seed: str) -> list[Plan]:
    """Half Anthropic, half OpenAI; a third cut, some at byte 0, some after the usage, most in between."""
    chance = random.Random(seed)
    plans = []
    for number in range(STREAMS):
        cut = ("first", "last", "within", "within")[chance.randrange(4)] if number % 3 == 0 else None
        plan = Plan(
            name=f"{seed}-{number}",
            anthropic=number % 2 == 0,
            tokens=TOKENS_AN_EVENT * chance.randint(5, 25),
            asks_usage=number % 2 == 0 or cut == "last" or chance.random() < 0.5,
            cut_after=None,
            resets=chance.random() < 0.5,
        )
        places = {None: None, "first": 0, "last": plan.lines, "within": chance.randrange(1, plan.lines)}
        plans.append(Plan(plan.name, plan.anthropic, plan.tokens, plan.asks_usage, places[cut], plan.resets))
    return plans


async def play(plan: Plan, proxy: Running) -> int:
    """Reads the stream as far as planned; returns the tokens whose text was read."""
    place = urlsplit(proxy.url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    lines, tokens, ended = 0, 0, False
    try:
        writer.write(plan.request(place.netloc))
        await writer.drain()
        while lines != plan.cut_after and not ended:
            line = await reader.readline()
            assert line, f"the stream broke off after {lines} lines"
            if line.startswith(b"data: "):
                lines += 1
                tokens += tokens_in(line)
                ended = b"[DONE]" in line or b'"message_stop"' in line
        if ended:
            await reader.read()  # a client that leaves at the end marker has cut the answer's last chunk
    finally:
        if plan.resets:
            writer.transport.abort()
        writer.close()
    assert ended == (plan.cut_after is None)
    assert plan.cut_after is not None or lines == plan.lines + 1
    return tokens


def tokens_in(line: bytes) -> int:
    """Tokens of the text in a data line; the mock's have four bytes each."""
    if b"[DONE]" in line:
        return 0
    event = json.loads(line.removeprefix(b"data: "))
    deltas = [event.get("delta") or {}, *(choice["delta"] for choice in event.get("choices", ()))]
    return sum(len(delta.get("text") or delta.get("content") or "") for delta in deltas) // 4


class World:
    """The proxy and the mock model API as seen from outside."""

    def __init__(self, proxy: Running, mock_api: Running, session: aiohttp.ClientSession) -> None:
        self.proxy = proxy
        self._mock_api = mock_api
        self._session = session

    async def ask(self, plan: Plan, max_tokens: int, mock: str = "") -> aiohttp.ClientResponse:
        """A plain request of the plan's account; its answer has been read."""
        body = {"model": "m", "max_tokens": max_tokens, "messages": [{"role": "user", "content": "?"}]}
        headers = {"x-account-id": plan.name, "anthropic-version": "2023-06-01", "x-mock": mock}
        async with self._session.post(f"{self.proxy.url}/v1/messages", json=body, headers=headers) as answer:
            await answer.read()
            return answer

    async def stats(self) -> dict[str, Any]:
        async with self._session.get(f"{self._mock_api.url}/mock/stats") as answer:
            return dict(await answer.json())

    async def charged(self, plan: Plan) -> tuple[int, int]:
        """Input and output tokens of the account, as a refusal's headers tell them; a refusal changes no bucket."""
        answer = await self.ask(plan, max_tokens=BURST + 1)
        assert answer.status == 429
        left = [answer.headers[f"anthropic-ratelimit-{kind}-tokens-remaining"] for kind in ("input", "output")]
        return BURST - int(left[0]), BURST - int(left[1])

    async def all_is_over(self) -> None:
        """Returns once the proxy has settled every stream and the mock has heard of every client that left."""
        async with asyncio.timeout(30):
            while await asyncio.to_thread(self.proxy.metric, "stillgate_exchanges_in_flight"):
                await asyncio.sleep(0.05)
            while (await self.stats())["open"] > 1:  # the question itself
                await asyncio.sleep(0.05)


def check_complete(charged: tuple[int, int], generated: dict[str, Any]) -> None:
    assert generated["outcome"] == "complete"
    assert charged == (generated["input_tokens"], generated["output_tokens"])


def check_cut(plan: Plan, read: int, charged: tuple[int, int], generated: dict[str, Any]) -> None:
    input_tokens, output_tokens = charged
    assert read <= output_tokens, "what the client has got is charged"
    assert output_tokens <= generated["output_tokens"], "what nobody has generated is not"
    assert generated["output_tokens"] - output_tokens <= EVENTS_ON_THE_WIRE * TOKENS_AN_EVENT
    if plan.cut_after == plan.lines:
        assert charged == (generated["input_tokens"], generated["output_tokens"]), "its usage was told"
    elif plan.anthropic and plan.cut_after:
        assert input_tokens == generated["input_tokens"], "the first event tells it"
    else:
        # Nobody told, so that it is the estimate: of the whole body at a token for four bytes, or what has been
        # learned since; nothing at all where the client had left before its request was read.
        assert generated["input_tokens"] <= input_tokens <= len(plan.body) // 4 + 1


async def assert_nothing_is_left(plans: list[Plan], world: World) -> None:
    read = await asyncio.gather(*(play(plan, world.proxy) for plan in plans))
    await world.all_is_over()
    exchanges = (await world.stats())["exchanges"]
    for plan, tokens in zip(plans, read, strict=True):
        charged, generated = await world.charged(plan), exchanges.get(plan.name, NOTHING)
        if plan.cut_after is None:
            check_complete(charged, generated)
        else:
            check_cut(plan, tokens, charged, generated)
    assert world.proxy.metric('stillgate_exchange_endings_total{ending="client_gone"}') > 0


async def assert_every_slot_is_free(plans: list[Plan], world: World) -> None:
    """All slots are taken together: each account's own one, and all that there are between them."""
    answers = await asyncio.gather(*(world.ask(plan, max_tokens=1, mock="delay=1") for plan in plans))
    assert {answer.status for answer in answers} == {200}


def test_the_plans_cut_a_third_at_byte_zero_after_the_usage_and_in_between() -> None:
    for seed in ("memory", "redis"):
        cut = [plan for plan in make_plans(seed) if plan.cut_after is not None]
        assert len(cut) == 67
        for anthropic in (True, False):
            places = [plan.cut_after for plan in cut if plan.anthropic == anthropic]
            assert 0 in places
            assert any(plan.cut_after == plan.lines for plan in cut if plan.anthropic == anthropic)
            assert len(set(places)) > 5


async def test_two_hundred_streams_a_third_of_them_cut_leave_memory_exact(
    serve: ServeFactory, mock_api: Running
) -> None:
    plans = make_plans("memory")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        world = World(serve(POLICY), mock_api, session)
        await assert_nothing_is_left(plans, world)
        await assert_every_slot_is_free(plans, world)


async def test_two_hundred_streams_a_third_of_them_cut_leave_redis_exact(
    serve: ServeFactory, mock_api: Running, own_redis: RedisServer
) -> None:
    plans = make_plans("redis")
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        world = World(serve(POLICY, "--store", own_redis.url, "--store-timeout-ms", "5000"), mock_api, session)
        await assert_nothing_is_left(plans, world)
        assert own_redis.command("KEYS", "*s:*") == [], "no lease is left in any set of slots"
        await assert_every_slot_is_free(plans, world)


async def test_a_plain_answer_left_half_way_stays_charged_as_it_was_reserved(
    serve: ServeFactory, mock_api: Running
) -> None:
    """The upstream has generated all of it, and what it was worth stood at its end."""
    (plan, *_) = make_plans("plain")
    async with aiohttp.ClientSession() as session:
        world = World(serve(POLICY), mock_api, session)
        asked = asyncio.create_task(world.ask(plan, max_tokens=300, mock="tokens=300, hang=after 1 event"))
        begun = 'stillgate_responses_total{code="200",source="upstream"}'
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(world.proxy.metric, begun):
                await asyncio.sleep(0.02)
        asked.cancel()
        await world.all_is_over()
        _, output_tokens = await world.charged(plan)
        assert output_tokens == 300
