"""Owns what travels through Redis: batches of events, entries of the stream, verdicts, records, words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.events.event import Event
from proxy.verdict.campaign import Campaign, Word

MOST_EVENTS = 2**53
"""That anybody ever appends; what is more can be no metric either."""
EXPIRY_STEP_US = 10_000_000
"""Verdicts tell expiry to so much, rounded up, so that a campaign under way is not new to every replica each second."""


_ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")
T = TypeVar("T")


class Entry(Struct, frozen=True, gc=False):
    """An entry of the stream."""

    id: str
    moment_us: int
    """When it was appended, on Redis's clock; never less than its predecessor's."""
    total: int
    """Events ever appended, this entry's included."""
    batch: bytes


class Checkpoint(Struct, frozen=True):
    """An analyst's state, and where in the stream it had come to."""

    state: bytes
    position: str
    events: int
    held: Sequence[Event] = ()
    """Taken from the stream up to there, but not observed yet."""


class Said(Struct, frozen=True, array_like=True):
    """An operator's word as it is kept; None: taken back."""

    word: Word | None
    by: str
    moment_us: int


encode_event = msgspec.msgpack.Encoder().encode
_events = msgspec.msgpack.Decoder(list[Event])
_verdicts = msgspec.msgpack.Decoder(list[Campaign])
_record = msgspec.msgpack.Decoder(Campaign)
_said = msgspec.msgpack.Decoder(Said)
encode_record = msgspec.msgpack.Encoder().encode
encode_said = msgspec.msgpack.Encoder().encode
encode_checkpoint = msgspec.msgpack.Encoder().encode
decode_checkpoint = msgspec.msgpack.Decoder(Checkpoint).decode


def joined(encoded: Sequence[bytes]) -> bytes:
    """At most 65,535 encoded values as one msgpack array."""
    return b"\xdc" + len(encoded).to_bytes(2, "big") + b"".join(encoded)


def events_of(batch: bytes) -> list[Event]:
    """The events of a batch. msgspec.MsgspecError where it is none."""
    return _events.decode(batch)


def entry_of(entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    """An entry as Redis gives it. KeyError or ValueError where somebody else wrote it."""
    name = entry_id.decode()
    return Entry(name, order_of(name)[0] * 1000, count_of(fields[b"e"]), fields[b"d"])


def count_of(number: bytes) -> int:
    """A number of events. ValueError where it can be none."""
    count = int(number)
    if not 0 <= count <= MOST_EVENTS:
        raise ValueError("not a number of events")
    return count


def order_of(entry_id: str) -> tuple[int, int]:
    """What ids of the stream are compared by: milliseconds, and the number within one."""
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def is_id(name: str) -> bool:
    """Whether Redis takes it for an entry's id, whole as it gives them."""
    return _ID.fullmatch(name) is not None and max(order_of(name)) < 2**64


def encode_verdict(campaign: Campaign) -> bytes:
    """What replicas need to tell a campaign's traffic, and no more of it."""
    return encode_record(_verdict_of(campaign))


def verdicts_of(payload: bytes) -> list[Campaign]:
    """Of joined verdicts: campaigns with marks, accounts and level, the rest at its defaults. msgspec.MsgspecError."""
    return _verdicts.decode(payload)


def records_of(fields: Mapping[bytes, bytes]) -> dict[str, Campaign]:
    """Whole campaigns by id, without those that another version of stillgate has written otherwise."""
    return _readable(fields, record_of)


def record_of(record: bytes) -> Campaign:
    """One whole campaign. msgspec.MsgspecError."""
    return _record.decode(record)


def words_of(fields: Mapping[bytes, bytes]) -> dict[str, Said]:
    """Words by the id of the campaign, without those that cannot be read."""
    return _readable(fields, _said.decode)


def _readable(fields: Mapping[bytes, bytes], read: Callable[[bytes], T]) -> dict[str, T]:
    found = {}
    for name, value in fields.items():
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            found[name.decode()] = read(value)
    return found


def _verdict_of(campaign: Campaign) -> Campaign:
    empty: dict[str, Any] = {"models": {}, "targets": {}, "evidence": (), "timeline": (), "merged": ()}
    return replace(
        campaign,
        members=(),
        last_us=campaign.first_us,
        expires_us=-(-campaign.expires_us // EXPIRY_STEP_US) * EXPIRY_STEP_US,
        score=0.0,
        networks=0,
        exchanges_seen=0,
        exchanges_admitted=0,
        exchanges_prevented=0,
        input_tokens_admitted=0,
        output_tokens_admitted=0,
        **empty,
    )
