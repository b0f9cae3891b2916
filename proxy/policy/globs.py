"""Owns the meaning of patterns: `*` is any text, `?` is any one character, and everything else is itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache


def glob_regex(pattern: str, any_char: str = ".") -> str:
    """A regular expression for the whole of a text that takes linear time, however many stars the pattern has.

    Between two stars stands text of fixed length, so its first occurrence is as good as any later one; the atomic
    groups forbid trying those. Texts come from clients, so the backtracking of `.*a.*a.*a` would be theirs to exploit.
    """
    first, *others = (_fixed(part, any_char) for part in re.split(r"\*+", pattern))
    if not others:
        return f"(?s:{first})"
    *middle, last = others
    return f"(?s:{first}{''.join(f'(?>.*?{part})' for part in middle)}.*{last})"


def _fixed(part: str, any_char: str) -> str:
    return any_char.join(map(re.escape, part.split("?")))


@lru_cache(maxsize=4096)
def globs_meet(one: str, other: str) -> bool:
    """Whether some text fits both patterns. Takes time in proportion to the product of their lengths."""
    pending = [(0, 0)]
    seen = set(pending)
    while pending:
        at, there = pending.pop()
        if at == len(one) and there == len(other):
            return True
        for place in _steps(one[at : at + 1], other[there : there + 1]):
            following = at + place[0], there + place[1]
            if following not in seen:
                seen.add(following)
                pending.append(following)
    return False


def _steps(char: str, other: str) -> tuple[tuple[int, int], ...]:
    """How far a walk along two patterns may go on; '' is the end of one."""
    if "*" in (char, other):
        # A star takes one more of what the other pattern asks for, or nothing more.
        return tuple(step for step, ahead in (((1, 0), char), ((0, 1), other)) if ahead)
    return ((1, 1),) if char and other and (char == other or "?" in (char, other)) else ()


def text_test(patterns: Iterable[str]) -> Callable[[str], bool]:
    """Whether a text fits any of the patterns, as fast as they allow."""
    exact = frozenset(pattern for pattern in patterns if "*" not in pattern and "?" not in pattern)
    globs = sorted(set(patterns) - exact)
    if "*" in globs:
        return lambda text: True
    if not globs:
        return exact.__contains__
    fits = re.compile("|".join(map(glob_regex, globs))).fullmatch
    return lambda text: text in exact or fits(text) is not None
