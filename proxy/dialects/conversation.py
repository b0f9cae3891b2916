"""Owns what a dialect reads of a request beside what admission needs: the conversation itself.

Transient: it is sketched and forgotten, and nothing that holds one is ever stored or told. Knows no single dialect.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec
from msgspec import Struct

from proxy.dialects.shape import ABSENT

T = TypeVar("T")

USER, MODEL, TOOL = "user", "model", "tool"
INSTRUCTING = frozenset({"system", "developer"})
"""Roles of messages, as OpenAI's formats write them, that are part of the system prompt."""


class Turn(Struct, frozen=True, gc=False):
    """One message."""

    role: str
    """`USER`, `MODEL`, or `TOOL` for one that only carries results of tools."""
    text: str = ""
    results: str = ""
    """Text of the tools' results in it."""
    has_results: bool = False
    attached: Sequence[msgspec.Raw] = ()
    """Images, files and sound, unread."""


class Tool(Struct, frozen=True, gc=False):
    """A tool that the model may call."""

    name: str
    description: str
    parameters: tuple[str, ...] = ()
    """Their names."""


class Conversation(Struct, frozen=True, gc=False):
    """What was said so far, and how the next answer is to be made."""

    system: str = ""
    turns: Sequence[Turn] = ()
    tools: Sequence[Tool] = ()
    signatures: Sequence[str] = ()
    """Of reasoning that the request hands back, as the model API issued them."""
    sampling: bytes = b""
    """The sampling parameters that are set, as they are written, in an order of the dialect's own."""
    form: bytes = b""
    """The JSON schema that the answer is to keep to, as it is written."""


class Text(Struct, gc=False):
    """A part of a content list: text, or something attached."""

    text: str | None = None
    source: msgspec.Raw = ABSENT
    image_url: msgspec.Raw = ABSENT
    input_audio: msgspec.Raw = ABSENT
    file: msgspec.Raw = ABSENT
    file_data: msgspec.Raw = ABSENT
    file_id: msgspec.Raw = ABSENT


class Schema(Struct, gc=False):
    """A JSON schema, as far as it names parameters."""

    properties: dict[str, msgspec.Raw] | None = None


def ends(parts: list[T] | None) -> Sequence[T]:
    """Messages, parts of one, or tools: of more than anybody needs, the first ones and the last ones."""
    if parts is None:
        return ()
    return parts if len(parts) <= _MOST_PARTS else parts[: _MOST_PARTS // 2] + parts[-_MOST_PARTS // 2 :]


def joined(content: str | list[Text] | None) -> str:
    """The text of a content field in either of its forms."""
    if not content:
        return ""
    if isinstance(content, str):
        return content
    if len(content) == 1:
        return content[0].text or ""
    return "\n".join([part.text for part in ends(content) if part.text])


def attached(content: str | list[Text] | None) -> list[msgspec.Raw]:
    """What is no text in a content field."""
    if not content or isinstance(content, str):
        return []
    return [raw for part in ends(content) if not part.text for raw in attached_to(part)]


def attached_to(part: Text) -> Sequence[msgspec.Raw]:
    """The same of one part."""
    found = part.source, part.image_url, part.input_audio, part.file, part.file_data, part.file_id
    return () if found == _NOTHING else [raw for raw in found if raw is not ABSENT]


def names(schema: Schema | None) -> tuple[str, ...]:
    """The parameters that a tool's schema names."""
    return () if schema is None or schema.properties is None else tuple(schema.properties)


def form(asked: msgspec.Raw) -> bytes:
    """As `Conversation.form` has it, of the parameter that may hold a schema; JSON of any form is none."""
    written = bytes(asked)
    return written[:_LONGEST_VALUE] if b'"properties"' in written else b""


def sampling(values: Iterable[msgspec.Raw | int | bool | None]) -> bytes:
    """As `Conversation.sampling` has it; what is absent keeps its place."""
    return b",".join([b"" if value is ABSENT or value is None else _written(value) for value in values])


def _written(value: msgspec.Raw | int | bool) -> bytes:
    return bytes(value)[:_LONGEST_VALUE] if isinstance(value, msgspec.Raw) else b"%d" % value


_NOTHING = (ABSENT,) * 6
_MOST_PARTS = 4096
_LONGEST_VALUE = 1024
"""Bytes of one parameter that count: a response's schema may be long."""
