"""Owns the part of the policy language that is about campaigns: who is never one, and what is done at which level.

Knows nothing of how a campaign is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from proxy.admission.quota import MICRO
from proxy.policy import spans
from proxy.policy.scalars import PERIODS_US, RateText
from proxy.policy.shapes import Listing, Record, Scalar, Spec, declare
from proxy.policy.terms import AMOUNT, BOOLEAN, MODE, RATE, Matcher, Mode, choice


class CampaignAction(StrEnum):
    """What can be done about a campaign's traffic, the mildest first."""

    OBSERVE = "observe"
    PROBE = "probe"
    THROTTLE = "throttle"
    BLOCK = "block"


DEFAULT_RATE = RateText("1/h", MICRO, PERIODS_US["h"])
DEFAULT_BURST = MICRO
DEFAULT_SHARE = 20_000
DEFAULT_EXPIRY_US = 7 * PERIODS_US["day"]


@dataclass(frozen=True, kw_only=True)
class ThrottleSpec(Spec):
    """The one bucket, in requests, that the matching traffic of all members of a campaign draws from."""

    rate: RateText | None = declare(RATE, "For action throttle: what all members together get. Default: 1/h.")
    burst: int | None = declare(AMOUNT, "Of `rate`: how much of it can be saved up. Default: 1.")
    default_action: ClassVar[CampaignAction]


@dataclass(frozen=True, kw_only=True)
class SuspectedSpec(ThrottleSpec):
    """What is done about a campaign that is suspected."""

    default_action: ClassVar[CampaignAction] = CampaignAction.OBSERVE

    action: CampaignAction | None = declare(
        choice("an action", CampaignAction),
        "`observe` does nothing (the default); `probe` refuses a few requests while that would show whether other "
        "accounts take them up; `throttle` has all members draw from one bucket; `block` refuses.",
    )
    share: int | None = declare(
        Scalar("a share such as 2%", spans.share, pattern=spans.SHARE),
        "For action probe: which share of the campaign's requests may be refused while it is probed, one in 2.5 s by "
        "each replica at most. Default: 2%.",
    )


@dataclass(frozen=True, kw_only=True)
class ConfirmedSpec(ThrottleSpec):
    """What is done about a campaign that is confirmed."""

    default_action: ClassVar[CampaignAction] = CampaignAction.THROTTLE

    action: CampaignAction | None = declare(
        choice("an action", CampaignAction, but=(CampaignAction.PROBE,)),
        "`observe` does nothing; `throttle` has all members draw from one bucket (the default); `block` refuses.",
    )


@dataclass(frozen=True, kw_only=True)
class CampaignsSpec(Spec):
    """What is done about distillation campaigns: accounts that collect a model's answers together."""

    mode: Mode = declare(
        MODE, "shadow: found and told of, nothing is done about them. Default: shadow.", default=Mode.SHADOW
    )
    suspected: SuspectedSpec | None = declare(
        Record(SuspectedSpec), "What is done about suspected campaigns. Default: {action: observe}."
    )
    confirmed: ConfirmedSpec | None = declare(
        Record(ConfirmedSpec), "What is done about confirmed campaigns. Default: {action: throttle, rate: 1/h}."
    )
    exempt: tuple[Matcher, ...] = declare(
        Listing(Record(Matcher)),
        "Whose exchanges are never part of a campaign: they are neither looked at nor acted on.",
        default=(),
    )
    expires_after: int = declare(
        Scalar("a time such as 12h or 7day", spans.span, pattern=spans.SPAN),
        "How long a campaign is remembered after its last exchange. Default: 7day.",
        default=DEFAULT_EXPIRY_US,
    )
    tell_upstream: bool = declare(
        BOOLEAN,
        "Whether the upstream is told of the verdict on a request that is forwarded, in the signed header "
        "x-stillgate-verdict; needs the setting --verdict-key. Default: false.",
        default=False,
    )
