"""Owns the meaning of patterns: `*` is any text, `?` is any one character, and everything else is itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable


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
