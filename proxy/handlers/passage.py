"""Owns how far one exchange has come on its way through. Takes no step itself."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.exchange import Ending, Exchange, Outcome
from proxy.handlers.connection import ClientConnection
from proxy.handlers.request import Request
from proxy.handlers.response import Answer
from proxy.handlers.unread import Unpacked
from proxy.upstream.answer_id import answer_id
from proxy.upstream.meter import AnswerMeter
from proxy.upstream.protocol import UpstreamAnswer


@dataclass(slots=True)
class Passage:
    """One exchange on its way through, and how far it has come: whatever ends it can say what it used."""

    request: Request
    connection: ClientConnection
    sent: bytes | None
    """The body as it came, encoded or not, where it was read whole."""
    exchange: Exchange
    unpacked: Unpacked | None = None
    """What the body says, where it came compressed."""
    answer: UpstreamAnswer | None = None
    meter: AnswerMeter | None = None
    response: Answer | None = None
    is_settled: bool = False

    def outcome(self, ending: Ending) -> Outcome:
        """What came of it, where it ends now, and so."""
        if self.answer is None or self.meter is None:
            gave_up = ending is Ending.CLIENT_GONE and self.request.body.is_whole
            return Outcome(Ending.CLIENT_GAVE_UP if gave_up else ending)
        tokens = self.meter.tokens
        if ending is Ending.COMPLETE and self.answer.status >= 400:
            ending = Ending.UPSTREAM_REFUSED
        return Outcome(
            ending,
            self.answer.status,
            tokens.usage,
            tokens.generated_bytes,
            tokens.output_events,
            tokens.signatures,
            answer_id(self.answer.headers),
        )

    def decided(self) -> None:
        """Lets go of what nobody reads any more: upstream goes what was sent."""
        if self.unpacked is not None:
            self.unpacked.let_go()
            self.exchange.forget_body()

    def drop_upstream(self) -> None:
        """Has the upstream stop generating, if it has not ended by itself."""
        if self.answer is not None:
            self.answer.abort()
