"""Owns what is read of a request to the Anthropic Messages API. Knows nothing of its answers."""

from __future__ import annotations

import msgspec

from proxy.dialects.conversation import (
    MODEL,
    TOOL,
    USER,
    Conversation,
    Schema,
    Text,
    Tool,
    Turn,
    attached,
    attached_to,
    ends,
    form,
    joined,
    names,
    sampling,
)
from proxy.dialects.llm import LlmRequest
from proxy.dialects.request_body import believable, contains, text_bytes
from proxy.dialects.shape import ABSENT, Shape
from proxy.dialects.spellings import in_any_case, with_spellings

NAME = "anthropic_messages"


class _Metadata(msgspec.Struct, gc=False):
    user_id: str | None = None


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    max_tokens: int | None = None
    stream: bool | None = None
    metadata: _Metadata | None = None


class _Block(Text, gc=False):
    """Of text, a tool's result, or reasoning handed back."""

    type: str | None = None
    content: str | list[Text] | None = None
    signature: str | None = None
    data: str | None = None


class _Message(msgspec.Struct, gc=False):
    role: str | None = None
    content: str | list[_Block] | None = None


class _Tool(msgspec.Struct, gc=False):
    name: str | None = None
    description: str | None = None
    input_schema: Schema | None = None


class _Talk(_Request, gc=False):
    """The whole request."""

    system: str | list[Text] | None = None
    messages: list[_Message] | None = None
    tools: list[_Tool] | None = None
    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    top_k: msgspec.Raw = ABSENT
    thinking: msgspec.Raw = ABSENT
    output_config: msgspec.Raw = ABSENT
    output_format: msgspec.Raw = ABSENT
    stop_sequences: msgspec.Raw = ABSENT


_REQUEST = Shape(in_any_case(_Request))
_TALK = Shape(in_any_case(_Talk))


def read_request(path: str, body: bytes) -> LlmRequest:
    return _llm_request(path, body, _REQUEST.read(body))


def read_conversation(path: str, body: bytes) -> tuple[LlmRequest, Conversation | None]:
    request, talk = _REQUEST.read_with(_TALK, body)
    return _llm_request(path, body, request), None if talk is None else _conversation(talk)


def _llm_request(path: str, body: bytes, request: _Request) -> LlmRequest:
    found = LlmRequest(
        dialect=NAME,
        path=path,
        model=request.model,
        stream=request.stream is True,
        max_tokens=believable(request.max_tokens),
        end_user=(request.metadata and request.metadata.user_id) or None,
        text_bytes=text_bytes(body),
        caches=contains(body, b'"cache_control"'),
    )
    return with_spellings(found, request)


def _conversation(talk: _Talk) -> Conversation:
    signatures: list[str] = []
    asked = (
        talk.temperature,
        talk.top_p,
        talk.top_k,
        talk.thinking,
        talk.output_config,
        talk.output_format,
        talk.stop_sequences,
    )
    return Conversation(
        system=joined(talk.system),
        turns=[_turn(message, signatures) for message in ends(talk.messages)],
        tools=[Tool(tool.name or "", tool.description or "", names(tool.input_schema)) for tool in ends(talk.tools)],
        signatures=signatures,
        sampling=sampling((talk.max_tokens, talk.stream, *asked)),
        form=form(talk.output_config) or form(talk.output_format),
    )


def _turn(message: _Message, signatures: list[str]) -> Turn:
    content = message.content
    role = MODEL if message.role == "assistant" else USER
    if content is None or isinstance(content, str):
        return Turn(role, content or "")
    texts: list[str] = []
    results: list[str] = []
    attachments: list[msgspec.Raw] = []
    has_results = False
    for block in ends(content):
        if block.text:
            texts.append(block.text)
        elif block.type == "tool_result":
            has_results = True
            results.append(joined(block.content))
            attachments += attached(block.content)
        elif block.signature or block.data:
            signatures.append(block.signature or block.data or "")
        else:
            attachments += attached_to(block)
    if has_results and not texts:
        role = TOOL
    text = texts[0] if len(texts) == 1 else "\n".join(texts)
    return Turn(role, text, "\n".join(results), has_results, attachments)
