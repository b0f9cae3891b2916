"""Owns what was asked before, by whom, and whether it was refused: echoes, handovers and repeats.

Works on hashes of whole conversations. What many have asked is nobody's echo. Knows no template and no rule.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from proxy.detect.payers import Payer
from proxy.events.content import Content
from proxy.events.event import Asked
from proxy.generations import Generations

ECHO_US = 15 * 60 * 1_000_000
"""A request that was refused is picked up within this time, or it is another story: a pool takes seconds to minutes,
and the longer one waits, the likelier somebody else asks the same by chance."""
TEST_US = 2 * 60 * 60 * 1_000_000
"""The same for what a verdict refused, which is so seldom that few could ask the same by chance: some pools wait."""
AT_ONCE_US = 10 * 1_000_000
"""Within this time a program draws several answers to one question; unrelated people never ask the same so soon."""
_TELLING_BYTES = 32
"""Shorter first turns ('Hi') are everybody's."""
_KEPT = 400_000
_TESTED = 20_000
_FAILING = 50_000


class Relation(StrEnum):
    """How a request stands to those before it."""

    NEW = "new"
    """The opening of a conversation that nobody has had."""
    CONTINUES = "continues"
    """The next turn of the payer's own conversation."""
    REPEATS = "repeats"
    """The payer asks again what it asked before."""
    RETRIES = "retries"
    """The payer asks again what it asked before and was refused; or anybody does whom the upstream failed to answer."""
    CAME_BACK = "came_back"
    """The payer asks again, under the same account, what a verdict refused it, as clients do."""
    ROUTED = "routed"
    """The same under another account of its own, where a verdict refused it: speaks neither for a pool nor against."""
    SECOND = "second"
    """One other payer, and nobody else so far, has asked just this."""
    AT_ONCE = "at_once"
    """The same, within seconds of the other one."""
    SHARED = "shared"
    """Several others have."""
    SIMILAR = "similar"
    """Not just this, but most of its words have been another payer's alone, who was answered."""
    ECHO = "echo"
    """Somebody else has asked just this and was refused, a short time ago."""
    TESTED_ECHO = "tested_echo"
    """The same, where a verdict refused it: whom that meets is not of their own doing."""
    HANDOVER = "handover"
    """The next turn of a conversation that another payer had alone."""


class Conversation(Struct, gc=False):
    """One state of a conversation: who asked it last."""

    group: int
    account: int
    """By number."""
    at_us: int
    refused: bool
    tested: bool
    """It was a verdict that refused it."""
    many: bool = False
    """More than one payer has asked it who had not been refused."""
    cluster: int = 0
    """By number: the one that it, or a turn before it, is of; 0 for none."""


class Conversations:
    """The conversations that are remembered, bounded by count."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._asked: Generations[int, Conversation] = Generations(kept)
        self._tested: Generations[int, tuple[int, int]] = Generations(_TESTED)
        """Whom verdicts have refused a question, and when."""
        self._failed: Generations[int, int] = Generations(_FAILING)
        """By account's number: when the upstream last failed to answer it."""

    def __len__(self) -> int:
        return len(self._asked)

    def meet(self, content: Content, payer: Payer, asked: Asked) -> tuple[Relation, int]:
        """How a request of a payer stands to those before it, and to whose; then remembers it."""
        at_us, refused, tested = asked.moment_us, asked.refused, asked.by_verdict
        group = payer.group
        if content.asked == 0 or (content.turns <= 1 and content.ask_bytes < _TELLING_BYTES):
            return Relation.NEW, 0
        # With its system prompt: the same question to another assistant is another request.
        key = content.asked ^ content.system
        before = self._asked.get(key)
        if before is None:
            self._asked.put(key, Conversation(group, payer.number, at_us, refused, tested))
            relation, whose = self._first(content, group, at_us)
        else:
            failed = 0 <= (self._failed.get(before.account) or 0) - before.at_us <= ECHO_US
            relation, whose = _again(before, payer, at_us, failed=failed)
            if before.group != group and not before.refused:
                before.many = True
            before.group, before.account, before.at_us = group, payer.number, at_us
            before.refused, before.tested = refused, tested
        if tested:
            self._tested.put(_question(content), (group, at_us))
        return relation, whose

    def failed(self, payer: Payer, at_us: int) -> None:
        """Remembers that the upstream failed to answer a payer: what it asked shortly before is to be asked again."""
        self._failed.put(payer.number, at_us)

    def enters(self, content: Content, cluster: int) -> bool:
        """Notes of which cluster a request is; whether the turn before it was of another one, or of none."""
        before = self._asked.get(content.continues ^ content.system) if content.continues else None
        if (here := self._asked.get(content.asked ^ content.system)) is not None:
            here.cluster = cluster or (0 if before is None else before.cluster)
        return before is not None and before.cluster != cluster

    def _first(self, content: Content, group: int, at_us: int) -> tuple[Relation, int]:
        """What nobody has asked under this system prompt."""
        if (elsewhere := self._tested.get(_question(content))) is not None:
            whose, refused_us = elsewhere
            if whose != group and at_us - refused_us <= ECHO_US:
                return Relation.TESTED_ECHO, whose
        return self._continued(content, group)

    def _continued(self, content: Content, group: int) -> tuple[Relation, int]:
        if content.continues == 0 or (before := self._asked.get(content.continues ^ content.system)) is None:
            return Relation.NEW, 0
        if before.group == group:
            return Relation.CONTINUES, group
        return (Relation.NEW, 0) if before.many else (Relation.HANDOVER, before.group)


def _question(content: Content) -> int:
    """With its sampling parameters: a pool's accounts may each have a system prompt, but one program sends for all."""
    return content.asked ^ content.shape


def _again(before: Conversation, payer: Payer, at_us: int, *, failed: bool) -> tuple[Relation, int]:
    if before.group == payer.group:
        if before.tested:
            return (Relation.CAME_BACK if before.account == payer.number else Relation.ROUTED), payer.group
        return (Relation.RETRIES if before.refused or failed else Relation.REPEATS), payer.group
    if before.refused and not before.many and at_us - before.at_us <= (TEST_US if before.tested else ECHO_US):
        return (Relation.TESTED_ECHO if before.tested else Relation.ECHO), before.group
    if failed:
        return Relation.RETRIES, before.group
    if before.many:
        return Relation.SHARED, before.group
    return (Relation.AT_ONCE if at_us - before.at_us <= AT_ONCE_US else Relation.SECOND), before.group
