"""Events for tests of detection, made by hand: what a request says is a set of named pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import islice

from msgspec.structs import replace

from proxy.events.content import TARGETS, Content, Target
from proxy.events.event import Asked

T0 = 1_776_816_000_000_000
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
REASONING = 1 << TARGETS.index(Target.REASONING)


@lru_cache(maxsize=100_000)
def piece(name: str) -> int:
    """A hash of 60 bits; never 0."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big") >> 4 or 1


def pieces(name: str, count: int = 10) -> tuple[int, ...]:
    """The pieces of one text."""
    return tuple(piece(f"{name} {number}") for number in range(count))


def said(*texts: Iterable[int], **fields: object) -> Content:
    """The first turn of a conversation in which these texts stand. Without a word on it, it is asked for once only."""
    found = tuple(dict.fromkeys(each for text in texts for each in text))
    whole = piece(" ".join(map(str, found)))
    return replace(Content(found, asked=whole, turns=1, ask_bytes=200), **fields)


def asked(account: str = "a", content: Content | None = None, moment_us: int = T0, **fields: object) -> Asked:
    """An admitted request, unless `action` says otherwise."""
    event = Asked(moment_us, account, f"net of {account}", "client", "allow", model="m", content=content)
    return replace(event, **fields)


def dealt(
    template: Sequence[int], accounts: Sequence[str], tasks: str = "task", wrapper: str = "", targets: int = 0
) -> Iterator[tuple[str, Content]]:
    """What a scheduler has its accounts ask, in turn: one template, each task once and for one account."""
    number = 0
    while True:
        task = said(template, pieces(f"{tasks} {number}", 8), system=piece(wrapper), targets=targets)
        yield accounts[number % len(accounts)], task
        number += 1


def timed(
    openings: Iterator[tuple[str, Content]], count: int, start_us: int = T0, gap_us: int = 5 * SECOND_US, **who: object
) -> list[Asked]:
    """So many of them, one each `gap_us`."""
    return [
        asked(account, content, start_us + number * gap_us, **who)
        for number, (account, content) in enumerate(islice(openings, count))
    ]


def blatant(
    template: Sequence[int], accounts: Sequence[str], tasks: str = "task", gap_us: int = 6 * SECOND_US
) -> list[Asked]:
    """A campaign that needs no refusal to be known: one buyer's accounts, made in a day, ask for reasoning in turn."""
    tasks_dealt = dealt(template, accounts, tasks, targets=REASONING)
    return timed(tasks_dealt, 1400, gap_us=gap_us, created_us=T0 - DAY_US, payment=f"card of {accounts[0]}")


def names(kind: str, count: int) -> list[str]:
    """Accounts."""
    return [f"{kind}-{number}" for number in range(count)]
