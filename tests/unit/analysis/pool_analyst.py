"""An analyst for tests: every account called `pool-…` is a campaign of its own, known by one piece."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from proxy.analysis.follower import Analyst
from proxy.events.content import Content
from proxy.events.event import Answered, Asked, Event
from proxy.verdict.campaign import Campaign, Level, Marks, Word

HOUR_US = 3_600_000_000


def piece_of(account: str) -> int:
    return int.from_bytes(blake2b(account.encode(), digest_size=6).digest(), "big")


def name_of(account: str) -> str:
    return f"c-{piece_of(account):012x}"


def marks(*pieces: int, fewest: int = 1) -> Marks:
    """So many of the pieces tell, whichever they are."""
    return Marks(pieces, (1000,) * len(pieces), least=1000 * fewest, fewest=fewest)


def campaign(account: str = "pool-a", moment_us: int = 1_000_000, **fields: object) -> Campaign:
    """A confirmed campaign that lasts an hour from `moment_us`."""
    found = Campaign(
        id=name_of(account),
        level=Level.CONFIRMED,
        score=9.0,
        first_us=moment_us,
        detected_us=moment_us,
        last_us=moment_us,
        expires_us=moment_us + HOUR_US,
        accounts=1,
        members=(account,),
        marks=marks(piece_of(account)),
        exchanges_seen=1,
        evidence=(),
    )
    return replace(found, **fields)


def asked(account: str, moment_us: int, **fields: object) -> Asked:
    """A request of `account` that has its campaign's mark."""
    content = Content(pieces=(piece_of(account),), asked=moment_us % 2**60 + 1)
    event = Asked(moment_us, account, "192.0.2.0/24", "client", "allow", model="m-large", content=content)
    return replace(event, **fields)


class PoolAnalyst:
    """Sees every event and every judgement; fails on the account `poison`."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.judged_us: list[int] = []
        self.found: dict[str, Campaign] = {}
        self.changed = False

    def observe(self, event: Event) -> None:
        if event.account == "poison":
            raise RuntimeError("indigestible")
        self.seen.append(event)
        if isinstance(event, Answered) or not event.account.startswith("pool-"):
            return
        before = self.found.get(name_of(event.account)) or campaign(event.account, event.moment_us, exchanges_seen=0)
        self.found[before.id] = replace(
            before,
            exchanges_seen=before.exchanges_seen + 1,
            last_us=event.moment_us,
            expires_us=event.moment_us + HOUR_US,
        )
        self.changed = True

    def judge(self, now_us: int) -> bool:
        self.judged_us.append(now_us)
        return self.changed

    def campaigns(self) -> list[Campaign]:
        self.changed = False
        return list(self.found.values())

    def say(self, campaign_id: str, word: Word | None) -> bool:
        if campaign_id not in self.found:
            return False
        self.found[campaign_id] = replace(self.found[campaign_id], word=word)
        self.changed = True
        return True

    def state(self) -> bytes:
        return msgspec.msgpack.encode(list(self.found.values()))


class PoolAnalysts:
    """Where they come from."""

    def begin(self) -> Analyst:
        return PoolAnalyst()

    def restored(self, state: bytes) -> Analyst:
        analyst = PoolAnalyst()
        analyst.found = {found.id: found for found in msgspec.msgpack.decode(state, type=list[Campaign])}
        analyst.changed = True
        return analyst
