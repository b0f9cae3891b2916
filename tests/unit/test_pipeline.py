"""What `decide` and `complete` do with an exchange, on the memory store and in virtual time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.admission.memory import MemoryStore
from proxy.clock import VirtualClock
from proxy.dialects.estimate import Estimator
from proxy.dialects.llm import Fault, Usage
from proxy.dialects.table import dialect_for
from proxy.exchange import Action, Arrival, Decision, Ending, Exchange, Outcome, State
from proxy.identity.resolve import Resolver
from proxy.pipeline import Pipeline
from proxy.policy.reload import PolicySource
from proxy.simulate.world import run

START_US = 1_776_816_000_000_000
DONE = Outcome(Ending.COMPLETE, 200, Usage(input_tokens=12, output_tokens=230))


class World:
    """A pipeline in virtual time."""

    def __init__(self, policy: Path) -> None:
        self.clock = VirtualClock(START_US)
        self.policies = PolicySource(str(policy))
        self.policies.load(0)
        self.pipeline = Pipeline(
            self.policies, Resolver(b"key", None), Estimator(), MemoryStore(lambda: self.clock.now_us)
        )
        self.count = 0

    def ask(
        self, body: dict[str, Any] | bytes | None = None, path: str = "/v1/messages", **headers: str
    ) -> tuple[Exchange, Decision]:
        self.count += 1
        sent = [(name.replace("_", "-"), value) for name, value in {"x_account_id": "acct_1", **headers}.items()]
        raw = json.dumps(body).encode() if isinstance(body, dict) else body
        method = "GET" if raw is None else "POST"
        arrival = Arrival(f"e-{self.count}", self.clock.now_us, method, path, "127.0.0.1", sent, raw)
        exchange = Exchange(arrival, dialect_for(method, path))
        return exchange, run(self.pipeline.decide(exchange))

    def complete(self, exchange: Exchange, outcome: Outcome = DONE) -> None:
        self.pipeline.complete(exchange, outcome, self.clock.now_us)

    def wait(self, seconds: float) -> None:
        self.clock.now_us += int(seconds * 1e6)


WorldOf = Callable[[str], World]


@pytest.fixture
def world_of(tmp_path: Path) -> WorldOf:
    def build(rules: str) -> World:
        path = tmp_path / "policy.yaml"
        path.write_text("version: 1\n" + rules, encoding="utf-8")
        return World(path)

    return build


def message(model: str = "m", max_tokens: int = 1000, text: str = "Hi", **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": max_tokens, "messages": [{"role": "user", "content": text}], **more}


def test_a_request_passes_when_every_quota_grants_and_none_is_charged_when_one_denies(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n"
        "  - {id: wide, key: [account], unit: requests, rate: 2/min}\n"
        "  - {id: narrow, key: [account, model], unit: requests, rate: 1/min}\n"
    )
    assert world.ask(message())[1].action is Action.ALLOW
    for _ in range(5):
        refused = world.ask(message())[1]
        assert (refused.action, refused.rule, refused.scope) == (Action.THROTTLE, "narrow", "account")
    assert world.ask(message(model="other"))[1].action is Action.ALLOW, "the refusals left 'wide' alone"


def test_retry_after_is_the_moment_the_same_request_passes_and_not_a_microsecond_later(world_of: WorldOf) -> None:
    world = world_of("quotas:\n  - {id: q, key: [account], unit: requests, rate: 7/min, burst: 1}\n")
    world.ask(message())
    refused = world.ask(message())[1]
    assert refused.retry_after_us is not None
    world.clock.now_us += refused.retry_after_us - 1
    assert world.ask(message())[1].action is Action.THROTTLE
    world.clock.now_us += 1
    assert world.ask(message())[1].action is Action.ALLOW


def test_max_tokens_are_reserved_and_what_was_not_used_comes_back(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n  - {id: out, key: [account], unit: output_tokens, rate: 1/day, burst: 1500, reserve: max_tokens}\n"
    )
    first, decision = world.ask(message(max_tokens=1000))
    assert decision.standings[0].remaining == 500
    assert world.ask(message(max_tokens=1000))[1].action is Action.THROTTLE
    world.complete(first)
    assert world.ask(message(max_tokens=1000))[1].standings[0].remaining == 1500 - 230 - 1000


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Ending.COMPLETE, 529, Usage(input_tokens=90, output_tokens=90)),
        Outcome(Ending.CLIENT_GONE, 200, Usage(input_tokens=90, output_tokens=90), generated_bytes=9),
    ],
    ids=["an error", "a cut one"],
)
def test_an_answer_that_is_none_or_not_whole_teaches_no_estimate_and_reports_no_usage(
    world_of: WorldOf, outcome: Outcome
) -> None:
    world = world_of("quotas:\n  - {id: out, key: [account], unit: total_tokens, rate: 1k/s, reserve: estimate}\n")

    def estimated() -> int:
        exchange, _ = world.ask(message(max_tokens=5000))
        assert not world.pipeline.complete(exchange, outcome, world.clock.now_us).reported
        return exchange.claims[0].cost

    first = estimated()
    world.wait(60)
    assert estimated() == first


def test_a_bucket_in_debt_has_nothing_left_to_tell_of(world_of: WorldOf) -> None:
    world = world_of("quotas:\n  - {id: out, key: [account], unit: output_tokens, rate: 100/min, reserve: none}\n")
    first, _ = world.ask(message())
    world.complete(first)  # 230 tokens
    assert [(standing.limit, standing.remaining) for standing in world.ask(message())[1].standings] == [(100, 0)]


def test_of_several_refusals_the_one_that_holds_longest_decides_and_for_ever_is_longest(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n"
        "  - {id: soon, key: [account], unit: requests, rate: 1/min}\n"
        "  - {id: late, key: [account], unit: requests, rate: 1/h}\n"
        "  - {id: never, key: [account], unit: output_tokens, rate: 100/min, reserve: max_tokens}\n"
    )
    world.ask(message(max_tokens=1))
    refused = world.ask(message(max_tokens=1))[1]
    assert (refused.rule, refused.retry_after_us) == ("late", 3_600_000_000)
    refused = world.ask(message(max_tokens=101))[1]
    assert (refused.rule, refused.retry_after_us, refused.fault) == ("never", None, Fault.REQUEST_EXCEEDS_LIMIT)
    assert refused.reasons[:3] == ("quota:soon", "quota:late", "quota:never")


def test_a_request_that_no_full_bucket_could_hold_is_refused_for_good_and_told_why(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n  - {id: out, key: [account], unit: output_tokens, rate: 100/min, reserve: max_tokens}\n"
    )
    refused = world.ask(message(max_tokens=101))[1]
    assert (refused.status, refused.retry_after_us, refused.fault) == (429, None, Fault.REQUEST_EXCEEDS_LIMIT)
    assert "limit 100" in refused.message
    assert "requested 101" in refused.message


def test_a_prompt_that_is_surely_too_long_is_refused_and_one_that_may_fit_waits_for_a_full_bucket(
    world_of: WorldOf,
) -> None:
    world = world_of("quotas:\n  - {id: in, key: [account], unit: input_tokens, rate: 100/min}\n")
    assert world.ask(message(text="word " * 1000))[1].fault is Fault.REQUEST_EXCEEDS_LIMIT
    assert world.ask(message(text="word " * 100))[1].action is Action.ALLOW
    assert world.ask(message(text="word " * 100))[1].fault is Fault.TOKENS_LIMITED


def test_cache_reads_cost_no_input_quota_and_cache_writes_do(world_of: WorldOf) -> None:
    world = world_of("quotas:\n  - {id: in, key: [account], unit: input_tokens, rate: 1/day, burst: 1000}\n")
    used = Usage(input_tokens=10, output_tokens=1, cache_read_input_tokens=9000, cache_creation_input_tokens=300)
    exchange, _ = world.ask(message())
    world.complete(exchange, Outcome(Ending.COMPLETE, 200, used))
    after = world.ask(message(text="x"))[1].standings[0]
    assert 1000 - 310 - 40 <= after.remaining <= 1000 - 310


def test_an_upstream_error_gives_tokens_back_and_keeps_the_request_counted(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n"
        "  - {id: rpm, key: [account], unit: requests, rate: 1/day, burst: 10}\n"
        "  - {id: out, key: [account], unit: output_tokens, rate: 1/day, burst: 1000, reserve: max_tokens}\n"
    )
    for ending, status in ((Ending.UPSTREAM_REFUSED, 529), (Ending.UPSTREAM_FAILED, None)):
        exchange, _ = world.ask(message(max_tokens=1000))
        world.complete(exchange, Outcome(ending, status))
    requests, tokens = world.ask(message(max_tokens=1000))[1].standings
    assert (requests.remaining, tokens.remaining) == (7, 0)


def test_usage_that_is_not_reported_stays_as_it_was_reserved(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n  - {id: out, key: [account], unit: output_tokens, rate: 1/day, burst: 1500, reserve: max_tokens}\n"
    )
    exchange, _ = world.ask(message(max_tokens=1000))
    world.complete(exchange, Outcome(Ending.COMPLETE, 200))
    assert world.ask(message(max_tokens=501))[1].action is Action.THROTTLE


def test_a_stream_that_was_cut_costs_what_was_generated(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n  - {id: out, key: [account], unit: output_tokens, rate: 1/day, burst: 1500, reserve: max_tokens}\n"
    )
    exchange, _ = world.ask(message(max_tokens=1000, stream=True))
    seen = Outcome(Ending.CLIENT_GONE, 200, Usage(input_tokens=3, output_tokens=1), 400, 90)
    world.complete(exchange, seen)
    assert world.ask(message(max_tokens=1))[1].standings[0].remaining == 1500 - 100 - 1


def test_a_slot_is_held_until_the_exchange_is_complete(world_of: WorldOf) -> None:
    world = world_of("quotas:\n  - {id: slots, key: [account], unit: concurrent, limit: 1}\n")
    first, _ = world.ask(message())
    refused = world.ask(message())[1]
    assert (refused.rule, refused.retry_after_us) == ("slots", 1_000_000)
    world.complete(first)
    assert world.ask(message())[1].action is Action.ALLOW


def test_what_has_no_body_counts_against_requests_and_slots_and_no_token_quota(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n"
        "  - {id: rpm, key: [account], unit: requests, rate: 1/min}\n"
        "  - {id: in, key: [account], unit: total_tokens, rate: 1/min, burst: 1}\n"
    )
    assert world.ask(path="/v1/models")[1].action is Action.ALLOW
    assert world.ask(path="/v1/models")[1].rule == "rpm"


def test_a_body_that_is_not_json_goes_on_and_its_bytes_count_as_input(world_of: WorldOf) -> None:
    world = world_of("quotas:\n  - {id: in, key: [account], unit: input_tokens, rate: 1/day, burst: 1000}\n")
    exchange, decision = world.ask(b"{" * 400)
    assert decision.action is Action.ALLOW
    assert exchange.request.model is None
    assert decision.standings[0].remaining == 900


def test_an_access_rule_blocks_before_any_quota_is_asked(world_of: WorldOf) -> None:
    world = world_of(
        "access:\n"
        "  - {id: no-frontier, deny: {model: '*-frontier-*'}, unless: {verified: true}, reason: Verified only.}\n"
        "quotas:\n  - {id: rpm, key: [account], unit: requests, rate: 1/min}\n"
    )
    refused = world.ask(message(model="m-frontier-1"))[1]
    assert (refused.action, refused.status, refused.scope, refused.rule) == (Action.BLOCK, 403, "access", "no-frontier")
    assert refused.message == "Verified only."
    assert world.ask(message(model="m-frontier-1"), x_account_verified="true")[1].action is Action.ALLOW


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/messages", {"model": "m", "max_tokens": 9, "messages": []}),
        ("/v1/chat/completions", {"model": "m", "messages": []}),
        ("/v1/responses", {"model": "m", "input": "Hi"}),
        ("/v1beta/models/m:generateContent", {"contents": []}),
        ("/v1/files", {}),
    ],
)
def test_whom_a_quota_refuses_is_told_its_reason_in_the_words_of_the_dialect(
    world_of: WorldOf, path: str, body: dict[str, Any]
) -> None:
    world = world_of(
        "quotas:\n"
        "  - {id: q, key: [account], unit: requests, rate: 1/day, reason: Buy more at https://example.com/billing}\n"
    )
    world.ask(body, path)
    exchange, refused = world.ask(body, path)
    assert refused.fault is not None
    error = json.loads(exchange.dialect.error(refused.fault, refused.message, "e-1").body)["error"]
    assert error["message"].startswith("Rate limit reached for 'q' on requests: limit 1, remaining 0, requested 1. ")
    assert error["message"].endswith("s. Buy more at https://example.com/billing")


def test_whom_a_quota_refuses_for_good_is_told_its_reason_too(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n"
        "  - {id: q, key: [account], unit: output_tokens, rate: 9/day, reserve: max_tokens, reason: Upgrade.}\n"
    )
    assert world.ask(message(max_tokens=10))[1].message.endswith("It can never pass; ask for less. Upgrade.")


@pytest.mark.parametrize("key", ["[]", "[model]"])
def test_a_client_is_not_told_how_much_of_a_bucket_the_others_have_left_where_it_has_one_of_its_own(
    world_of: WorldOf, key: str
) -> None:
    shared = f"quotas:\n  - {{id: all, key: {key}, unit: requests, rate: 20/min}}\n"
    own = "  - {id: own, key: [account], unit: total_tokens, rate: 90/min}\n"
    world = world_of(shared + own)
    assert [standing.limit for standing in world.ask(message())[1].standings] == [90]
    alone = world_of(shared)
    assert [standing.limit for standing in alone.ask(message())[1].standings] == [20]


def test_a_shadow_rule_is_told_and_refuses_nobody(world_of: WorldOf) -> None:
    world = world_of(
        "access:\n  - {id: s-access, deny: {model: m}, mode: shadow}\n"
        "quotas:\n  - {id: s-quota, key: [], unit: requests, rate: 1/min, mode: shadow}\n"
    )
    assert world.ask(message())[1].reasons == ("shadow:s-access",)
    second = world.ask(message())[1]
    assert (second.action, second.shadow, second.standings) == (Action.ALLOW, True, ())
    assert second.reasons == ("shadow:s-access", "shadow:s-quota")


def test_a_whole_policy_in_shadow_refuses_nobody(world_of: WorldOf) -> None:
    world = world_of("mode: shadow\nquotas:\n  - {id: q, key: [account], unit: requests, rate: 1/min}\n")
    decisions = [world.ask(message())[1] for _ in range(3)]
    assert {decision.action for decision in decisions} == {Action.ALLOW}
    assert [decision.shadow for decision in decisions] == [False, True, True]


def test_an_exchange_keeps_the_policy_it_was_decided_under(world_of: WorldOf, tmp_path: Path) -> None:
    world = world_of("quotas:\n  - {id: slots, key: [account], unit: concurrent, limit: 1}\n")
    exchange, _ = world.ask(message())
    (tmp_path / "policy.yaml").write_text("version: 1\nquotas: []\n", encoding="utf-8")
    world.policies.reload(1)
    world.complete(exchange)
    assert exchange.policy is not world.policies.current
    assert exchange.state is State.SETTLED


def test_an_exchange_cannot_be_completed_twice(world_of: WorldOf) -> None:
    world = world_of("quotas:\n  - {id: q, key: [account], unit: requests, rate: 1/min}\n")
    exchange, _ = world.ask(message())
    world.complete(exchange)
    with pytest.raises(RuntimeError, match="settled cannot become settled"):
        world.complete(exchange)


def test_the_refusal_that_holds_longest_decides(world_of: WorldOf) -> None:
    world = world_of(
        "quotas:\n"
        "  - {id: short, key: [account], unit: requests, rate: 1/s}\n"
        "  - {id: long, key: [network], unit: requests, rate: 1/h}\n"
    )
    world.ask(message())
    refused = world.ask(message())[1]
    assert (refused.rule, refused.scope) == ("long", "network")
    assert refused.reasons[:2] == ("quota:short", "quota:long")


def test_a_policy_that_takes_over_is_asked_anew(world_of: WorldOf) -> None:
    world = world_of("quotas:\n  - {id: rpm, key: [account], unit: requests, rate: 1/min}\n")
    world.ask(message())
    assert world.ask(message())[1].action is Action.THROTTLE
    Path(world.policies.path).write_text("version: 1\naccess:\n  - {id: nobody, deny: {account: '*'}}\n")
    world.policies.reload(0)
    assert world.ask(message())[1].rule == "nobody"
