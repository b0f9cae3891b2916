"""Owns what a fault of the bucket store is called: in our own words, without host, key or anything that Redis says."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

OUTAGES = frozenset({"timeout", "unreachable", "lost", "refused"})
_FAULTS = {
    "timeout": "the bucket store did not answer in time",
    "unreachable": "the bucket store cannot be reached",
    "lost": "the connection to the bucket store broke off",
    "refused": "the bucket store refused",
    "unsendable": "the call holds what cannot be sent",
    "closed": "the bucket store was closed",
}
_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (AuthenticationError, "the bucket store refused the login; check the user and the password"),
    (NoPermissionError, "the bucket store does not permit this user the commands or keys that stillgate needs"),
    (OutOfMemoryError, "the bucket store is out of memory"),
    (ReadOnlyError, "the bucket store is a replica that takes no writes"),
    (BusyLoadingError, "the bucket store is still loading its data"),
    (InvalidResponse, "what answers in the bucket store's place is not Redis, or none that runs stillgate's script"),
)


def told(kind: str, fault: Exception | None) -> str:
    """The text of a StoreError for a call that failed in the way `kind`, because of `fault` where that is known."""
    for cause, text in _CAUSES:
        if isinstance(fault, cause):
            return text
    if kind == "unreachable" and isinstance(fault, ResponseError):  # all that is asked there is the login and SELECT
        return "the bucket store has no such database"
    return _FAULTS[kind]
