"""What compressed bodies say takes a bounded room until it is decided on, however many come at once."""

from __future__ import annotations

import asyncio
import gzip
import random

import pytest

from proxy.dialects.llm import Fault
from proxy.handlers.body import RequestError
from proxy.handlers.unread import Unpacked, Unpacking

MIB = 2**20
BOMB = gzip.compress(bytes(MIB))


async def unpacked(room: Unpacking, times: int) -> tuple[list[Unpacked], list[BaseException]]:
    """What is found of so many at once, and the refusals of the others."""
    found = await asyncio.gather(*(room.unpacked(BOMB, "gzip") for _ in range(times)), return_exceptions=True)
    return [one for one in found if isinstance(one, Unpacked)], [one for one in found if isinstance(one, BaseException)]


async def test_four_of_the_largest_fit_together_and_the_next_is_asked_to_come_again() -> None:
    room = Unpacking(MIB)
    kept, refused = await unpacked(room, 5)
    assert [one.body for one in kept] == [bytes(MIB)] * 4
    assert [type(one) for one in refused] == [RequestError]
    assert isinstance(refused[0], RequestError)
    assert refused[0].fault is Fault.UNAVAILABLE
    kept[0].let_go()
    again, _ = await unpacked(room, 1)
    for one in (*kept, *again):
        one.let_go()
    assert room.bytes == 0


async def test_what_is_refused_or_given_up_takes_no_room() -> None:
    room = Unpacking(MIB - 1)
    with pytest.raises(RequestError) as refused:
        await room.unpacked(BOMB, "gzip")
    assert refused.value.fault is Fault.TOO_LARGE
    room = Unpacking(64 * MIB)
    waiting = asyncio.ensure_future(
        room.unpacked(gzip.compress(random.Random(1).randbytes(MIB) + bytes(31 * MIB)), "gzip")
    )
    await asyncio.sleep(0)
    assert room.bytes
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert room.bytes == 0


@pytest.mark.parametrize("encoding", ["", "identity", "br"])
async def test_what_is_not_compressed_or_not_read_takes_none(encoding: str) -> None:
    assert await Unpacking(MIB).unpacked(b"{}", encoding) is None
