"""While policies change as fast as they can, no request fails, and each is judged by one policy as a whole."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

from tests.functional.conftest import ServeFactory
from tests.functional.raw_http import Message, connect, request_bytes

POLICY = """\
version: 1
access:
  - {{id: access-{name}, deny: {{model: only-{other}}}, reason: Policy {name} does not serve it.}}
quotas:
  - {{id: requests-{name}, key: [account], unit: requests, rate: {rate}/day}}
  - {{id: input-{name}, key: [account, model], unit: input_tokens, rate: {rate}0/day}}
  - {{id: output-{name}, key: [account, model], unit: output_tokens, rate: {rate}00/day}}
  - {{id: slots-{name}, key: [account], unit: concurrent, limit: {rate}}}
"""
"""Each denies what only the other serves, and no quota of the one is the other's."""
RATES = {"a": 100_000, "b": 200_000}
CONNECTIONS = 20
REQUESTS_EACH = 150
HEADERS = (("x-api-key", "k"), ("anthropic-version", "2023-06-01"), ("Content-Type", "application/json"))
MODELS = ("only-a", "only-b", "both")


def policy(name: str) -> str:
    return POLICY.format(name=name, other="b" if name == "a" else "a", rate=RATES[name])


def judged_by(model: str, answer: Message) -> str:
    """The one policy that all of an answer comes from; fails where there is none."""
    if answer.status == 403:
        name = json.loads(answer.body)["error"]["message"].split()[1]
        assert model == ("only-b" if name == "a" else "only-a")
        return str(name)
    assert answer.status == 200, answer
    limits = [answer.values(f"anthropic-ratelimit-{unit}-limit")[0] for unit in ("requests", "input-tokens")]
    name = next(name for name, rate in RATES.items() if str(rate) == limits[0])
    assert limits == [str(RATES[name]), str(RATES[name] * 10)]
    assert model != ("only-b" if name == "a" else "only-a")
    return name


async def keep_asking(url: str, number: int, judgements: Counter[str]) -> None:
    async with await connect(url) as client:
        for count in range(REQUESTS_EACH):
            model = MODELS[(number + count) % len(MODELS)]
            body = b'{"model": "%s", "max_tokens": 2, "messages": [{"role": "user", "content": "Hi"}]}' % model.encode()
            await client.send(request_bytes("POST /v1/messages", *HEADERS, body=body))
            judgements[judged_by(model, await client.message())] += 1


async def test_no_request_fails_or_sees_half_a_policy(serve: ServeFactory, tmp_path: Path) -> None:
    running = serve(policy("a"), "--reload-seconds", "0.05")
    path = tmp_path / "policy-0.yaml"
    judgements: Counter[str] = Counter()
    asking = asyncio.gather(*(keep_asking(running.url, number, judgements) for number in range(CONNECTIONS)))
    swaps = 0
    while not asking.done():
        (tmp_path / "next").write_text(policy("ab"[(swaps + 1) % 2]))
        (tmp_path / "next").replace(path)
        if swaps % 3:
            status, _ = await asyncio.to_thread(running.page, "/-/reload", "POST")
            assert status == 200
        else:
            await asyncio.sleep(0.1)
        swaps += 1
    await asking
    assert judgements.total() == CONNECTIONS * REQUESTS_EACH
    assert min(judgements["a"], judgements["b"]) > 50
    assert swaps > 10
    assert running.metric('stillgate_policy_reloads_total{outcome="refused"}') == 0
    assert running.metric("stillgate_exchanges_in_flight") == 0
    assert running.stop() == 0
    assert [said for said in running.log() if said.get("level") in ("ERROR", "CRITICAL")] == []
