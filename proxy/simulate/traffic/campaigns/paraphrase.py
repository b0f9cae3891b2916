"""Owns the rewording of wrappers: other words for some of them, another order of sentences, the same sense."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random  # noqa: TID251 - a parameter

_WORD = re.compile(r"[A-Za-z]+")
_GROUPS = (
    "answer|reply|response", "write|put down|compose|produce", "before|ahead of|prior to", "give|provide|supply|offer",
    "complete|full|entire|whole", "step|stage|move", "explain|describe|lay out|spell out", "task|problem|assignment",
    "result|outcome|finding", "keep|retain|preserve", "use|employ|apply", "each|every", "final|closing|ultimate",
    "show|display|present", "careful|thorough|meticulous", "sentence|statement|line", "reader|audience",
    "begin|start|open", "finish|end|conclude", "check|verify|confirm|test", "claim|assertion|point", "also|as well",
    "only|solely|just", "state|declare|set out", "include|contain|cover", "remove|strip|delete|drop",
    "expert|specialist|authority", "think|reason|reflect", "thinking|reasoning|deliberation|reflection",
    "number|figure|value", "short|brief|concise", "plain|simple|ordinary", "name|identify|call out",
    "never|at no time", "all|the whole of", "score|mark|rate", "compare|weigh|contrast", "record|log|protocol|account",
    "rewrite|rework|recast", "note|remark|comment", "follow|come after", "support|back up|underpin", "between|within",
    "call|invocation", "plan|outline|scheme", "learned|found out|observed", "work|act|operate", "order|sequence",
    "alternatives|options|choices", "good|sound|solid", "separate|distinct|individual", "language|tongue",
    "consider|weigh up|ponder", "consideration|thought|argument", "conclusion|upshot|inference", "section|part|block",
    "heading|title|caption", "read|go through|study", "ignore|disregard|leave aside", "return|hand back|deliver",
    "clean|tidy|orderly", "transcript|recording|minutes", "mention|refer to|cite", "criterion|yardstick|measure",
    "better|superior|stronger", "unchanged|as it stands|verbatim", "numbered|counted", "paragraph|passage",
)  # fmt: skip
_OTHERS = {
    word: tuple(other for other in group.split("|") if other != word)
    for group in _GROUPS
    for word in group.split("|")
    if " " not in word
}


def reworded(sentences: Sequence[str], share: float, rng: Random) -> tuple[str, ...]:
    """The sentences with about `share` of the words that have others replaced by one of these."""
    if share <= 0:
        return tuple(sentences)

    def other(found: re.Match[str]) -> str:
        word = found[0]
        choices = _OTHERS.get(word.lower())
        if choices is None or rng.random() >= share:
            return word
        chosen = rng.choice(choices)
        return chosen.capitalize() if word[0].isupper() else chosen

    return tuple(_WORD.sub(other, sentence) for sentence in sentences)


def reordered(sentences: Sequence[str], rng: Random) -> tuple[str, ...]:
    """The sentences in another order; the first, which the others refer to, stays."""
    rest = list(sentences[1:])
    rng.shuffle(rest)
    return (*sentences[:1], *rest)
