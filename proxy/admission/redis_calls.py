"""Owns how a call on the buckets is written for `lua/buckets.lua` and how its answer is read. Knows no connection.

A call puts its numbers and its keys at the end of a batch's two lists, and later takes its own part of the batch's
answer. The script's head describes both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol, TypeVar

from proxy.admission.bucket import MOST_MICRO
from proxy.admission.quota import Budget, Calendar, Concurrency, Limit, Rate
from proxy.admission.store import Admission, Claim, Denied, Granted, Level, Reservation

RESERVE, SETTLE, RENEW, PEEK, ANNOUNCE, PROBE, SECRET = range(1, 8)
RATE, DAY, MONTH, SLOTS = range(1, 5)

T_co = TypeVar("T_co", covariant=True)


class Call(Protocol[T_co]):
    """One operation. `prefix` starts every key and holds the hash tag that all of them share."""

    kind: str

    def put(self, prefix: str, keys: list[str], numbers: list[Any]) -> None: ...

    def take(self, answer: Iterator[Any]) -> T_co:
        """Reads its own part, which comes next. StopIteration or ValueError where there is less."""


class ReserveCall:
    """Answers with the Admission."""

    __slots__ = ("claims", "id")
    kind = "reserve"

    def __init__(self, reservation_id: str, claims: Sequence[Claim]) -> None:
        self.id = reservation_id
        self.claims = tuple(claims)

    def put(self, prefix: str, keys: list[str], numbers: list[Any]) -> None:
        numbers += (RESERVE, self.id, len(self.claims))
        _put_claims(self.claims, prefix, keys, numbers)

    def take(self, answer: Iterator[Any]) -> Admission:
        granted = next(answer)
        levels, windows = _take_levels(len(self.claims), answer)
        if not granted:
            return Denied(levels)
        taken = tuple([level.granted for level in levels])
        return Granted(Reservation(self.id, self.claims, taken, windows), levels)


class SettleCall:
    """Answers with False where the reservation had been settled before."""

    __slots__ = ("corrections", "id")
    kind = "settle"

    def __init__(self, reservation: Reservation, actual: Sequence[int]) -> None:
        self.id = reservation.id
        self.corrections = [
            (claim, window, excess)
            for claim, taken, window, cost in zip(
                reservation.claims, reservation.taken, reservation.windows, actual, strict=True
            )
            if taken
            and (
                (excess := (cost if cost < MOST_MICRO else MOST_MICRO) - claim.cost) or type(claim.limit) is Concurrency
            )
        ]

    def put(self, prefix: str, keys: list[str], numbers: list[Any]) -> None:
        keys.append(f"{prefix}settled:{self.id}")
        numbers += (SETTLE, self.id, len(self.corrections))
        for claim, window, excess in self.corrections:
            numbers += (window, excess)
            keys.append(_put_limit(prefix, claim, numbers))

    def take(self, answer: Iterator[Any]) -> bool:
        return bool(next(answer))


class RenewCall:
    """Answers with the number of leases that were extended."""

    __slots__ = ("id", "keys")
    kind = "renew"

    def __init__(self, reservation: Reservation) -> None:
        self.id = reservation.id
        self.keys = [
            claim.key
            for claim, taken in zip(reservation.claims, reservation.taken, strict=True)
            if taken and type(claim.limit) is Concurrency
        ]

    def put(self, prefix: str, keys: list[str], numbers: list[Any]) -> None:
        numbers += (RENEW, self.id, len(self.keys))
        keys += [f"{prefix}s:{key}" for key in self.keys]

    def take(self, answer: Iterator[Any]) -> int:
        return int(next(answer))


class PeekCall:
    """Answers with the levels."""

    __slots__ = ("claims",)
    kind = "peek"

    def __init__(self, claims: Sequence[Claim]) -> None:
        self.claims = tuple(claims)

    def put(self, prefix: str, keys: list[str], numbers: list[Any]) -> None:
        numbers += (PEEK, len(self.claims))
        _put_claims(self.claims, prefix, keys, numbers)

    def take(self, answer: Iterator[Any]) -> tuple[Level, ...]:
        return _take_levels(len(self.claims), answer)[0]


class AnnounceCall:
    """Answers with the number of replicas that announced themselves within the lease."""

    __slots__ = ("lease_us", "member")
    kind = "announce"

    def __init__(self, member: str, lease_us: int) -> None:
        self.member = member
        self.lease_us = lease_us

    def put(self, prefix: str, keys: list[str], numbers: list[Any]) -> None:
        keys.append(f"{prefix}replicas")
        numbers += (ANNOUNCE, self.member, self.lease_us)

    def take(self, answer: Iterator[Any]) -> int:
        return int(next(answer))


class ProbeCall:
    """Answers with True: the script runs and may write."""

    __slots__ = ()
    kind = "probe"

    def put(self, prefix: str, keys: list[str], numbers: list[Any]) -> None:
        keys.append(f"{prefix}probe")
        numbers.append(PROBE)

    def take(self, answer: Iterator[Any]) -> bool:
        return bool(next(answer))


class SecretCall:
    """Answers with the secret called `name` that all share: the first candidate of 32 bytes ever proposed.

    None where the key holds something else, which is the operator's to look at: a new secret would make new accounts.
    """

    __slots__ = ("candidate", "name")
    kind = "secret"

    def __init__(self, name: str, candidate: bytes) -> None:
        self.name = name
        self.candidate = candidate

    def put(self, prefix: str, keys: list[str], numbers: list[Any]) -> None:
        keys.append(self.key(prefix))
        numbers += (SECRET, self.candidate.hex())

    def take(self, answer: Iterator[Any]) -> bytes | None:
        return bytes.fromhex(next(answer)) or None

    def key(self, prefix: str) -> str:
        return f"{prefix}secret:{self.name}"


def _put_claims(claims: Sequence[Claim], prefix: str, keys: list[str], numbers: list[Any]) -> None:
    for claim in claims:
        cost = claim.cost
        numbers += (1 if claim.shadow else 0, cost if cost < MOST_MICRO else MOST_MICRO)
        keys.append(_put_limit(prefix, claim, numbers))


def _put_limit(prefix: str, claim: Claim, numbers: list[Any]) -> str:
    """Adds the limit's numbers; returns the key, which names the kind, so that no value is read as another kind's."""
    limit: Limit = claim.limit
    if type(limit) is Rate:
        spent_us = -1 if limit.spent_us is None else limit.spent_us
        numbers += (RATE, limit.capacity_micro, limit.refill_num, limit.refill_den, spent_us)
        return f"{prefix}r:{claim.key}"
    if type(limit) is Concurrency:
        numbers += (SLOTS, min(limit.limit, MOST_MICRO))
        return f"{prefix}s:{claim.key}"
    assert isinstance(limit, Budget)
    by_day = limit.calendar is Calendar.DAY
    numbers += (DAY if by_day else MONTH, min(limit.limit_micro, MOST_MICRO))
    return f"{prefix}d:{claim.key}" if by_day else f"{prefix}m:{claim.key}"


def _take_levels(count: int, answer: Iterator[Any]) -> tuple[tuple[Level, ...], tuple[int, ...]]:
    levels: list[Level] = []
    windows: list[int] = []
    five_at_a_time = zip(answer, answer, answer, answer, answer)  # noqa: B905 - what is too short is told below
    for granted, remaining, reset_us, retry_us, window in islice(five_at_a_time, count):
        levels.append(Level(granted == 1, remaining, reset_us, retry_us if retry_us >= 0 else None))
        windows.append(window)
    if len(levels) != count:
        raise ValueError
    return tuple(levels), tuple(windows)
