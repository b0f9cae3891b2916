"""Owns what a wire format is to the rest of the proxy: how to read a request, meter its answer and word an error.

A dialect is a record of functions; `dialects.table` has them all. Knows no single one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proxy.dialects.conversation import Conversation
from proxy.dialects.faults import error_answer
from proxy.dialects.llm import ErrorAnswer, Family, Fault, LlmRequest
from proxy.dialects.meter import AnswerReader, ElementMeter, EventReader, Meter, PlainMeter, StreamMeter


@dataclass(frozen=True, slots=True)
class Dialect:
    """One wire format. Stateless; only `parse`, `read` and `ask_usage` raise, and nothing but DialectError."""

    name: str
    family: Family
    read_request: Callable[[str, bytes], LlmRequest]
    """Of a path without its query, and a body."""
    read_conversation: Callable[[str, bytes], tuple[LlmRequest, Conversation | None]]
    """The same request, in the same pass, with what was said; None where the format is not read."""
    ask_usage: Callable[[bytes], bytes]
    """The body of a stream whose `asks_usage` is False, with `stream_options.include_usage` set; any other as it is."""
    read_event: EventReader
    read_answer: AnswerReader
    error_event: Callable[[Fault, str, str], bytes]
    """The SSE event for a stream that breaks off after its 200: of a fault, a message and the request's id."""
    lists_events: bool = False
    """A stream may come as a JSON list, too, of what are else whole plain answers."""

    def parse(self, path: str, body: bytes | None) -> LlmRequest:
        """What a request asks for; fields that are absent or ill-typed are None, as all are without a body.

        DialectError for a body that is not a JSON object, or is nested too deep to be read.
        """
        place = path.partition("?")[0]
        if body is None:
            return LlmRequest(self.name, place)
        return self.read_request(place, body)

    def read(self, path: str, body: bytes) -> tuple[LlmRequest, Conversation | None]:
        """What `parse` gives, and the conversation without what is ill-typed in it. DialectError as there."""
        return self.read_conversation(path.partition("?")[0], body)

    def meter(self, *, event_stream: bool, strip_usage: bool = False) -> Meter:
        """A new meter for one answer: `event_stream` where its content type is `text/event-stream`."""
        if event_stream:
            return StreamMeter(self.read_event, strip_usage=strip_usage)
        if self.lists_events:
            return ElementMeter(self.read_answer)
        return PlainMeter(self.read_answer)

    def error(self, fault: Fault, message: str, request_id: str, retry_after_s: float | None = None) -> ErrorAnswer:
        """The proxy's own answer, as the family's SDKs expect it."""
        return error_answer(self.family, fault, message, request_id, retry_after_s)
