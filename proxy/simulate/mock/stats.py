"""Owns what the mock counts, so that a test can compare what a proxy charged with what was really generated."""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import asdict, dataclass, field
from typing import Any

KEPT = 10_000
"""Exchanges whose own figures are kept; the oldest go first, the totals stay."""


@dataclass(slots=True)
class ExchangeStats:
    """One request. Tokens and events count when they have been handed to the socket."""

    path: str
    status: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    events: int = 0
    outcome: str = "open"
    """`open`, `complete`, `cut` (by directive), `gone` (the client closed, or the server was closed)."""


@dataclass(slots=True)
class Stats:
    requests: Counter[str] = field(default_factory=Counter)
    """By path; paths that the API does not have count as 'other'."""
    statuses: Counter[int] = field(default_factory=Counter)
    input_tokens: int = 0
    """Of all prompts that were answered."""
    output_tokens: int = 0
    """Of all answers, as far as they were written."""
    open: int = 0
    """Requests under way."""
    streams_open: int = 0
    exchanges: OrderedDict[str, ExchangeStats] = field(default_factory=OrderedDict)
    """By the directive `id`, else by the request id that the answer's headers carry."""

    def begin(self, name: str, path: str) -> ExchangeStats:
        """A request has come."""
        exchange = ExchangeStats(path)
        self.requests[path] += 1
        self.open += 1
        self.exchanges[name] = exchange
        if len(self.exchanges) > KEPT:
            self.exchanges.popitem(last=False)
        return exchange

    def answered(self, exchange: ExchangeStats, status: int, input_tokens: int) -> None:
        """Its answer begins."""
        exchange.status = status
        exchange.input_tokens = input_tokens
        self.statuses[status] += 1
        self.input_tokens += input_tokens

    def wrote(self, exchange: ExchangeStats, tokens: int) -> None:
        """An event of its answer has been handed to the socket."""
        exchange.events += 1
        exchange.output_tokens += tokens
        self.output_tokens += tokens

    def end(self, exchange: ExchangeStats, outcome: str) -> None:
        """Nothing more is written for it."""
        exchange.outcome = outcome
        self.open -= 1

    def as_json(self) -> dict[str, Any]:
        """What `GET /mock/stats` answers."""
        return {
            "requests": dict(self.requests),
            "statuses": dict(self.statuses),
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "open": self.open,
            "streams_open": self.streams_open,
            "exchanges": {name: asdict(exchange) for name, exchange in self.exchanges.items()},
        }
