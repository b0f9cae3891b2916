"""Owns the content-free form of the exchange log: what `serve` writes of an exchange and `replay` reads back.

No prompt, completion or credential can get in: a record is built from values that hold none. Pure; knows no file.
"""

from __future__ import annotations

import msgspec

from proxy.dialects.llm import LlmRequest, Usage
from proxy.events.content import Content
from proxy.identity.principal import Principal

VERSION = 1
"""Of the `features` object; a reader refuses a version it does not know. What is only added needs no new one."""


class PrincipalFeatures(msgspec.Struct, frozen=True, omit_defaults=True):
    """`Principal` as it is written; the client's address stands in the line's `peer_ip`."""

    account: str
    client: str
    org: str | None = None
    tier: str | None = None
    verified: bool = False
    country: str | None = None
    asn: int | None = None
    created_us: int | None = None
    payment: str | None = None
    ja4: str | None = None


class RequestFeatures(msgspec.Struct, frozen=True, omit_defaults=True):
    """`LlmRequest` as it is written; its path stands in the line."""

    dialect: str
    model: str | None = None
    stream: bool = False
    max_tokens: int | None = None
    end_user: str | None = None
    text_bytes: int = 0
    caches: bool = False
    content: Content | None = None
    models: tuple[str, ...] = ()


class AnswerFeatures(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of an answer beside its usage: how it ended, and how much of it was seen."""

    ending: str
    generated_bytes: int | None = None
    output_events: int = 0
    signatures: tuple[int, ...] = ()
    """Ids of its reasoning signatures under the deployment's key, as `Content.signatures` has them."""
    request_id: str | None = None
    """The upstream's, which went to the client with the answer; a refusal's is the line's own."""


class DecisionFeatures(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was decided at the time, so that a log tells it without a replay, and a replay can be held against it."""

    action: str
    status: int
    rule: str | None = None
    retry_after_us: int | None = None
    reasons: tuple[str, ...] = ()


class Features(msgspec.Struct, frozen=True, omit_defaults=True):
    """The `features` object."""

    v: int
    principal: PrincipalFeatures
    request: RequestFeatures
    answer: AnswerFeatures | None = None
    decision: DecisionFeatures | None = None


class Response(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The `response` object of the exchange log, in either form. An absent usage field is unknown."""

    status: int
    duration_s: float = 0.0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    signatures: tuple[str, ...] = ()


class Line(msgspec.Struct, frozen=True):
    """One exchange in the feature form. `headers` is always empty; the key is there because the format asks for it."""

    ts: float
    id: str
    method: str
    path: str
    peer_ip: str
    features: Features
    response: Response | None
    headers: tuple[tuple[str, str], ...] = ()


def features_of(
    principal: Principal,
    request: LlmRequest,
    content: Content | None,
    answer: AnswerFeatures | None,
    decision: DecisionFeatures,
) -> Features:
    """The features of one exchange; `answer` is None where it was refused."""
    who = PrincipalFeatures(*[getattr(principal, name) for name in PrincipalFeatures.__struct_fields__])
    asked = RequestFeatures(
        request.dialect,
        request.model,
        request.stream,
        request.max_tokens,
        request.end_user,
        request.text_bytes,
        request.caches,
        content,
        request.models,
    )
    return Features(VERSION, who, asked, answer, decision)


def response_of(status: int, duration_us: int, usage: Usage, signatures: tuple[str, ...] = ()) -> Response:
    """The upstream's answer, as the log tells it."""
    return Response(
        status,
        duration_us / 1e6,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        signatures,
    )


encode = msgspec.json.Encoder().encode
