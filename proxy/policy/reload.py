"""Owns the policy in force: loads it, replaces it by a good one, keeps it when the new one is bad.

A process that takes another one's place begins with the last that was good there (`LastGood`). The polling, the signals
and the clock are the caller's; `signature` tells cheaply whether a reload may be worth it.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.policy.files import FileFaultError, FileSign, policy_files, signs
from proxy.policy.issues import Code, Issue, PolicyError, Position
from proxy.policy.last_good import LastGood
from proxy.policy.load import Attempt, Source, attempt
from proxy.policy.match import Policy

_TRIES = 3
"""A swap between two reads is seen and read again; files that keep changing are refused."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Another policy is in force."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The files hold what is in force already."""

    policy: Policy


@dataclass(frozen=True, slots=True)
class Refused:
    """What the files hold cannot be served; the old policy stays in force."""

    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """How the policy in force stands to the files."""

    sha256: str
    """Of the policy in force."""
    loaded_at_us: int
    """When it was taken into force, microseconds since the epoch."""
    success: bool
    """Whether the last attempt found the files fit to serve."""
    issues: tuple[Issue, ...]
    """What the last attempt was refused for; empty after a success."""


class PolicySource:
    """The policy at a path. `load` comes first; nothing else is of use before it has succeeded."""

    def __init__(self, path: str, last_good: LastGood | None = None) -> None:
        self.path = path
        self._last_good = last_good
        self._files: tuple[str, ...] = ()
        self._current: Policy | None = None
        self._status: Status | None = None

    @property
    def current(self) -> Policy:
        """The policy in force."""
        assert self._current is not None, "load() comes first"
        return self._current

    @property
    def status(self) -> Status:
        assert self._status is not None, "load() comes first"
        return self._status

    def load(self, now_us: int) -> Policy:
        """The first policy. PolicyError where the files cannot be served, and none is known that was good."""
        tried = self._attempt()
        if tried.policy is not None:
            self._take(tried.policy, tried.source, now_us)
        elif self._last_good is not None and (policy := self._last_good.recalled()) is not None:
            self._current = policy
            self._status = Status(policy.sha256, now_us, False, tried.issues)
        else:
            raise PolicyError(tried.issues)
        return self.current

    def reload(self, now_us: int) -> Reloaded | Unchanged | Refused:
        """Reads the files again. A refusal leaves `current` as it is."""
        current, status = self.current, self.status
        tried = self._attempt()
        if tried.policy is None:
            self._status = Status(status.sha256, status.loaded_at_us, False, tried.issues)
            return Refused(tried.issues)
        if (tried.policy.sha256, tried.policy.files) == (current.sha256, current.files):
            self._status = Status(status.sha256, status.loaded_at_us, True, ())
            return Unchanged(current)
        self._take(tried.policy, tried.source, now_us)
        return Reloaded(tried.policy)

    def signature(self) -> tuple[FileSign, ...]:
        """Differs from an earlier one where a file was changed, added, removed or swapped. Reads no file.

        To miss nothing, a poller remembers the signature that it took before a reload, not one taken after it.
        """
        try:
            files = policy_files(self.path)
        except FileFaultError:
            files = []
        return signs(dict.fromkeys((*files, *self._files)))

    def _take(self, policy: Policy, source: Source | None, now_us: int) -> None:
        self._current = policy
        self._status = Status(policy.sha256, now_us, True, ())
        if self._last_good is not None and source is not None:
            self._last_good.keep(source)

    def _attempt(self) -> Attempt:
        for _ in range(_TRIES):
            before = self.signature()
            tried = attempt(self.path)
            if self.signature() == before:
                self._files = tried.files
                return tried
        message = "the files changed while they were read; the next reload takes them"
        issue = Issue.error(Position(self.path), Code.CHANGED_WHILE_READ, message)
        return Attempt(None, (issue,), self._files)
