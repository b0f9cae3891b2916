"""Owns what a body says once its encoding is off, and the refusal of what the policy depends on and nobody can read.

Knows no connection, and not what a policy asks, only what it depends on.
"""

from __future__ import annotations

import asyncio

from proxy.dialects.content_encoding import decoder, is_known
from proxy.dialects.json_text import may_be_object
from proxy.dialects.llm import LONGEST_NAME, OPAQUE, Fault
from proxy.exchange import Exchange
from proxy.handlers.body import RequestError
from proxy.handlers.request import Request

_STEP = 8 * 1024
"""Encoded bytes of one step, which a bomb makes 8 MB of, in 20 ms."""
_AT_ONCE = 1024 * 1024
"""Decoded bytes after which others have their turn."""


async def decoded(body: bytes, encoding: str, most: int) -> bytes:
    """What a body says, for reading only; in an unknown encoding, or broken, it says nothing readable.

    RequestError where that is more than `most` bytes.
    """
    reader = decoder(encoding) if encoding else None
    if reader is None:
        return body
    whole = bytearray()
    rested = 0
    for start in range(0, len(body), _STEP):
        whole += reader.feed(body[start : start + _STEP])
        if len(whole) > most:
            raise RequestError(Fault.TOO_LARGE, f"The request body, decoded, is larger than {most // 2**20} MiB.")
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
