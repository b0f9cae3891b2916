"""Owns how an answer ends that has begun and will not be whole: never so that it looks whole."""

from __future__ import annotations

from contextlib import suppress

from proxy.dialects.llm import Fault
from proxy.handlers.passage import Passage


def break_off(passage: Passage, fault: Fault, text: str) -> None:
    """Tells the client in its dialect, where an event can still be put behind what it has, and ends its connection."""
    assert passage.response is not None
    exchange, meter = passage.exchange, passage.meter
    is_told = meter is not None and meter.takes_event
    if is_told:
        with suppress(ConnectionError):
            passage.response.write(exchange.dialect.error_event(fault, text, exchange.arrival.id))
    if is_told or passage.response.is_framed:
        passage.connection.cut()
    else:
        passage.connection.reset()
