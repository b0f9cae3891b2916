"""Owns what can be wrong with a policy: the codes, and an issue with its position.

Knows no YAML and no rule of the language; whoever finds a fault says where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Self

from proxy.errors import StillgateError


class Severity(StrEnum):
    """An error keeps a policy from being served; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """Every kind of issue. The names are stable: scripts may rely on them."""

    explanation: str
    advice: str
    """What to do about it, where the explanation does not say."""

    def __new__(cls, value: str, explanation: str, advice: str = "") -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.explanation = explanation
        member.advice = advice
        return member

    MISSING_FILE = "missing-file", "The policy file or folder is not there."
    UNREADABLE_FILE = "unreadable-file", "The file is there but cannot be read, or is not a regular file."
    FILE_TOO_BIG = (
        "file-too-big",
        "A policy file may have 4 MiB, a list file 8 MiB.",
        "Put a policy's overrides in several files of one folder.",
    )
    EMPTY_FOLDER = "empty-folder", "The folder holds no *.yaml or *.yml file that is a policy."
    SEVERAL_POLICIES = "several-policies", "The folder holds complete policies (with a name); serve one of the files."
    CHANGED_WHILE_READ = "changed-while-read", "The files changed while they were read; the next reload takes them."

    NOT_UTF8 = "not-utf8", "Policies and lists are UTF-8."
    EMPTY_FILE = "empty-file", "The file has no content."
    YAML_SYNTAX = "yaml-syntax", "The file is not YAML."
    YAML_TAB = "yaml-tab", "YAML indents with spaces; a tab cannot stand here."
    YAML_TAG = "yaml-tag", "Tags such as !!int or !custom are not part of the language."
    SECOND_DOCUMENT = "second-document", "One file is one document; a `---` began another."
    MERGE_KEY = "merge-key", "`<<` is not read; give an alias for a whole value instead, or repeat the keys."
    TOO_DEEP = "too-deep", "Values are nested deeper than the language ever needs."
    RECURSIVE_ALIAS = "recursive-alias", "An alias stands within its own anchor."
    ALIAS_BOMB = "alias-bomb", "The aliases expand to more than a policy may hold."

    UNKNOWN_KEY = "unknown-key", "The language has no such key here."
    DUPLICATE_KEY = "duplicate-key", "The key is given twice."
    MISSING_KEY = "missing-key", "A required key is absent."
    BAD_KEY = "bad-key", "A key is a single word."
    WRONG_TYPE = "wrong-type", "A list, a mapping or a single value stands where another is expected."
    UNKNOWN_VALUE = "unknown-value", "The value is none of those that are allowed here."
    UNKNOWN_VERSION = "unknown-version", "This release reads version 1."
    BAD_TEXT = "bad-text", "Text is empty, too long, or has characters that cannot be shown."
    BAD_ID = "bad-id", "A name has letters, digits, `.`, `_` and `-`, at most 64, and begins with a letter or digit."
    BAD_NUMBER = "bad-number", "A number is like 100, 2.5, 40k or 5M."
    BAD_RATE = "bad-rate", "A rate is like 10/s, 50/min, 1k/h or 5M/day."
    BAD_BUDGET = "bad-budget", "A budget is like 5M/day or 100M/month."
    BAD_NETWORK = "bad-network", "A network is an address block like 203.0.113.0/24 or 2001:db8::/48."
    BAD_ADDRESS = "bad-address", "An address is like 203.0.113.7 or 2001:db8::7."
    BAD_PREFIX = "bad-prefix", "A prefix length is 1 to 32 for IPv4, 1 to 128 for IPv6."
    BAD_COUNTRY = "bad-country", "A country is two capital letters, as in ISO 3166-1."
    UNKNOWN_COUNTRY = "unknown-country", "No country had this code when this release was made."
    BAD_ASN = "bad-asn", "An autonomous system is a number from 1 to 4294967295, with or without AS."
    BAD_DATE = "bad-date", "A date is like 2026-10-01."
    BAD_GLOB = "bad-glob", "In a pattern, `*` stands for any text and `?` for one character; nothing else is special."
    BAD_PRINCIPAL = "bad-principal", "An override names one account or organisation exactly, without wildcards."
    BAD_SHARE = "bad-share", "A share is like 2% or 0.5%."
    BAD_SPAN = "bad-span", "A time is like 12h or 7day, from an hour to a year."
    EMPTY_LIST = "empty-list", "An empty list matches nothing."

    MISSING_LIST = "missing-list", "The list file is not there or cannot be read."
    LIST_OUTSIDE_FOLDER = "list-outside-folder", "A list file lies within the folder of the policy that names it."
    BAD_LIST_LINE = "bad-list-line", "A line of a list is a network or an address, with or without a # comment."

    DUPLICATE_ID = "duplicate-id", "Quotas and access rules share one set of ids; each is given once."
    DUPLICATE_VALUE = "duplicate-value", "The value stands twice in one list."
    DUPLICATE_OVERRIDE = "duplicate-override", "Two overrides give the same principal the same thing."
    NOT_EXACTLY_ONE = "not-exactly-one", "Exactly one of several keys must be given."
    LIMIT_UNIT = "limit-unit", "`limit` is for unit concurrent, `rate` and `budget` are for every other unit."
    BURST_WITHOUT_RATE = "burst-without-rate", "`burst` goes with the `rate` beside it."
    RATE_TOO_SMALL = "rate-too-small", "The bucket can never admit a single request or token."
    RATE_TOO_LARGE = "rate-too-large", "The number is too large, or too fine, to be counted exactly."
    RESERVE_UNIT = "reserve-unit", "`reserve` is for unit output_tokens and total_tokens."
    UNDECLARED_TIER = "undeclared-tier", "The tier is not declared under `tiers`."
    NO_DEFAULT_TIER = "no-default-tier", "Without default_tier, accounts of no known tier match no tier."
    UNKNOWN_QUOTA = "unknown-quota", "No quota has this id."
    OVERRIDE_KIND = "override-kind", "An override keeps the kind of its quota: rate, budget or limit."
    EMPTY_OVERRIDE = "empty-override", "An override gives quotas, a tier, or both."
    UNREACHABLE_RULE = "unreachable-rule", "An earlier access rule decides everything that this one matches."
    UNREACHABLE_QUOTA = "unreachable-quota", "`unless`, or an access rule, leaves nothing of what the quota matches."
    UNREACHABLE_OVERRIDE = "unreachable-override", "The quota does not match the tier that overrides it."
    UNREACHABLE_NETWORK = (
        "unreachable-network",
        "An earlier access rule, or the rule's own `unless`, decides on every address of this network.",
        "Take the entry out, or put its rule before the other one.",
    )
    OVERLAPPING_NETWORK = (
        "overlapping-network",
        "Another entry of the same list holds every address of this one.",
        "Take the narrower entry out.",
    )
    DENIES_TRUSTED_PROXY = (
        "denies-trusted-proxy",
        "The rule denies addresses that `trusted_proxies` trusts.",
        "What a trusted proxy forwards is held to its client's address, so the rule meets only what the proxy asks for "
        "itself; take the address out of one of the two.",
    )
    UNREAD_MODELS = (
        "unread-models",
        "A model that a form or the path itself names is not read: rules and quotas on models miss such a request.",
        "Deny such paths beside it, or all but those that you serve: `deny: {}` with `unless: {path: [...]}`.",
    )
    REDUNDANT_QUOTA = (
        "redundant-quota",
        "Another quota of the same unit is at least as tight in all that this one matches, so this one adds nothing.",
        "Take the looser one out, or make it tighter, or narrow what the tighter one matches.",
    )
    UNKNOWN_MODEL = (
        "unknown-model",
        "The pattern fits no model that `models` describes.",
        "Correct the pattern, or describe the model under `models`.",
    )
    BURST_BELOW_REQUEST = (
        "burst-below-request",
        "The bucket holds less than the largest request of a model that it is for.",
        "Raise `burst`, the budget or the rate, or narrow what the quota matches.",
    )
    SLOW_RECOVERY = (
        "slow-recovery",
        "What one request may take needs more than a day to come back.",
        "Raise the rate; a limit for a whole day or month is a `budget`.",
    )
    STALE_SHADOW = (
        "stale-shadow",
        "The rule has been in shadow mode for more than 30 days.",
        "Enforce it or take it out; where the rehearsal goes on, say so with a new `since`.",
    )
    REPEATED_PRINCIPAL = (
        "repeated-principal",
        "Two overrides of one file are for the same principal.",
        "Write them as one, so that whoever reads the first sees all.",
    )
    NUMBER_OF_ANOTHER_ACTION = (
        "number-of-another-action",
        "`rate` and `burst` go with action throttle, `share` with action probe.",
        "Take the number out, or give the action that it belongs to.",
    )
    WEAKER_WHEN_CONFIRMED = (
        "weaker-when-confirmed",
        "Less is done about a confirmed campaign than about a suspected one.",
        "Exchange the two, or make the answer to confirmed campaigns as strict.",
    )
    EXEMPTS_EVERYBODY = "exempts-everybody", "With everybody exempt, no campaign can be found."
    IDLE_ALLOW = (
        "idle-allow",
        "No `deny` follows, so what the rule allows would pass without it.",
        "Put it before the rule that it is an exception from; quotas hold for what is allowed as for all else.",
    )
    SHADOW_ALLOW = "shadow-allow", "An allow rule in shadow mode does nothing."
    TRUSTS_EVERYONE = "trusts-everyone", "Any client could set its own account and address."
    TRUSTS_BY_DEFAULT = (
        "trusts-by-default",
        "Some accounts have terms of their own, and without `trusted_proxies` every loopback and private address may "
        "say that it is one of them.",
        "Name the peers that may say who a client is, such as your load balancers; `[]` is nobody.",
    )
    NO_RULES = "no-rules", "The policy has no quotas, access rules or campaigns."


class Position(NamedTuple):
    """A place in a file; line and column count from 1."""

    path: str
    line: int = 1
    col: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.col}"

    @property
    def place(self) -> str:
        """`file:line`."""
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """One thing that is wrong, or looks wrong, with a policy."""

    path: str
    line: int
    col: int
    severity: Severity
    code: Code
    message: str

    @classmethod
    def error(cls, at: Position, code: Code, message: str) -> Issue:
        return cls(at.path, at.line, at.col, Severity.ERROR, code, message)

    @classmethod
    def warning(cls, at: Position, code: Code, message: str) -> Issue:
        return cls(at.path, at.line, at.col, Severity.WARNING, code, message)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.col}: {self.severity} {self.code}: {self.message}"


class PolicyError(StillgateError):
    """A policy that does not load; `issues` has everything that was found, warnings included."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(map(str, self.issues)))


def has_errors(issues: Iterable[Issue]) -> bool:
    """Whether any of the issues keeps the policy from being served."""
    return any(issue.severity is Severity.ERROR for issue in issues)


def quoted(text: str) -> str:
    """What the operator wrote, fit for a message: printable and at most 60 characters."""
    shown = text if len(text) <= 60 else text[:57] + "…"
    return "'" + "".join(char if char.isprintable() else "�" for char in shown) + "'"
