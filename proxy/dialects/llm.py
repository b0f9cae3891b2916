"""Owns the words all wire formats share: what is asked for, what was used, what went wrong.

Pure data. Knows no single dialect, no account and no policy.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

OPAQUE = "opaque"
"""The dialect of a request whose wire format is not read."""
LONGEST_NAME = 256
"""Characters of a model's name. It is remembered, logged and sent on, so that a longer one is never taken in."""


class LlmRequest(Struct, frozen=True, gc=False):
    """What a request asks of a model, as far as admission needs it. Holds no content."""

    dialect: str
    """`anthropic_messages`, `openai_chat`, `openai_responses`, `openai_completions`, `openai_embeddings`,
    `gemini_generate`, `gemini_embeddings`, `opaque`."""
    path: str
    """The path of the request line without its query."""
    model: str | None = None
    stream: bool = False
    max_tokens: int | None = None
    """The most output tokens that the answer may have, over all choices; None where the request sets no bound."""
    end_user: str | None = None
    """`metadata.user_id`, `safety_identifier` or `user`, as sent."""
    text_bytes: int = 0
    """Bytes of the body that become input tokens: base64 images and files left out."""
    caches: bool = False
    """The request marks prompt-cache breakpoints, so much of its input may cost no input quota."""
    asks_usage: bool = True
    """False for a stream whose usage the proxy has to ask for itself (`stream_options.include_usage`)."""
    models: tuple[str, ...] = ()
    """Further ones, which the requests of a batch name: whoever may not use one of them may not send the batch."""


class Usage(Struct, frozen=True, gc=False):
    """Tokens that an answer reports. None is 'not reported', which is not zero."""

    input_tokens: int | None = None
    """Without cached ones, in every dialect (the Anthropic sense)."""
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    reasoning_tokens: int | None = None
    """Part of `output_tokens` where it is known."""

    def updated(self, later: Usage) -> Usage:
        """With every field that `later` reports in place of this one's."""
        return Usage(
            self.input_tokens if later.input_tokens is None else later.input_tokens,
            self.output_tokens if later.output_tokens is None else later.output_tokens,
            self.cache_read_input_tokens if later.cache_read_input_tokens is None else later.cache_read_input_tokens,
            self.cache_creation_input_tokens
            if later.cache_creation_input_tokens is None
            else later.cache_creation_input_tokens,
            self.reasoning_tokens if later.reasoning_tokens is None else later.reasoning_tokens,
        )

    def charged_input(self) -> int | None:
        """Input tokens that count against a quota: cache reads do not, cache writes do."""
        if self.input_tokens is None:
            return None
        return self.input_tokens + (self.cache_creation_input_tokens or 0)


class Family(StrEnum):
    """Whose error bodies and rate-limit headers an answer wears."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    GOOGLE = "google"


class Fault(StrEnum):
    """Why the proxy itself answers; each dialect has its own status, type and body for it."""

    RATE_LIMITED = "rate_limited"  # 429: too many requests, or too many at once
    TOKENS_LIMITED = "tokens_limited"  # 429: too many tokens
    REQUEST_EXCEEDS_LIMIT = "exceeds_limit"  # 429, can never pass; not to be retried
    FORBIDDEN = "forbidden"  # 403
    BAD_REQUEST = "bad_request"  # 400
    TOO_LARGE = "too_large"  # 413
    UNKNOWN_ENCODING = "unknown_encoding"  # 415
    INTERNAL = "internal"  # 500: a fault of the proxy's own
    BAD_GATEWAY = "bad_gateway"  # 502
    GATEWAY_TIMEOUT = "gateway_timeout"  # 504
    UNAVAILABLE = "unavailable"  # 503: the store is lost and the policy says deny; draining


class ErrorAnswer(Struct, frozen=True, gc=False):
    """An answer of the proxy's own, in a dialect's shape."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
