"""Owns what of a request is input text, how many tokens it has and what of it a prompt cache remembers.

Written apart from `proxy.dialects` on purpose: a mock that shared the proxy's reading would share its mistakes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from proxy.simulate.mock.script import BYTES_PER_TOKEN, tokens_of

_NO_TEXT = frozenset(
    {
        "cache_control",
        "call_id",
        "data",
        "detail",
        "encrypted_content",
        "file_data",
        "file_id",
        "id",
        "media_type",
        "role",
        "signature",
        "status",
        "tool_call_id",
        "tool_use_id",
        "type",
    }
)
"""Keys whose values are not read to the model as text."""


def text_of(value: object) -> str:
    """Every text within a JSON value, one after the other."""
    return "".join(_texts(value))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        if not value.startswith("data:"):
            yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _NO_TEXT:
                yield from _texts(item)


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the prompt, at whose end a cached prefix may end."""

    text: bytes
    marked: bool = False
    """A cache breakpoint stands at its end."""


def segment(value: object, marked: bool = False) -> Segment:
    return Segment(text_of(value).encode("utf-8", "surrogatepass"), marked)


@dataclass(frozen=True, slots=True)
class Input:
    """Input tokens in the Anthropic sense: the three add up to the whole prompt."""

    fresh: int
    cache_read: int = 0
    cache_creation: int = 0

    @property
    def total(self) -> int:
        return self.fresh + self.cache_read + self.cache_creation


class PrefixCache:
    """Remembers prompts' prefixes by their hashes; the longest unused go first."""

    def __init__(self, capacity: int = 10_000) -> None:
        self._capacity = capacity
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def marked(self, scope: str, segments: Sequence[Segment]) -> Input:
        """Reads the longest known prefix up to the last breakpoint and writes every breakpoint (Anthropic's way)."""
        prefixes = _prefixes(scope, segments)
        total = tokens_of(prefixes[-1][1]) if prefixes else 0
        last = max((index for index, part in enumerate(segments) if part.marked), default=-1)
        if last < 0:
            return Input(total)
        read = self._longest(prefixes[: last + 1]) // BYTES_PER_TOKEN
        for index in range(last + 1):
            if segments[index].marked:
                self._remember(prefixes[index][0])
        return Input(total - prefixes[last][1] // BYTES_PER_TOKEN, read, prefixes[last][1] // BYTES_PER_TOKEN - read)

    def automatic(self, scope: str, segments: Sequence[Segment], least: int = 1024, step: int = 128) -> Input:
        """Reads the longest known prefix of at least `least` tokens, in whole `step`s; writes all (OpenAI's way)."""
        prefixes = _prefixes(scope, segments)
        total = tokens_of(prefixes[-1][1]) if prefixes else 0
        read = self._longest(prefixes) // BYTES_PER_TOKEN // step * step
        for digest, size in prefixes:
            if size >= least * BYTES_PER_TOKEN:
                self._remember(digest)
        return Input(total - read, read)

    def _longest(self, prefixes: Sequence[tuple[bytes, int]]) -> int:
        return next((size for digest, size in reversed(prefixes) if digest in self._seen), 0)

    def _remember(self, digest: bytes) -> None:
        self._seen[digest] = None
        self._seen.move_to_end(digest)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)


def _prefixes(scope: str, segments: Sequence[Segment]) -> list[tuple[bytes, int]]:
    """The hash and the size in bytes of every prefix; `scope` keeps models and keys apart."""
    state = blake2b(scope.encode("utf-8", "surrogatepass"), digest_size=16)
    size = 0
    prefixes = []
    for part in segments:
        state.update(len(part.text).to_bytes(8, "big"))
        state.update(part.text)
        size += len(part.text)
        prefixes.append((state.copy().digest(), size))
    return prefixes
