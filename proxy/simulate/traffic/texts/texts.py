"""Owns where prompts come from: families of real ones where a directory of them is given, and built-in generators.

Every choice is the caller's Random's; the same corpora and the same Random give the same prompts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Protocol

from proxy.errors import UsageError
from proxy.simulate.traffic.texts.built_in import BUILT_IN, REMARKS
from proxy.simulate.traffic.texts.corpus import read_family
from proxy.simulate.traffic.texts.prompt import Prompt

_NUMBER = re.compile(r"[0-9]+")


class Source(Protocol):
    """A family of prompts."""

    @property
    def kinds(self) -> frozenset[str]: ...

    def draw(self, rng: Random) -> Prompt: ...

    def deal(self, rng: Random) -> Iterator[Prompt]: ...


class Texts:
    """The families by name. Kinds: `attack` (worth training on) and `benign` (as customers ask; a family may be both),
    and what it is about: `math`, `code`, `tools`, `chat`, `writing`, `batch`, `judging`, `abroad`, `real`."""

    def __init__(self, families: dict[str, Source]) -> None:
        self._families = families

    @classmethod
    def open(cls, corpora: Path | None = None) -> Texts:
        """The built-in families and, from `corpora`/attack and `corpora`/benign, one a file. UsageError: unreadable."""
        families: dict[str, Source] = dict(BUILT_IN)
        if corpora is not None and not corpora.is_dir():
            raise UsageError(f"{corpora}: is not a directory of prompts")
        for kind in ("attack", "benign") if corpora is not None else ():
            for path in sorted((Path(corpora or "") / kind).glob("*.jsonl")):
                prompts = read_family(path)
                if prompts:
                    families[path.stem] = Corpus(prompts, kind)
        return cls(families)

    def families(self, *kinds: str) -> list[str]:
        """Names of the families that have all these kinds, sorted."""
        wanted = set(kinds)
        return sorted(name for name, family in self._families.items() if wanted <= family.kinds)

    def draw(self, family: str, rng: Random) -> Prompt:
        """One prompt of the family, drawn for itself; may come again. KeyError: no such family."""
        return self._families[family].draw(rng)

    def deal(self, family: str, rng: Random) -> Iterator[Prompt]:
        """Every prompt once in random order; real families go on with variations of theirs, so that it never ends."""
        return self._families[family].deal(rng)

    def remark(self, rng: Random) -> str:
        """A sentence or three, such as a model's answer or a person's next turn has."""
        return " ".join(REMARKS.draw(rng) for _ in range(1 + int(rng.random() * 3)))


@dataclass(frozen=True, slots=True)
class Corpus:
    """A family that was read."""

    prompts: list[Prompt]
    kind: str

    @property
    def kinds(self) -> frozenset[str]:
        """Its folder's, and what its first prompt shows."""
        first = self.prompts[0]
        shown = ("tools", bool(first.tools)), ("chat", bool(first.messages)), ("abroad", not first.text[:1].isascii())
        return frozenset({self.kind, "real"} | {name for name, has in shown if has})

    def draw(self, rng: Random) -> Prompt:
        """Any prompt of it."""
        return self.prompts[int(rng.random() * len(self.prompts))]

    def deal(self, rng: Random) -> Iterator[Prompt]:
        """Each prompt once, then again and again with other numbers and a remark in front."""
        order = list(range(len(self.prompts)))
        rng.shuffle(order)
        for at in order:
            yield self.prompts[at]
        while True:
            yield _varied(self.draw(rng), rng)


def _varied(prompt: Prompt, rng: Random) -> Prompt:
    text = _NUMBER.sub(lambda found: str(1 + int(rng.random() * 10 ** min(9, len(found[0])))), prompt.text)
    return Prompt(f"{REMARKS.draw(rng)} {text}", prompt.system, prompt.tools)
