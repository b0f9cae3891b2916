"""Owns the tree of faults. A denial is a value (`admission.store.Denied`), never one of these.

StillgateError
├── UsageError        what the operator asked for cannot be done; the message says what to do instead
├── PolicyError       a policy that does not load; carries every issue with its position
├── DialectError      a body or stream that its wire format does not allow
├── StoreError        the bucket store did not answer, or not in time
├── NotKeptError      an operator's word that holds now, and is not where it would outlast the process
└── UpstreamError     the model API did not answer as HTTP asks
    ├── UnreachableError
    ├── MalformedAnswerError
    └── UpstreamTimeoutError
"""

from __future__ import annotations


class StillgateError(Exception):
    """Any fault that stillgate raises itself; its text is fit to show to an operator."""


class UsageError(StillgateError):
    """A command line or setting that cannot work; says what to do instead."""


class DialectError(StillgateError):
    """Bytes that are not what their wire format allows."""


class StoreError(StillgateError):
    """The bucket store failed or did not answer in time; nothing is known of what it did."""


class NotKeptError(StillgateError):
    """What an operator said is in force, but could not be written down where it would outlast this process."""


class UpstreamError(StillgateError):
    """The upstream broke off before it had answered, or in the midst of it. `kind` is the metric's label."""

    kind = "unanswered"


class UnreachableError(UpstreamError):
    """There is no connection to the upstream."""

    kind = "unreachable"


class MalformedAnswerError(UpstreamError):
    """The head of its answer is none, or none that can be passed on."""

    kind = "malformed"


class UpstreamTimeoutError(UpstreamError):
    """The upstream took longer than the settings allow."""

    kind = "timeout"
