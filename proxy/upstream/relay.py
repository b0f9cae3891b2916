"""Owns the copying of an answer's body to the client: as it comes, no faster than the client reads.

No task is woken for a piece: it is metered and written in the very call that brings it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from proxy.errors import UpstreamError
from proxy.upstream.meter import AnswerMeter
from proxy.upstream.protocol import UpstreamAnswer


async def relay(
    answer: UpstreamAnswer,
    meter: AnswerMeter,
    write: Callable[[bytes], Awaitable[None] | None],
    settle: Callable[[], None],
) -> None:
    """Writes each piece as soon as it comes, and waits for the client where `write` says so: all the flow control.

    `settle` is called before the bytes that tell the client it is over, so that a client which then asks again at once
    finds its slot free. Raises what `answer.relay` and `write` raise, and UpstreamError where the answer is truncated.
    """
    settled = False
    feed = meter.feeder

    def take(piece: bytes) -> Awaitable[None] | None:
        nonlocal settled
        relayed = feed(piece)
        if not settled and meter.at_end:
            settled = True
            held = meter.finish()
            settle()
            relayed += held
        return write(relayed) if relayed else None

    await answer.relay(take)
    if not settled:
        held = meter.finish()
        if meter.is_truncated:
            raise UpstreamError("the stream ended without its end marker")
        settle()
        if held:
            write(held)
