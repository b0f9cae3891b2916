"""Owns the way from a sender's description to raw exchange-log lines: headers, a body, and the upstream's answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from proxy.dialects.dialect import Dialect
from proxy.dialects.table import dialect_for
from proxy.events.record import Response
from proxy.identity.network import Trusted, parse_address
from proxy.policy.shapes import keys_of
from proxy.simulate.lines import Recorded
from proxy.simulate.policytest.language import ExchangeSpec, UsageSpec
from proxy.simulate.policytest.texts import MOST_BODY_BYTES, Series

ATTRIBUTES = {
    "account": "x-account-id",
    "org": "x-account-org",
    "tier": "x-account-tier",
    "country": "x-account-country",
    "verified": "x-account-verified",
}
"""What is told by a header that only a trusted peer may set."""
_USUAL_PEERS = ("10.0.0.1", "127.0.0.1", "172.16.0.1", "192.168.0.1", "::1", "fd00::1")
_BYTES_A_TOKEN = 4
_BODILESS = ("GET", "HEAD", "DELETE", "OPTIONS")

_encode = msgspec.json.encode


def described(layers: Sequence[ExchangeSpec | None]) -> dict[str, Any]:
    """Every key of an exchange by its name: what the first layer that gives it says, else its default."""
    given = [layer for layer in layers if layer is not None]
    found = {}
    for name in keys_of(ExchangeSpec):
        source = next((layer for layer in given if layer.has(name)), given[0])
        found[name] = getattr(source, name)
    return found


def usual_peer(trusted: Trusted) -> str | None:
    """An address that a policy trusts to say who asks; None where it trusts none of the usual ones."""
    for text in _USUAL_PEERS:
        address = parse_address(text)
        if address is not None and trusted.contains(address):
            return text
    return None


def body_size(exchange: dict[str, Any]) -> int:
    """Bytes of the request's body, as far as they are asked for."""
    size: int | None = exchange["body_bytes"]
    usage: UsageSpec | None = exchange["usage"]
    if size is not None:
        return size
    if usage is None:
        return 0
    read = (usage.input_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
    return min(sum(tokens or 0 for tokens in read) * _BYTES_A_TOKEN, MOST_BODY_BYTES)


@dataclass(frozen=True, slots=True)
class Sender:
    """Makes the exchanges of one sender. `exchange` is what `described` gives."""

    exchange: dict[str, Any]
    trusted: Trusted
    _dialect: Dialect = field(init=False)
    _response: Response = field(init=False)

    def __post_init__(self) -> None:
        exchange = self.exchange
        object.__setattr__(self, "_dialect", dialect_for(exchange["method"], exchange["path"]))
        object.__setattr__(self, "_response", _response(exchange))

    def line(self, index: int, number: int, ts_us: int) -> Recorded:
        """The sender's exchange `index`, which is the test's exchange `number`, arriving at `ts_us`."""
        values = {
            name: value.turn(index) if isinstance(value, Series) else value for name, value in self.exchange.items()
        }
        peer = values["peer"] or usual_peer(self.trusted) or values["address"]
        return Recorded(
            str(number),
            ts_us,
            values["method"],
            values["path"],
            peer,
            _headers(values, peer),
            self._body(values),
            self._response,
            None,
        )

    def _body(self, values: dict[str, Any]) -> bytes | None:
        if values["method"] in _BODILESS:
            return None
        make = _BODIES.get(self._dialect.name, _opaque)
        bare = _encode(_without_absent(make(values, "")))
        missing = body_size(self.exchange) - len(bare)
        return bare if missing <= 0 else _encode(_without_absent(make(values, "x" * missing)))


def _headers(values: dict[str, Any], peer: str) -> list[tuple[str, str]]:
    headers = [("host", "api.example.com"), ("content-type", "application/json")]
    if values["user_agent"] is not None:
        headers.append(("user-agent", values["user_agent"]))
    if values["api_key"] is not None:
        headers.append(("x-api-key", values["api_key"]))
    if values["address"] != peer:
        headers.append(("x-forwarded-for", values["address"]))
    for name, header in ATTRIBUTES.items():
        if (value := values[name]) is not None:
            headers.append((header, str(value).lower() if isinstance(value, bool) else value))
    return headers


def _response(exchange: dict[str, Any]) -> Response:
    usage: UsageSpec | None = exchange["usage"]
    duration_s = exchange["duration"] / 1e6
    if usage is None:
        return Response(exchange["status"], duration_s)
    return Response(
        exchange["status"],
        duration_s,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
    )


def _without_absent(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}


def _anthropic_messages(values: dict[str, Any], prompt: str) -> dict[str, Any]:
    usage: UsageSpec | None = values["usage"]
    content: object = prompt
    if usage is not None and (usage.cache_read_input_tokens or usage.cache_creation_input_tokens):
        content = [{"type": "text", "text": prompt, "cache_control": {"type": "ephemeral"}}]
    return {
        "model": values["model"],
        "max_tokens": values["max_tokens"],
        "stream": values["stream"],
        "metadata": None if values["end_user"] is None else {"user_id": values["end_user"]},
        "messages": [{"role": "user", "content": content}],
    }


def _openai_chat(values: dict[str, Any], prompt: str) -> dict[str, Any]:
    return _openai(values, "max_completion_tokens") | {"messages": [{"role": "user", "content": prompt}]}


def _openai_responses(values: dict[str, Any], prompt: str) -> dict[str, Any]:
    return _openai(values, "max_output_tokens") | {"input": prompt}


def _openai_completions(values: dict[str, Any], prompt: str) -> dict[str, Any]:
    return _openai(values, "max_tokens") | {"prompt": prompt}


def _openai_embeddings(values: dict[str, Any], prompt: str) -> dict[str, Any]:
    return {"model": values["model"], "safety_identifier": values["end_user"], "input": prompt}


def _gemini_generate(values: dict[str, Any], prompt: str) -> dict[str, Any]:
    """Its model and whether it is streamed stand in the path."""
    most = values["max_tokens"]
    config = None if most is None else {"maxOutputTokens": most}
    return {"generationConfig": config, "contents": [{"role": "user", "parts": [{"text": prompt}]}]}


def _gemini_embeddings(_values: dict[str, Any], prompt: str) -> dict[str, Any]:
    return {"content": {"parts": [{"text": prompt}]}}


def _opaque(values: dict[str, Any], prompt: str) -> dict[str, Any]:
    return {"model": values["model"], "input": prompt}


def _openai(values: dict[str, Any], most: str) -> dict[str, Any]:
    return {
        "model": values["model"],
        most: values["max_tokens"],
        "stream": values["stream"],
        "safety_identifier": values["end_user"],
    }


_BODIES: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "anthropic_messages": _anthropic_messages,
    "openai_chat": _openai_chat,
    "openai_responses": _openai_responses,
    "openai_completions": _openai_completions,
    "openai_embeddings": _openai_embeddings,
    "gemini_generate": _gemini_generate,
    "gemini_embeddings": _gemini_embeddings,
}
