"""Owns the price of detection by itself: a process that sketches, analyses and remembers, and does nothing else.

`python -m tests.bench.detection_costs LOG` prints µs of CPU that the features of a 2 KB prompt and of a 200 KB agent
request take, one at a time as on the hot path, and events a second of CPU time that the analyser takes from its stream,
for the traffic of LOG. With a number instead of a log: KB of memory that each of so many tracked accounts takes.
"""

from __future__ import annotations

import gc
import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from proxy.admission.bucket import DAY_US
from proxy.analysis.follower import Follower
from proxy.analysis.outbox import BATCH
from proxy.analysis.wire import Entry, encode_event, joined
from proxy.dialects.conversation import Conversation
from proxy.dialects.reading import read_body
from proxy.dialects.table import dialect_for
from proxy.events.content import Content
from proxy.events.event import Asked, Event
from proxy.events.sketching import Sketcher
from proxy.policy.load import load_policy
from proxy.simulate.replay import Replay, spare_the_collector
from proxy.verdict.analyst import Analyst
from tests.bench.accounting import memory_bytes
from tests.bench.wire import agent_requests, plain_requests

_PATH = "/v1/messages"
_PROMPT_BYTES = 2048
_TURNS = 9
_PIECES = 50
"""Of an ordinary request, most of them said by nobody else."""


class _Listener(Analyst):
    """Keeps what an analyst is told, as it travels."""

    def __init__(self, expires_after_us: int) -> None:
        super().__init__(expires_after_us)
        self.told: list[tuple[int, bytes]] = []

    def observe(self, event: Event) -> None:
        self.told.append((event.moment_us, encode_event(event)))
        super().observe(event)


def _conversation(body: bytes) -> Conversation:
    read = read_body(dialect_for("POST", _PATH), _PATH, body, lambda name: name, with_conversation=True)
    assert read.conversation is not None
    return read.conversation


def _bodies(requests: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    return [b"000000000000".join(parts).partition(b"\r\n\r\n")[2] for parts in requests]


def _features_us(bodies: Sequence[bytes]) -> float:
    """The median of several turns over them all, each request's own."""
    sketcher, conversations = Sketcher(b"bench"), [_conversation(body) for body in bodies]
    taken = []
    for _ in range(_TURNS):
        began = time.process_time_ns()
        for conversation in conversations:
            sketcher.content(conversation)
        taken.append((time.process_time_ns() - began) / 1000 / len(conversations))
    return median(taken[1:])


def _prompts() -> list[bytes]:
    """Single questions, of 2 KB of text with their system prompt."""
    found = []
    for body in _bodies(plain_requests())[:300]:
        asked = json.loads(body)
        said, size = asked["messages"][0], _PROMPT_BYTES - len(asked["system"])
        said["content"] = " ".join([said["content"]] * (size // len(said["content"]) + 1))[:size]
        found.append(json.dumps(asked).encode())
    return found


def _entries(log: Path) -> tuple[list[Entry], int]:
    """The stream that the traffic of a log makes, and how many events there are in it."""
    replay = Replay(load_policy("policies/strict.yaml"))
    assert replay.detection is not None
    listener = _Listener(replay.detection.analyst.expires_after_us)
    replay.detection.analyst = listener
    with log.open("rb") as lines:
        for _ in replay.run(lines, skip_bad_lines=False):
            pass
    replay.campaigns()
    entries, told = [], listener.told
    for begin in range(0, len(told), BATCH):
        batch = told[begin : begin + BATCH]
        data = joined([encoded for _, encoded in batch])
        entries.append(Entry(f"{begin + 1}-0", batch[-1][0], begin + len(batch), data))
    return entries, len(told)


def _events_a_second(log: Path) -> float:
    entries, total = _entries(log)
    follower = Follower(Analyst())
    began = time.process_time_ns()
    follower.take(entries)
    return total / (time.process_time_ns() - began) * 1e9


def _account_kb(accounts: int) -> float:
    """What the analyst's memory grows by for each account that has asked once, each for something else."""
    rng, analyst = random.Random(3), Analyst()
    gc.collect()
    before = memory_bytes([os.getpid()])
    for number in range(accounts):
        moment_us = number * DAY_US // accounts
        pieces = tuple(rng.getrandbits(60) for _ in range(_PIECES))
        content = Content(pieces=pieces, asked=rng.getrandbits(60), turns=1, ask_bytes=400)
        network = f"198.{number >> 8 & 255}.{number & 255}.0/24"
        analyst.observe(Asked(moment_us, f"acct_{number:08x}", network, "client", "allow", "m-large", content=content))
        if not number % 1000:
            analyst.judge(moment_us)
    return (memory_bytes([os.getpid()]) - before) / accounts / 1000


def main() -> None:
    if (of := sys.argv[1]).isdigit():
        print(json.dumps({"account": _account_kb(int(of))}))
        return
    prompts, agents = _features_us(_prompts()), _features_us(_bodies(agent_requests()))
    spare_the_collector()
    print(json.dumps({"2 KB": prompts, "200 KB": agents, "events": _events_a_second(Path(of))}))


if __name__ == "__main__":
    main()
