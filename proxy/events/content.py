"""Owns what the content of a request leaves behind: keyed hashes and sketches, never a byte of it. Pure data.

Hashes are 60 bits under the deployment's hash key; 0 stands for 'absent'. Only hashes made under one key can meet.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Target(StrEnum):
    """What a request's wording asks for that is worth training on. A weight, never a proof: each has benign uses."""

    REASONING = "reasoning-traces"  # write out the thinking that is otherwise not shown
    GRADING = "rubric-grading"  # score or compare answers by a rubric
    CLEANING = "trajectory-cleaning"  # rewrite, translate or tidy harvested traces
    TOOLS = "agentic-tools"  # tool definitions, tool results
    CODE = "software-engineering"


TARGETS = tuple(Target)
"""`Content.targets` has bit N set where TARGETS[N] is asked for."""


class Content(Struct, frozen=True, gc=False, omit_defaults=True):
    """The sketch of one request."""

    pieces: tuple[int, ...] = ()
    """Sampled shingles of four words (letters only, case folded): of the system prompt and the tools, the opening of
    the first user turn, the end of the last one, and of all user text. The same words give the same pieces wherever
    they stand, so an injected prefix meets itself inside longer prompts. `system` and `tools` are pieces, too.
    At most 76, distinct."""
    asked: int = 0
    """The whole conversation: system prompt left out, every turn in."""
    continues: int = 0
    """`asked` of the request that this one continues: the turns before the last answer. 0 for a first turn."""
    system: int = 0
    """The system prompt, letters only, case folded."""
    tools: int = 0
    """The tool definitions: names and parameter names, in any order."""
    shape: int = 0
    """The sampling parameters: which are set, and to what."""
    turns: int = 0
    """Messages of the conversation."""
    tool_results: int = 0
    """Messages that carry results of tools."""
    targets: int = 0
    """Bit set over TARGETS."""
    script: int = 0
    """The writing of the last user turn by its first letter beyond ASCII: the code point divided by 256; 0: ASCII."""
    ask_bytes: int = 0
    """Length of the last user turn's text."""
    signatures: tuple[int, ...] = ()
    """Reasoning signatures that the request carries, each under every name that an answer's log may give it."""
