"""Owns the making of `Content` out of a conversation, in microseconds: what is left of a request's text.

All zones of text are put into one buffer and hashed in one go. The opening and the end of what the user says are zones
of their own, so that a wrapper of one sentence is in the sample as surely as one of twenty; they are cut by words, so
that punctuation moves nothing. Knows no dialect and no campaign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

import msgspec

from proxy.dialects.conversation import MODEL, USER, Conversation, Tool, Turn
from proxy.events.content import Content
from proxy.events.signatures import SignatureIds
from proxy.events.wording import CODE, TOOLS, Wording, has_code_block
from proxy.sketch import WIDTH, Hashes, TextHash, Words, smallest

HALF_ZONE = 8 * 1024
"""Bytes of a long text's head, and as many of its tail, that are sampled."""
_TOOLS_ZONE = 2 * 1024
_DESCRIPTION = 160
"""Characters of a tool's description that are sampled."""
_WHOLE = 512
"""Characters up to which a turn is hashed as it is; of a longer one its ends are, and a checksum of all of it."""
_END = 256
_EDGE = 40
"""Words of the opening and of the end of what the user says, where wrappers are."""
_TELLING = 160
"""Words of the system prompt, the opening and the end that tell what is asked for."""
_BEYOND_ASCII = re.compile(r"[^\W\d_\x00-\x7f]")
_SEARCHED = 2048
_encode = msgspec.json.Encoder().encode


class Sketcher:
    """Sketches under one key. Pure."""

    def __init__(self, hash_key: bytes, *, foreign_names: bool = False) -> None:
        """`foreign_names`: see `SignatureIds`; not for the path of requests."""
        self._texts = TextHash(hash_key, 4 * HALF_ZONE + _TOOLS_ZONE + 64)
        self._wording = Wording(self._texts)
        self._signatures = SignatureIds(self._texts, foreign_names=foreign_names)

    def content(self, conversation: Conversation) -> Content:
        """The sketch. Never raises, whatever the text."""
        turns, tools = conversation.turns, conversation.tools
        said = [turn.text for turn in turns if turn.text and turn.role == USER]
        zones = _Zones(self._texts, conversation.system, said, tools)
        asked, continues = self._chained(turns)
        tool_results = sum([turn.has_results for turn in turns])
        last = said[-1] if said else ""
        words = zones.words.hashes[: zones.user]
        system = self._texts.exact(words.tobytes()) if len(words) else 0
        tool_hash = self._tools(tools) if tools else 0
        return Content(
            pieces=self._pieces(zones, system, tool_hash),
            asked=asked,
            continues=continues,
            system=system,
            tools=tool_hash,
            shape=self._texts.exact(conversation.sampling) if conversation.sampling.strip(b",") else 0,
            turns=len(turns),
            tool_results=tool_results,
            targets=self._targets(zones) | (TOOLS if tools or tool_results else 0),
            script=_script(last),
            ask_bytes=len(last) if last.isascii() else len(last.encode("utf-8", "surrogatepass")),
            signatures=self._signatures.carried(conversation.signatures) if conversation.signatures else (),
        )

    def signature_ids(self, names: Iterable[str | int]) -> tuple[int, ...]:
        """What an answer's log calls the signatures that it issued, as `Content.signatures` has them; ids stay ids."""
        return self._signatures.issued(names)

    def _pieces(self, zones: _Zones, system: int, tool_hash: int) -> tuple[int, ...]:
        user, tools, end = zones.user, zones.tools, zones.end
        if tools - user <= _EDGE:
            samples = [(0, user, 12), (user, tools, 20), (tools, end, 4)]
        else:
            opening, closing = min(user + _EDGE, zones.first_end), max(tools - _EDGE, zones.last_start)
            samples = [(0, user, 12), (user, opening, 8), (closing, tools, 8), (user, tools, 8), (tools, end, 4)]
        found: list[int] = []
        for start, stop, count in samples:
            if stop - start >= WIDTH:
                found += smallest(zones.shingles[start : stop - WIDTH + 1], count)
            elif stop - start >= 2:
                found.append(self._texts.short(zones.words, start, stop))
        return tuple(set(found))

    def _chained(self, turns: Sequence[Turn]) -> tuple[int, int]:
        """The hash of all turns, and that of the turns before the last answer; 0 for none."""
        before = _before_last_answer(turns)
        if not before:
            return self._texts.exact(_written(turns)) if turns else 0, 0
        chain = self._texts.chain()
        chain.feed(_written(turns[:before]))
        continues = chain.value()
        chain.feed(_written(turns[before:]))
        return chain.value(), continues

    def _tools(self, tools: Sequence[Tool]) -> int:
        return self._texts.exact(_encode(sorted([(tool.name, sorted(tool.parameters)) for tool in tools])))

    def _targets(self, zones: _Zones) -> int:
        user, tools = zones.user, zones.tools
        spans = [(0, min(user, _TELLING)), (user, min(tools, user + _TELLING))]
        if tools - user > _TELLING:
            spans.append((tools - _TELLING, tools))
        pairs = None if zones.text.isascii() else self._texts.pairs(zones.words)
        found = self._wording.targets(zones.words, spans, pairs)
        return found | CODE if has_code_block(zones.text) else found


class _Zones:
    """The sampled text: the system prompt, then all that the user says, then the tools; zones as indices of words."""

    __slots__ = ("end", "first_end", "last_start", "shingles", "text", "tools", "user", "words")

    def __init__(self, texts: TextHash, system: str, said: Sequence[str], tools: Sequence[Tool]) -> None:
        told = _clipped(system)
        asks = [_clipped(text) for text in said]
        ask = asks[0] if len(asks) == 1 else _halves(b"\n".join(asks))
        user = len(told) + 1
        ends = user + len(ask) + 1
        first_end, last_start = (user + len(asks[0]), ends - 1 - len(asks[-1])) if asks else (user, user)
        self.text = b"\n".join((told, ask, _sampled(tools))) if tools else b"\n".join((told, ask))
        self.words: Words = texts.words(self.text)
        self.shingles: Hashes = texts.shingles(self.words)
        bounds = self.words.starts.searchsorted((user, first_end, last_start, ends)).tolist()
        self.user, self.first_end, self.last_start, self.tools = bounds
        self.end = len(self.words.starts)
        self.first_end = min(self.first_end, self.tools)
        self.last_start = max(self.last_start, self.user)


def _clipped(text: str) -> bytes:
    """Its head and tail in UTF-8, case folded beyond ASCII (what is ASCII is folded with the rest)."""
    if len(text) > 2 * HALF_ZONE:
        text = f"{text[:HALF_ZONE]}\n{text[-HALF_ZONE:]}"
    if text.isascii():
        return text.encode()
    return _halves(text.casefold().encode("utf-8", "surrogatepass"))


def _halves(text: bytes) -> bytes:
    return text if len(text) <= 2 * HALF_ZONE + 1 else b"%b\n%b" % (text[:HALF_ZONE], text[-HALF_ZONE:])


def _sampled(tools: Sequence[Tool]) -> bytes:
    parts: list[str] = []
    room = _TOOLS_ZONE
    for tool in tools:
        parts.append(f"{tool.name[:_DESCRIPTION]}\n{tool.description[:_DESCRIPTION]}")
        room -= len(parts[-1])
        if room < 0:
            break
    return "\n".join(parts).casefold().encode("utf-8", "surrogatepass")[:_TOOLS_ZONE]


def _before_last_answer(turns: Sequence[Turn]) -> int:
    """How many turns stand before the model's last ones."""
    end = len(turns)
    while end and turns[end - 1].role != MODEL:
        end -= 1
    while end and turns[end - 1].role == MODEL:
        end -= 1
    return end


def _written(turns: Sequence[Turn]) -> bytes:
    parts: list[str] = []
    for turn in turns:
        parts.append(f"{turn.role}{len(turn.text)}:{len(turn.results)}:")
        if turn.text:
            parts.append(turn.text if len(turn.text) <= _WHOLE else _summary(turn.text))
        if turn.results:
            parts.append(turn.results if len(turn.results) <= _WHOLE else _summary(turn.results))
        parts += [f"{crc32(raw)}:" for raw in turn.attached]
    return "".join(parts).encode("utf-8", "surrogatepass")


def _summary(text: str) -> str:
    return f"{text[:_END]}{text[-_END:]}{crc32(text.encode('utf-8', 'surrogatepass'))}"


def _script(text: str) -> int:
    if text.isascii():
        return 0
    letter = _BEYOND_ASCII.search(text, 0, _SEARCHED)
    return ord(letter[0]) // 256 if letter else 0
