"""Owns what is read of a request to Google's `generateContent`, in both spellings that it takes of each field.

Knows nothing of its answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from proxy.dialects.conversation import MODEL, TOOL, USER, Conversation, Schema, Tool, Turn, ends, form, names, sampling
from proxy.dialects.gemini_paths import streams, with_models
from proxy.dialects.llm import LlmRequest
from proxy.dialects.request_body import text_bytes_beside_base64, times
from proxy.dialects.shape import ABSENT, Shape
from proxy.dialects.spellings import in_any_case, with_spellings

T = TypeVar("T")

NAME = "gemini_generate"
_STANDARD_BASE64 = str.maketrans("-_", "+/")
_NO_SIGNATURES = frozenset(
    word.translate(_STANDARD_BASE64)
    for word in (
        "skip_thought_signature_validator",
        "context_engineering_is_the_way_to_go",
        "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=",
        "Y29udGV4dF9lbmdpbmVlcmluZ19pc190aGVfd2F5X3RvX2dv",
    )
)
"""What Google has everybody write in place of a signature that no model of its own has issued; also in base64."""


def spelt(name: str) -> str | None:
    """How a field is written: `camel_top_p` as `topP`, what has no such prefix as it stands."""
    if not name.startswith("camel_"):
        return None
    first, *others = name.removeprefix("camel_").split("_")
    return first + "".join(map(str.capitalize, others))


class _Result(msgspec.Struct, gc=False):
    """What a tool answered."""

    response: msgspec.Raw = ABSENT
    parts: msgspec.Raw = ABSENT


class Part(msgspec.Struct, gc=False, rename=spelt):
    """A part of a message: text, a tool's result, something attached; any of them may be signed."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    camel_thought_signature: str | None = None
    function_response: _Result | None = None
    camel_function_response: _Result | None = None
    inline_data: msgspec.Raw = ABSENT
    camel_inline_data: msgspec.Raw = ABSENT
    file_data: msgspec.Raw = ABSENT
    camel_file_data: msgspec.Raw = ABSENT


class Content(msgspec.Struct, gc=False):
    """A message. Here as elsewhere Google takes one thing for a list of it."""

    role: str | None = None
    parts: list[Part] | Part | None = None


class _Bounds(msgspec.Struct, gc=False, rename=spelt):
    max_output_tokens: int | None = None
    camel_max_output_tokens: int | None = None
    candidate_count: int | None = None
    camel_candidate_count: int | None = None

    def most(self) -> int | None:
        return _either(self.camel_max_output_tokens, self.max_output_tokens)

    def choices(self) -> int | None:
        return _either(self.camel_candidate_count, self.candidate_count)


class _Request(msgspec.Struct, gc=False, rename=spelt):
    model: str | None = None
    generation_config: _Bounds | None = None
    camel_generation_config: _Bounds | None = None


class _Config(_Bounds, gc=False):
    """How the answer is to be made."""

    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    camel_top_p: msgspec.Raw = ABSENT
    top_k: msgspec.Raw = ABSENT
    camel_top_k: msgspec.Raw = ABSENT
    presence_penalty: msgspec.Raw = ABSENT
    camel_presence_penalty: msgspec.Raw = ABSENT
    frequency_penalty: msgspec.Raw = ABSENT
    camel_frequency_penalty: msgspec.Raw = ABSENT
    response_logprobs: msgspec.Raw = ABSENT
    camel_response_logprobs: msgspec.Raw = ABSENT
    logprobs: msgspec.Raw = ABSENT
    thinking_config: msgspec.Raw = ABSENT
    camel_thinking_config: msgspec.Raw = ABSENT
    response_mime_type: msgspec.Raw = ABSENT
    camel_response_mime_type: msgspec.Raw = ABSENT
    response_schema: msgspec.Raw = ABSENT
    camel_response_schema: msgspec.Raw = ABSENT
    response_json_schema: msgspec.Raw = ABSENT
    camel_response_json_schema: msgspec.Raw = ABSENT
    stop_sequences: msgspec.Raw = ABSENT
    camel_stop_sequences: msgspec.Raw = ABSENT

    def schema(self) -> msgspec.Raw:
        """Of either kind: a request may have but one."""
        written = _present(self.camel_response_schema, self.response_schema)
        return _present(written, _present(self.camel_response_json_schema, self.response_json_schema))


class _Function(msgspec.Struct, gc=False, rename=spelt):
    name: str | None = None
    description: str | None = None
    parameters: Schema | None = None
    parameters_json_schema: Schema | None = None
    camel_parameters_json_schema: Schema | None = None


class _Tool(msgspec.Struct, gc=False, rename=spelt):
    function_declarations: list[_Function] | _Function | None = None
    camel_function_declarations: list[_Function] | _Function | None = None


class _Talk(_Request, gc=False):
    """The whole request."""

    generation_config: _Config | None = None
    camel_generation_config: _Config | None = None
    system_instruction: str | Content | None = None
    camel_system_instruction: str | Content | None = None
    contents: list[Content] | Content | None = None
    tools: list[_Tool] | _Tool | None = None


_REQUEST = Shape(in_any_case(_Request))
_TALK = Shape(in_any_case(_Talk))


def read_request(path: str, body: bytes) -> LlmRequest:
    return _llm_request(path, body, _REQUEST.read(body))


def read_conversation(path: str, body: bytes) -> tuple[LlmRequest, Conversation | None]:
    request, talk = _REQUEST.read_with(_TALK, body)
    found = _llm_request(path, body, request)
    return found, None if talk is None else _conversation(talk, found.stream)


def text_bytes(body: bytes) -> int:
    """Bytes of a body without its images, sound and files."""
    return text_bytes_beside_base64(body) if b'"inline' in body else len(body)


def texts_of(content: Content | None) -> list[str]:
    """What is said in a message that is not the model's."""
    return [] if content is None else [part.text for part in ends(_several(content.parts)) if part.text]


def signature_of(written: str | None) -> str | None:
    """A signature as it was issued: Google's SDKs hand it back in the other alphabet of base64."""
    found = written and written.translate(_STANDARD_BASE64)
    return None if found in _NO_SIGNATURES else found


def _llm_request(path: str, body: bytes, request: _Request) -> LlmRequest:
    config = request.camel_generation_config or request.generation_config or _Bounds()
    found = LlmRequest(
        dialect=NAME,
        path=path,
        stream=streams(path),
        max_tokens=times(config.most(), config.choices()),
        text_bytes=text_bytes(body),
    )
    return with_spellings(with_models(found, (request.model,)), request)


def _conversation(talk: _Talk, stream: bool) -> Conversation:
    config = talk.camel_generation_config or talk.generation_config or _Config()
    signatures: list[str] = []
    return Conversation(
        system="\n".join(_instructions((talk.camel_system_instruction, talk.system_instruction))),
        turns=[_turn(content, signatures) for content in ends(_several(talk.contents))],
        tools=_tools(talk),
        signatures=signatures,
        sampling=_sampling(config, stream),
        form=form(config.schema()),
    )


def _instructions(given: Iterable[str | Content | None]) -> list[str]:
    return [text for one in given if one for text in ([one] if isinstance(one, str) else texts_of(one))]


def _turn(content: Content, signatures: list[str]) -> Turn:
    role = MODEL if content.role == "model" else USER
    texts: list[str] = []
    results: list[str] = []
    attachments: list[msgspec.Raw] = []
    has_results = False
    for part in ends(_several(content.parts)):
        if signature := signature_of(part.camel_thought_signature or part.thought_signature):
            signatures.append(signature)
        if part.text:
            # What is called a thought is none where it is not the model's.
            if not part.thought or role is USER:
                texts.append(part.text)
        elif result := part.camel_function_response or part.function_response:
            has_results = True
            results.append(bytes(result.response).decode("utf-8", "replace"))
            attachments += _things(result.parts)
        else:
            attachments += _things(part.camel_inline_data, part.inline_data, part.camel_file_data, part.file_data)
    if has_results and not texts:
        role = TOOL
    return Turn(role, "\n".join(texts), "\n".join(results), has_results, attachments)


def _things(*found: msgspec.Raw) -> list[msgspec.Raw]:
    return [raw for raw in found if raw is not ABSENT]


def _tools(talk: _Talk) -> list[Tool]:
    functions = [
        function
        for tool in ends(_several(talk.tools))
        for declared in (tool.camel_function_declarations, tool.function_declarations)
        for function in ends(_several(declared))
    ]
    return [
        Tool(
            function.name or "",
            function.description or "",
            names(function.parameters or function.camel_parameters_json_schema or function.parameters_json_schema),
        )
        for function in ends(functions)
    ]


def _sampling(config: _Config, stream: bool) -> bytes:
    drawn = (
        config.temperature,
        _present(config.camel_top_p, config.top_p),
        _present(config.camel_top_k, config.top_k),
        _present(config.camel_presence_penalty, config.presence_penalty),
        _present(config.camel_frequency_penalty, config.frequency_penalty),
    )
    shown = (
        _present(config.camel_response_logprobs, config.response_logprobs),
        config.logprobs,
        _present(config.camel_thinking_config, config.thinking_config),
        _present(config.camel_response_mime_type, config.response_mime_type),
        config.schema(),
        _present(config.camel_stop_sequences, config.stop_sequences),
    )
    return sampling((config.most(), config.choices(), stream or None, *drawn, *shown))


def _several(found: list[T] | T | None) -> list[T]:
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def _either(one: T | None, other: T | None) -> T | None:
    return other if one is None else one


def _present(one: msgspec.Raw, other: msgspec.Raw) -> msgspec.Raw:
    return other if one is ABSENT else one
