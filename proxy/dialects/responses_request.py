"""Owns what is read of a request to OpenAI's Responses API. Knows nothing of its answers."""

from __future__ import annotations

import msgspec

from proxy.dialects.conversation import (
    INSTRUCTING,
    MODEL,
    TOOL,
    USER,
    Conversation,
    Schema,
    Text,
    Tool,
    Turn,
    attached,
    ends,
    form,
    joined,
    names,
    sampling,
)
from proxy.dialects.llm import LlmRequest
from proxy.dialects.request_body import believable, text_bytes
from proxy.dialects.shape import ABSENT, Shape
from proxy.dialects.spellings import in_any_case, with_spellings

NAME = "openai_responses"


class _Request(msgspec.Struct, gc=False):
    model: str | None = None
    max_output_tokens: int | None = None
    stream: bool | None = None
    safety_identifier: str | None = None
    user: str | None = None


class _Item(msgspec.Struct, gc=False):
    """A message, reasoning handed back, a call of a tool, or its result."""

    type: str | None = None
    role: str | None = None
    content: str | list[Text] | None = None
    output: str | list[Text] | None = None
    encrypted_content: str | None = None


class _Tool(msgspec.Struct, gc=False):
    type: str | None = None
    name: str | None = None
    description: str | None = None
    parameters: Schema | None = None


class _Talk(_Request, gc=False):
    """The whole request."""

    instructions: str | list[Text] | None = None
    input: str | list[_Item] | None = None
    tools: list[_Tool] | None = None
    temperature: msgspec.Raw = ABSENT
    top_p: msgspec.Raw = ABSENT
    top_logprobs: msgspec.Raw = ABSENT
    reasoning: msgspec.Raw = ABSENT
    text: msgspec.Raw = ABSENT
    include: msgspec.Raw = ABSENT


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
        max_tokens=believable(request.max_output_tokens),
        end_user=request.safety_identifier or request.user or None,
        text_bytes=text_bytes(body, audio=True),
    )
    return with_spellings(found, request)


def _conversation(talk: _Talk) -> Conversation:
    system = [joined(talk.instructions)]
    turns: list[Turn] = []
    signatures: list[str] = []
    for item in [_Item(role="user", content=talk.input)] if isinstance(talk.input, str) else ends(talk.input):
        if item.encrypted_content:
            signatures.append(item.encrypted_content)
        if item.role in INSTRUCTING:
            system.append(joined(item.content))
        else:
            turns.append(_turn(item))
    drawn = (talk.temperature, talk.top_p, talk.top_logprobs, talk.reasoning, talk.text, talk.include)
    return Conversation(
        system="\n".join(system) if len(system) > 1 else system[0],
        turns=turns,
        tools=[
            Tool(tool.name or tool.type or "", tool.description or "", names(tool.parameters))
            for tool in ends(talk.tools)
        ],
        signatures=signatures,
        sampling=sampling((talk.max_output_tokens, talk.stream, *drawn)),
        form=form(talk.text),
    )


def _turn(item: _Item) -> Turn:
    kind = item.type or "message"
    if kind.endswith("_output"):
        return Turn(TOOL, "", joined(item.output), True, attached(item.output))
    if kind == "message" and item.role != "assistant":
        return Turn(USER, joined(item.content), attached=attached(item.content))
    # Reasoning and calls of tools are the model's too.
    return Turn(MODEL, joined(item.content))
