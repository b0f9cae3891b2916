"""Owns what the OpenAI formats share: how usage is reported, and how a stream is asked for it."""

from __future__ import annotations

import re

import msgspec

from proxy.dialects.llm import Usage
from proxy.dialects.request_body import reported
from proxy.dialects.shape import ABSENT, Shape, is_present


class StreamOptions(msgspec.Struct, gc=False):
    include_usage: bool | None = None


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: int | None = None


class CompletionUsage(msgspec.Struct, gc=False):
    """`usage` of chat completions, completions and embeddings."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None

    def as_usage(self) -> Usage:
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return usage_of(
            self.prompt_tokens,
            self.completion_tokens,
            cached=None if prompt is None else prompt.cached_tokens,
            reasoning=None if completion is None else completion.reasoning_tokens,
        )


def usage_of(prompt: int | None, completion: int | None, *, cached: int | None, reasoning: int | None) -> Usage:
    """From OpenAI's counts, where cached tokens are part of the prompt's."""
    prompt, cached = reported(prompt), reported(cached)
    return Usage(
        input_tokens=None if prompt is None else max(0, prompt - (cached or 0)),
        output_tokens=reported(completion),
        cache_read_input_tokens=cached,
        reasoning_tokens=reported(reasoning),
    )


class _Options(msgspec.Struct, gc=False):
    stream_options: msgspec.Raw = ABSENT


class _IncludeUsage(msgspec.Struct, gc=False):
    include_usage: msgspec.Raw = ABSENT


_OPTIONS = Shape(_Options)
_INCLUDE_USAGE = Shape(_IncludeUsage)


def ask_usage(body: bytes) -> bytes:
    """Asks the stream of `body` for usage and keeps every other byte. DialectError for what is no JSON object."""
    stream_options = _OPTIONS.read(body).stream_options
    old = bytes(stream_options)
    if not is_present(stream_options):
        options = b'{"include_usage":true}'
    elif old.startswith(b"{"):
        options = _with_member(old, b"include_usage", bytes(_INCLUDE_USAGE.read(old).include_usage), b"true")
    else:
        return body
    return _with_member(body, b"stream_options", old, options)


def _with_member(json_object: bytes, name: bytes, old: bytes, new: bytes) -> bytes:
    """With the member's value exchanged in place, or added at the end: of duplicate keys the last one counts."""
    values = [key.end() for key in re.finditer(b'"%s"\\s*:\\s*' % name, json_object)] if old else []
    values = [value for value in values if json_object.startswith(old, value)]
    if len(values) == 1:
        return json_object[: values[0]] + new + json_object[values[0] + len(old) :]
    end = json_object.rindex(b"}")
    comma = b"" if json_object[:end].rstrip().endswith(b"{") else b","
    return json_object[:end] + comma + b'"' + name + b'":' + new + json_object[end:]
