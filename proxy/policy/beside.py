"""Owns that a large policy is built beside an event loop without holding it up: the other threads come first."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TURN_SECONDS = 0.0005
"""How long the event loop waits for its turn; by default ten times as long, and at each of an exchange's steps."""
_MANY = 20_000
"""Objects, which stay for as long as the policy: to go through them once takes some 10 ms."""


@contextmanager
def beside_others() -> Iterator[None]:
    """Within it, Python does not look for garbage in cycles, of which a policy has none: it would go through all that
    was built again and again, and everything stands still for so long. Nor does it look at a large policy afterwards.
    """
    turn, was_enabled = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(_TURN_SECONDS)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(turn)
        if gc.get_count()[0] > _MANY:
            gc.freeze()
        if was_enabled:
            gc.enable()


def let_go(pieces: list[Any]) -> None:
    """Takes apart what nobody needs any more: let go of as a whole, it would stop all threads for so long."""
    while pieces:
        pieces.pop()
