"""Owns the reading of exchange-log lines, raw and feature form alike, as `replay` takes them.

Pure: bytes in, a `Recorded` or a `BadLineError` out. Knows no pipeline and no file. What the format does not name is
left out, and remembered once a key.
"""

from __future__ import annotations

import math
import re
from codecs import BOM_UTF8
from contextlib import suppress
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from proxy.clock import US_PER_SECOND
from proxy.errors import StillgateError
from proxy.events.record import VERSION, Features, Response
from proxy.generations import Generations
from proxy.identity.network import parse_address

LONGEST_LINE = 64 * 2**20
"""Bytes of a line, its end included; whoever reads a file need not keep more of it."""
BACKSTEP_US = 5 * US_PER_SECOND
"""A line earlier than its predecessor by up to this is taken at its predecessor's time."""
MOST_HEADS, LONGEST_HEAD = 4096, 4096
"""Heads that are remembered, and the bytes of one."""
_LATEST_S = 4e9
_NOTHING = msgspec.Raw(b"null")
_FAULT = re.compile(r"(?P<what>.*?)(?: - at `\$\.?(?P<where>[^`]*)`)?")
_MISSING = re.compile(r"Object missing required field `([^`]+)`")


class Fault(StrEnum):
    """What can be wrong with a line."""

    TOO_LONG = "too long"
    NO_OBJECT = "not a JSON object"
    FIELD = "a field missing or wrong"
    EARLIER = "earlier than the line before"


class BadLineError(StillgateError):
    """A line that the format does not allow; the text names the line and the field."""

    def __init__(self, number: int, fault: Fault, text: str, exchange_id: str | None) -> None:
        super().__init__(f"line {number}: {text}")
        self.fault = fault
        self.exchange_id = exchange_id


H = TypeVar("H")


class _Line(msgspec.Struct, Generic[H], forbid_unknown_fields=True):
    ts: float
    id: str
    method: str
    path: str
    peer_ip: str
    headers: H
    body: msgspec.Raw = _NOTHING
    response: Response | None = None
    features: Features | None = None


Headers = list[tuple[str, str]]


class _Named(msgspec.Struct):
    id: Any = None


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """One exchange of the log. `body` is its JSON as it stands in the log; None where it was null or absent."""

    id: str
    ts_us: int
    method: str
    path: str
    peer_ip: str
    headers: Headers
    body: bytes | None
    response: Response | None
    features: Features | None
    head: bytes = b""
    """`headers` as they stand in the log, to know them by again; empty where nobody may."""


class LineReader:
    """Reads the lines of one log in order. `unknown_keys` is what it has left out, each key once."""

    def __init__(self) -> None:
        self.unknown_keys: set[str] = set()
        self.number = 0
        self._now_us: int | None = None
        self._before = 0
        """The number of the last line that was no bad one."""
        self._decode = msgspec.json.Decoder(_Line[msgspec.Raw]).decode
        self._decode_whole = msgspec.json.Decoder(_Line[Headers]).decode
        self._decode_headers = msgspec.json.Decoder(Headers).decode
        self._headers: Generations[bytes, Headers] = Generations(MOST_HEADS)
        """By how they stand in the log: a client sends the same ones again and again."""

    def read(self, line: bytes) -> Recorded:
        """The next line, without or with its end. BadLineError; the line after a bad one can be read."""
        self.number += 1
        if len(line) > LONGEST_LINE:
            raise BadLineError(self.number, Fault.TOO_LONG, f"longer than {LONGEST_LINE // 2**20} MiB", None)
        if self.number == 1:
            line = line.removeprefix(BOM_UTF8)
        found: _Line[msgspec.Raw] | _Line[Headers]
        try:
            found = self._decode(line)
            head = bytes(found.headers)
            headers = self._headers.get(head) or self._new_headers(head)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            found = self._read_with_unknown_keys(line, fault)
            headers, head = found.headers, b""
        if found.features is not None and found.features.v != VERSION:
            raise self._bad(line, f"field 'features.v': {found.features.v} is not a version this release reads")
        if found.peer_ip and parse_address(found.peer_ip) is None:
            raise self._bad(line, f"field 'peer_ip': '{found.peer_ip}' is not an IP address")
        body = bytes(found.body)
        return Recorded(
            found.id,
            self._time_of(found.ts, line),
            found.method,
            found.path,
            found.peer_ip,
            headers,
            None if body == b"null" else body,
            found.response,
            found.features,
            head if len(head) <= LONGEST_HEAD else b"",
        )

    def _new_headers(self, head: bytes) -> Headers:
        headers = self._decode_headers(head)
        if len(head) <= LONGEST_HEAD:
            self._headers.put(head, headers)
        return headers

    def _time_of(self, ts: float, line: bytes) -> int:
        if not 0 <= ts <= _LATEST_S or math.isnan(ts):
            raise self._bad(line, f"field 'ts': {ts} is not a time in seconds since the Unix epoch")
        ts_us = round(ts * US_PER_SECOND)
        if self._now_us is not None and ts_us < self._now_us:
            back_us = self._now_us - ts_us
            if back_us > BACKSTEP_US:
                text = f"{back_us / 1e6:.6f} s earlier than line {self._before}, 5 s are allowed; sort the log"
                raise self._bad(line, f"field 'ts': {text}", Fault.EARLIER)
            ts_us = self._now_us
        self._now_us, self._before = ts_us, self.number
        return ts_us

    def _read_with_unknown_keys(self, line: bytes, fault: Exception) -> _Line[Headers]:
        """The line without the keys that the format does not name, should these be all that is wrong with it."""
        try:
            values: Any = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as syntax:
            raise self._bad(line, f"not JSON: {syntax}", Fault.NO_OBJECT) from fault
        if not isinstance(values, dict):
            raise self._bad(line, "not a JSON object", Fault.NO_OBJECT)
        known = self._known(line, _Line.__struct_fields__, "")
        if isinstance(values.get("response"), dict):
            response = self._known(known["response"], Response.__struct_fields__, "response.")
            known["response"] = msgspec.Raw(msgspec.json.encode(response))
        try:
            return self._decode_whole(msgspec.json.encode(known))
        except msgspec.ValidationError as still:
            raise self._bad(line, _told(str(still))) from fault

    def _known(self, data: bytes | msgspec.Raw, fields: tuple[str, ...], where: str) -> dict[str, msgspec.Raw]:
        """The values that the format names, as they stand; the others' keys are remembered."""
        raw: dict[str, msgspec.Raw] = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        self.unknown_keys.update(where + name for name in raw.keys() - set(fields))
        return {name: raw[name] for name in fields if name in raw}

    def _bad(self, line: bytes, text: str, fault: Fault = Fault.FIELD) -> BadLineError:
        name = None
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            name = msgspec.json.decode(line, type=_Named).id
        return BadLineError(self.number, fault, text, name if isinstance(name, str) else None)


def _told(text: str) -> str:
    """msgspec's message with the field in front: `field 'response.status': expected int, got str`."""
    matched = _FAULT.fullmatch(text)
    what, where = (matched["what"], matched["where"]) if matched else (text, None)
    if missing := _MISSING.match(what):
        return f"field '{'.'.join(part for part in (where, missing[1]) if part)}' is missing"
    what = what.replace("`", "")
    return f"field '{where}': {what[:1].lower()}{what[1:]}" if where else what
