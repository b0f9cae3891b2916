"""Owns the copying of an answer's body to the client: as it comes, no faster than the client reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from proxy.upstream.meter import AnswerMeter
from proxy.upstream.protocol import UpstreamAnswer


async def relay(
    answer: UpstreamAnswer,
    meter: AnswerMeter,
    write: Callable[[bytes], Awaitable[None]],
    settle: Callable[[], Awaitable[None]],
) -> None:
    """Writes each chunk before it reads the next, which is all the flow control there is.

    `settle` is awaited before the bytes that tell the client it is over, so that a client which then asks again at once
    finds its slot free. Raises what `answer.relay` and `write` raise.
    """
    settled = False

    async def take(chunk: bytes) -> None:
        nonlocal settled
        relayed = meter.feed(chunk)
        if not settled and meter.at_end:
            held = meter.finish()
            await settle()
            settled = True
            relayed += held
        if relayed:
            await write(relayed)

    await answer.relay(take)
    if not settled:
        held = meter.finish()
        await settle()
        if held:
            await write(held)
