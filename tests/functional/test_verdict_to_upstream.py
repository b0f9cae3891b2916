"""What the model API is told of verdicts, on real sockets."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry

from proxy.admission.memory import MemoryStore
from proxy.clock import SystemClock, Ticks
from proxy.detection import Noted
from proxy.dialects.estimate import Estimator
from proxy.handlers.asking import Asking
from proxy.handlers.handler import Handler
from proxy.handlers.server import ClientServer
from proxy.handlers.unread import Unpacking
from proxy.identity.resolve import Resolver
from proxy.metrics.exchanges import Metrics
from proxy.observe import Observer
from proxy.pipeline import FixedPolicy, Pipeline
from proxy.policy.load import load_policy
from proxy.upstream.client import ClientOptions, HttpUpstream
from proxy.upstream.headers import Forwarding
from proxy.upstream.stream_usage import StreamUsage
from proxy.verdict.campaign import Campaign, Level
from proxy.verdict.snapshot import Snapshot
from tests.functional.raw_http import Message, RawUpstream, answer_bytes, connect, request_bytes

KEY = b"shared with the model server"
FOUND = Campaign(
    id="c-0123456789ab",
    level=Level.SUSPECTED,
    score=5.0,
    first_us=0,
    detected_us=0,
    last_us=0,
    expires_us=2**62,
    accounts=1,
    whole=("acct_1",),
)


class Found:
    """A detection that has found one campaign."""

    reads_content = True
    sketches = False

    def snapshot(self, now_us: int) -> Snapshot:
        return Snapshot([FOUND])

    def note(self, noted: Noted) -> None:
        """Not looked at here."""


@asynccontextmanager
async def gateway(upstream: RawUpstream, folder: Path, campaigns: str, key: bytes) -> AsyncIterator[str]:
    """The URL of a handler under a policy with these `campaigns`."""
    path = folder / "policy.yaml"
    path.write_text(f"version: 1\ncampaigns: {campaigns}\n")
    clock = SystemClock()
    ticks = Ticks(clock)
    api = HttpUpstream(ClientOptions(upstream.url, 5.0, 5.0, ""))
    handler = Handler(
        pipeline=Pipeline(
            FixedPolicy(load_policy(str(path))),
            Resolver(b"key", None),
            Estimator(),
            MemoryStore(ticks.next_us),
            detection=Found(),
        ),
        asking=Asking(api, Forwarding(urlsplit(upstream.url).netloc, verdict_key=key), StreamUsage(never=True), clock),
        observer=Observer(Metrics(CollectorRegistry()), clock),
        clock=clock,
        ticks=ticks,
        unpacking=Unpacking(2**20),
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(api.close)
        clients = ClientServer(handler, files=1_000)
        stack.push_async_callback(clients.close, 1.0)
        await clients.listen("127.0.0.1:0", "--listen")
        yield clients.url


async def forwarded(url: str, upstream: RawUpstream, account: str) -> tuple[Message, Message]:
    """What reaches the upstream, and the answer."""
    forged = ("x-stillgate-verdict", "v=1;level=none")
    async with await connect(url) as client:
        await client.send(request_bytes("POST /v1/messages", ("x-account-id", account), forged, body=b"{}"))
        playing = asyncio.ensure_future(upstream.answer(answer_bytes("200 OK", ("Connection", "close"))))
        answer = await client.message()
        return (await playing)[1], answer


async def test_the_upstream_can_tell_a_genuine_verdict_and_whom_it_is_about(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    async with gateway(model_api, tmp_path, "{mode: enforce, tell_upstream: true}", KEY) as url:
        suspected, _ = await forwarded(url, model_api, "acct_1")
        unsuspected, _ = await forwarded(url, model_api, "acct_2")

    (value,) = suspected.values("x-stillgate-verdict")
    told, _, sig = value.rpartition(";sig=")
    assert sig == hmac.new(KEY, told.encode(), "sha256").hexdigest()
    facts = dict(part.split("=") for part in told.split(";"))
    assert (facts["v"], facts["level"], facts["campaign"]) == ("1", "suspected", "c-0123456789ab")
    assert facts["request"].startswith("req_")
    assert unsuspected.values("x-stillgate-verdict") == []


@pytest.mark.parametrize(
    ("campaigns", "key"),
    [
        ("{mode: enforce}", KEY),
        ("{mode: shadow, tell_upstream: true}", KEY),
        ("{mode: enforce, tell_upstream: true}", b""),
        ("{mode: enforce, tell_upstream: true, exempt: [{account: acct_1}]}", KEY),
    ],
)
async def test_the_upstream_is_told_of_no_verdict_without_a_key_and_a_policy_that_acts(
    model_api: RawUpstream, tmp_path: Path, campaigns: str, key: bytes
) -> None:
    async with gateway(model_api, tmp_path, campaigns, key) as url:
        request, answer = await forwarded(url, model_api, "acct_1")

    assert answer.status == 200
    assert request.values("x-stillgate-verdict") == []
