"""Owns the one reading of a request's body, whatever it holds: what it asks for, and what was said. Never fails."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from proxy.dialects.conversation import Conversation
from proxy.dialects.dialect import Dialect
from proxy.dialects.llm import LONGEST_NAME, OPAQUE, LlmRequest
from proxy.errors import DialectError


class Read(Struct, frozen=True, gc=False):
    """What a body says."""

    request: LlmRequest
    """With a pseudonym in place of the end user's name."""
    conversation: Conversation | None = None
    """None where nobody wants it, or there is nothing to read."""
    unheard: bool = False
    """It has a conversation that was wanted and could not be read: the whole is unreadable, or too much was ill-typed,
    or its values were too many."""
    unreadable: bool = False
    """It is not what its dialect asks for, or calls its model by an endless name: nobody knows which one it is for."""


def read_body(
    dialect: Dialect, target: str, body: bytes | None, pseudonym: Callable[[str], str], *, with_conversation: bool
) -> Read:
    """What the body of a request to `target` says; None is a body that nobody reads."""
    path = target.partition("?")[0]
    if body is None:
        # As the exchange log has it: what has no body counts against request, concurrency and access rules only.
        return Read(LlmRequest(OPAQUE, path))
    conversation = None
    try:
        if with_conversation:
            request, conversation = dialect.read(path, body)
        else:
            request = dialect.parse(path, body)
        _check_name(request)
    except DialectError:
        # Counted like any other, by the size of its body. Where the policy depends on what it says, whoever forwards
        # refuses it: an upstream that reads what is not read here would serve what no rule has seen.
        is_opaque = dialect.name == OPAQUE
        request = LlmRequest(dialect.name, path, text_bytes=0 if is_opaque else len(body))
        return Read(request, unheard=with_conversation and not is_opaque, unreadable=True)
    if request.end_user is not None:
        request = replace(request, end_user=pseudonym(request.end_user))
    return Read(request, conversation, with_conversation and conversation is None and request.dialect != OPAQUE)


def _check_name(request: LlmRequest) -> None:
    """To cut it would let a rule overlook the end that it is about."""
    if request.model is not None and len(request.model) > LONGEST_NAME:
        raise DialectError(f"a model's name of more than {LONGEST_NAME} characters")
