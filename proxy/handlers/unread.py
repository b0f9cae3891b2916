"""Owns what a body says once its encoding is off, what room that takes, and the refusal of what the policy depends on
and nobody can read.

Knows no connection, and not what a policy asks, only what it depends on.
"""

from __future__ import annotations

import asyncio

from proxy.dialects.content_encoding import MOST_TIMES, ContentDecoder, IdentityDecoder, decoder, is_bomb, is_known
from proxy.dialects.json_text import may_be_object
from proxy.dialects.llm import LONGEST_NAME, OPAQUE, Fault
from proxy.exchange import Exchange
from proxy.handlers.body import RequestError
from proxy.handlers.request import Request

_STEP = 8 * 1024
"""Encoded bytes of one step, which a bomb makes 8 MB of, in 20 ms."""
_AT_ONCE = 1024 * 1024
"""Decoded bytes after which others have their turn."""


class Unpacked:
    """What a compressed body says, and how much of the room for such it takes until `let_go`."""

    __slots__ = ("_room", "_size", "body")

    def __init__(self, room: Unpacking) -> None:
        self.body = b""
        self._room = room
        self._size = 0

    def grow(self, size: int) -> None:
        """Has `size` bytes. RequestError where there is no room for them beside those of others."""
        self._room.bytes += size - self._size
        self._size = size
        if self._room.bytes > self._room.most:
            text = "Too many large compressed requests are being read at the moment. Please try again."
            raise RequestError(Fault.UNAVAILABLE, text)

    def let_go(self) -> None:
        self._room.bytes -= self._size
        self._size, self.body = 0, b""


class Unpacking:
    """Decodes compressed bodies, each of at most `most_each` bytes, and four such together.

    30 KB on the wire may be 32 MB, of which anybody could have hundreds decoded before a quota counted.
    """

    __slots__ = ("bytes", "most", "most_each")

    def __init__(self, most_each: int) -> None:
        self.bytes = 0
        self.most_each, self.most = most_each, 4 * most_each

    async def unpacked(self, body: bytes, encoding: str) -> Unpacked | None:
        """What a body says, for reading only, if it is compressed; broken, it says nothing readable.

        RequestError where that is too much.
        """
        reader = decoder(encoding) if encoding else None
        if reader is None or isinstance(reader, IdentityDecoder):
            return None
        found = Unpacked(self)
        try:
            found.body = await self._decoded(body, reader, found)
        except BaseException:
            found.let_go()
            raise
        return found

    async def _decoded(self, body: bytes, reader: ContentDecoder, found: Unpacked) -> bytes:
        whole = bytearray()
        rested = 0
        for start in range(0, len(body), _STEP):
            whole += reader.feed(body[start : start + _STEP])
            if len(whole) > self.most_each:
                text = f"The request body, decoded, is larger than {self.most_each // 2**20} MiB."
                raise RequestError(Fault.TOO_LARGE, text)
            if is_bomb(len(body), len(whole)):
                text = f"The request body, decoded, is more than {MOST_TIMES} times as large as it was sent."
                raise RequestError(Fault.TOO_LARGE, text)
            found.grow(len(whole))
            if len(whole) + start - rested > _AT_ONCE:
                rested = len(whole) + start
                await asyncio.sleep(0)
        return bytes(whole)


def begins_as_json(start: bytes, encoding: str) -> bool:
    """Whether a body of any type can be a JSON object."""
    reader = decoder(encoding)
    return reader is not None and may_be_object(reader.feed(start[:_STEP]))


def refusal_of_unread(exchange: Exchange, request: Request) -> RequestError | None:
    """Why an exchange cannot be forwarded although nothing denies it: its policy depends on what could not be read.

    An upstream that reads more than is read here would serve what no rule has seen.
    """
    policy, campaigns = exchange.policy, exchange.policy.campaigns
    is_listened_to = exchange.is_watched and campaigns is not None and not campaigns.shadow
    is_read = policy.judges_models or (policy.reads_bodies and exchange.dialect.name != OPAQUE)
    if not (is_read or is_listened_to):
        return None
    if request.body.exists and not is_known(request.noted("content-encoding")):
        return RequestError(Fault.UNKNOWN_ENCODING, "The request body must be plain, or encoded as gzip or deflate.")
    if is_read and exchange.unreadable:
        text = "The request body is not a JSON object (plain, gzip or deflate), or names its model by more than"
        return RequestError(Fault.BAD_REQUEST, f"{text} {LONGEST_NAME} characters, so its model is not known.")
    if is_listened_to and exchange.unheard:
        return RequestError(Fault.BAD_REQUEST, "The request body has too many values, or too many of a wrong type.")
    return None
