"""Owns what one round of each experiment measures: all contestants one after the other, so that what else the machine
does meets all of them alike. Figures come out under the names that the table's rows compare.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
from redis import Redis

from tests.bench.contestants import (
    open_bare,
    open_haproxy,
    open_nginx,
    open_redis,
    open_stillgate,
    open_stillgate_on_redis,
    open_two_workers,
    page,
)
from tests.bench.failures import BenchError, PeerMissingError
from tests.bench.jobs import Closed, Hold, Open, Result, Streams, Traffic
from tests.bench.litellm import open_litellm
from tests.bench.processes import pin
from tests.bench.stage import Contestant, Stage, run_pinned

_IN_FLIGHT = 64
_AGENTS_IN_FLIGHT = 16
_LITELLM_IN_FLIGHT = 16
_STREAMS, _EVENTS_A_SECOND = 300, 50
_PLAIN, _AGENT = Traffic("plain"), Traffic("agent")
_SHORT_STREAM = Traffic("stream", deltas=10, gap_ms=5)
_SLOW_STREAM = Traffic("stream", deltas=1000, gap_ms=2000)
_CONNECTIONS = 256
_LATENCY_WARM_SECONDS = 0.7
_STILLGATE = (sys.executable, "-m", "proxy.cli.main")
_LEAST_CLAIMS = 5
"""That every exchange makes under the benchmark's policy."""

Say = Callable[[str], None]
"""Told who is measured now."""
_Opener = Callable[[Stage, ExitStack], Contestant]
_Openers = dict[str, _Opener]
_OURS_AND_BARE: _Openers = {"stillgate": open_stillgate, "bare": open_bare}
_STREAMING: _Openers = {**_OURS_AND_BARE, "nginx": open_nginx, "HAProxy": open_haproxy}


def plain(stage: Stage, say: Say) -> dict[str, float]:
    """µs of CPU a request of 1 KB, by contestant; `scripts` that Redis runs for an exchange."""
    figures = _cpu_by_contestant(stage, say, _OURS_AND_BARE, _PLAIN, _IN_FLIGHT)
    _check_that_all_is_on(stage.contestant("stillgate", open_stillgate))
    say("on Redis")
    shared = _had(stage, "on Redis", open_stillgate_on_redis)
    if shared is None:
        stage.missing["scripts"] = stage.missing["on Redis"]
        return figures
    assert shared.redis is not None
    with Redis(port=shared.redis) as client:
        before = _scripts_run(client)
        result = stage.measure(shared, _PLAIN, Closed(_IN_FLIGHT))
        scripts = _scripts_run(client) - before
    return {**figures, "on Redis": _cpu_us(result), "scripts": scripts / result.exchanges_in_all}


def redis(stage: Stage, say: Say) -> dict[str, float]:
    """µs of CPU that a decision and its settlement take of the store's client alone, by store."""
    port = stage.redis("redis-for-store-calls", open_redis)
    figures = {}
    for name, url in (("in memory", "memory://"), ("client", f"redis://127.0.0.1:{port}/0")):
        say(name)
        output = stage.folder / "store-calls.log"
        command = [sys.executable, "-m", "tests.bench.store_calls", url, str(stage.times.measure_s)]
        run_pinned(command, stage.cores.proxy, output)
        figures[name] = float(output.read_text(encoding="utf-8").split()[-1])
    return figures


def agent(stage: Stage, say: Say) -> dict[str, float]:
    """µs of CPU a request of 200 KB, by contestant."""
    return _cpu_by_contestant(stage, say, _OURS_AND_BARE, _AGENT, _AGENTS_IN_FLIGHT)


def stream(stage: Stage, say: Say) -> dict[str, float]:
    """µs of CPU an event, by contestant; a peer that is missing is left out.

    Where a proxy is late, by its own load or by another program's, events travel together and are cheaper; the reads
    that an event took at the client tell how far that went.
    """
    figures = {}
    times = stage.times
    deltas = int((2 * times.warm_s + times.measure_s) * _EVENTS_A_SECOND)
    traffic = Traffic("stream", deltas=deltas, gap_ms=1000 // _EVENTS_A_SECOND)
    for name, opener in _STREAMING.items():
        say(name)
        contestant = _had(stage, name, opener)
        if contestant is not None:
            result = stage.measure(contestant, traffic, Streams(_STREAMS))
            figures[name] = result.cpu_ns / 1000 / result.events
            figures[f"{name}, reads an event"] = result.reads / result.events
    return figures


def latency(stage: Stage, say: Say) -> dict[str, float]:
    """ms that the upstream takes directly, and what the proxy adds: to the last byte, and to a stream's first."""
    figures = {}
    contestant = stage.contestant("stillgate", open_stillgate)
    for traffic, which in ((_PLAIN, ""), (_SHORT_STREAM, "first ")):
        say(f"half load, {traffic.kind}")
        mode = Open(_half_load(stage, contestant, traffic), _CONNECTIONS)
        direct = _latencies(stage, None, traffic, mode)
        through = _latencies(stage, contestant, traffic, mode)
        for quantile in (f"{which}p50", f"{which}p99"):
            figures[f"direct {quantile}"] = direct[quantile] / 1000
            figures[f"added {quantile}"] = (through[quantile] - direct[quantile]) / 1000
    return figures


def memory(stage: Stage, say: Say) -> dict[str, float]:
    """KiB an open stream, by contestant."""
    figures = {}
    for name, opener in _OURS_AND_BARE.items():
        say(name)
        with ExitStack() as stack:  # memory that was used once stays with a process, so each round has a new one
            contestant = opener(stage, stack)
            stage.measure(contestant, _PLAIN, Closed(_IN_FLIGHT), warm_s=0.1, measure_s=0.4)
            held = stage.measure(contestant, _SLOW_STREAM, Hold(stage.times.streams))
        figures[name] = held.memory_bytes / 1024 / held.exchanges
    return figures


def workers(stage: Stage, say: Say) -> dict[str, float]:
    """µs of CPU a request, of one worker and of two, each worker with the same load, about a quarter of a core.

    Where the load has no core of its own, it shares one with a worker, whose caches it spoils. So the one worker is
    measured on either core, and counts with the mean.
    """
    one = stage.contestant("on Redis", open_stillgate_on_redis)
    two = stage.contestant("two workers", open_two_workers)
    rate = _half_load(stage, one, _PLAIN) / 2
    alone = []
    for core in stage.cores.both:
        say(f"one worker on core {core}")
        pin(one.child.pids(), {core})
        alone.append(_cpu_us(stage.measure(one, _PLAIN, Open(rate, _IN_FLIGHT), warm_s=0.0)))
    pin(one.child.pids(), set(stage.cores.proxy))
    say("two workers")
    for core, pid in zip(stage.cores.both, _workers_of(two), strict=True):
        pin([pid], {core})
    result = stage.measure(two, _PLAIN, Open(2 * rate, 2 * _IN_FLIGHT), warm_s=0.0)
    return {"one": mean(alone), "two": _cpu_us(result)}


def replay(stage: Stage, say: Say) -> dict[str, float]:
    """Exchanges a second of CPU time, starting and ending included, of a log that `simulate` has invented."""
    log, output = _simulated(stage, say), stage.folder / "replay.log"
    say("replay")
    command = [*_STILLGATE, "replay", "--policy", "policies/strict.yaml", str(log)]
    cpu_ns = run_pinned(command, stage.cores.proxy, output)
    told = output.read_text(encoding="utf-8")
    counted = re.search(r"^(\d+) exchanges", told, re.MULTILINE)
    if counted is None:
        raise BenchError(f"replay counted no exchanges:\n{told}")
    return {"replay": int(counted[1]) / cpu_ns * 1e9}


def detection(stage: Stage, say: Say) -> dict[str, float]:
    """What detection takes by itself, as `detection_costs` has it; the memory of accounts, which is the same, once."""
    say("detection alone")
    figures = _detection_costs(stage, str(_simulated(stage, say)))
    if not stage.times.accounts:
        stage.missing["account"] = "takes longer"
    elif not stage.account_costs:
        say("many accounts")
        stage.account_costs = _detection_costs(stage, str(stage.times.accounts))
    return {**figures, **stage.account_costs}


def litellm(stage: Stage, say: Say) -> dict[str, float]:
    """Requests a second of CPU time, both with their limits on Redis."""
    say("stillgate on Redis")
    ours = stage.contestant("on Redis", open_stillgate_on_redis)
    figures = {"on Redis": 1e6 / _cpu_us(stage.measure(ours, _PLAIN, Closed(_IN_FLIGHT)))}
    say("LiteLLM")
    theirs = stage.contestant("LiteLLM", open_litellm)
    result = stage.measure(theirs, _PLAIN, Closed(_LITELLM_IN_FLIGHT), warm_s=5.0, measure_s=5.0)
    figures["LiteLLM"] = 1e6 / _cpu_us(result)
    return figures


def _simulated(stage: Stage, say: Say) -> Path:
    """The log of a campaign among customers, invented once."""
    log = stage.folder / "simulated.jsonl"
    if not log.exists():
        say("simulating a log")
        command = [*_STILLGATE, "simulate", *stage.times.replay, "--out", str(log)]
        run_pinned(command, stage.cores.proxy, stage.folder / "simulate.log")
    return log


def _detection_costs(stage: Stage, of: str) -> dict[str, float]:
    output = stage.folder / "detection-costs.log"
    run_pinned([sys.executable, "-m", "tests.bench.detection_costs", of], stage.cores.proxy, output)
    return msgspec.json.decode(output.read_bytes(), type=dict[str, float])


def _cpu_by_contestant(stage: Stage, say: Say, openers: _Openers, traffic: Traffic, in_flight: int) -> dict[str, float]:
    """µs of CPU a request, so many under way; without those that cannot be had."""
    figures = {}
    for name, opener in openers.items():
        say(name)
        contestant = _had(stage, name, opener)
        if contestant is not None:
            figures[name] = _cpu_us(stage.measure(contestant, traffic, Closed(in_flight)))
    return figures


def _had(stage: Stage, name: str, opener: _Opener) -> Contestant | None:
    """The contestant; None, with the reason noted, where it cannot be had."""
    try:
        return stage.contestant(name, opener)
    except PeerMissingError as missing:
        stage.missing[name] = str(missing)
        return None


def _cpu_us(result: Result) -> float:
    if not result.exchanges:
        raise BenchError("no exchange ended within the window")
    return result.cpu_ns / 1000 / result.exchanges


def _latencies(stage: Stage, contestant: Contestant | None, traffic: Traffic, mode: Open) -> dict[str, float]:
    return stage.measure(
        contestant, traffic, mode, warm_s=_LATENCY_WARM_SECONDS, measure_s=stage.times.latency_s
    ).latencies_us


def _half_load(stage: Stage, contestant: Contestant, traffic: Traffic) -> float:
    """Requests a second that take half of the contestant's core, by trials that are made once.

    Under full load a request is cheaper, because much is done for several at once: at the rate which that promises, the
    core would be busy for 60 to 65% of the time. So a trial of that rate says what a request takes then.
    """
    if traffic.kind not in stage.half_loads:
        full = stage.measure(contestant, traffic, Closed(_IN_FLIGHT), measure_s=1.0)
        mode = Open(0.5e6 / _cpu_us(full), _CONNECTIONS)
        stage.half_loads[traffic.kind] = 0.5e6 / _cpu_us(stage.measure(contestant, traffic, mode, measure_s=1.0))
    return stage.half_loads[traffic.kind]


def _workers_of(contestant: Contestant) -> list[int]:
    """The supervisor's worker processes; multiprocessing's resource tracker, which is a child as well, is none."""
    return [pid for pid in contestant.child.pids() if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def _check_that_all_is_on(contestant: Contestant) -> None:
    """BenchError where quotas, detection or metrics were not at work."""
    samples = re.findall(r"^(stillgate_\w+)(?:\{[^}]*\})? (\S+)$", page(contestant, "/metrics"), re.MULTILINE)
    sums: dict[str, float] = {}
    for name, value in samples:
        sums[name] = sums.get(name, 0.0) + float(value)
    exchanges = sums.get("stillgate_exchanges_total", 0.0)
    claims = sums.get("stillgate_admission_used_ratio_count", 0.0)
    events = sums.get("stillgate_detection_events_total", 0.0)
    if not exchanges or claims < _LEAST_CLAIMS * exchanges or not events:
        raise BenchError(f"not all is on: {exchanges:g} exchanges, {claims:g} claims, {events:g} events")


def _scripts_run(redis: Redis) -> int:
    """Scripts that Redis has run by now; each is one round trip."""
    stats: dict[str, dict[str, Any]] = redis.info("commandstats")
    return sum(int(stats.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("eval", "evalsha"))
