"""Owns one exchange: what arrived, how far it has come, what was decided and what came of it.

The life of an exchange is the table `TRANSITIONS`; nothing else says which state may follow which. Knows no store, no
socket and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from proxy.admission.headers import Standing
from proxy.admission.store import Claim, Level, Reservation
from proxy.dialects.conversation import Conversation
from proxy.dialects.dialect import Dialect
from proxy.dialects.llm import Fault, LlmRequest, Usage
from proxy.events.content import Content
from proxy.identity.principal import Principal
from proxy.policy.match import Demand, Policy
from proxy.verdict.snapshot import Match


class State(StrEnum):
    """Where an exchange is in its life."""

    RECEIVED = "received"
    REFUSED = "refused"
    ADMITTED = "admitted"
    STREAMING = "streaming"
    SETTLED = "settled"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.REFUSED, State.ADMITTED}),
    State.REFUSED: frozenset(),
    State.ADMITTED: frozenset({State.STREAMING, State.SETTLED}),
    State.STREAMING: frozenset({State.SETTLED}),
    State.SETTLED: frozenset(),
}


class Action(StrEnum):
    """What the proxy does with an exchange."""

    ALLOW = "allow"
    THROTTLE = "throttle"
    BLOCK = "block"


class Ending(StrEnum):
    """How an admitted exchange ended."""

    COMPLETE = "complete"
    UPSTREAM_REFUSED = "upstream_refused"
    UPSTREAM_FAILED = "upstream_failed"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    UPSTREAM_BROKE_OFF = "upstream_broke_off"
    CLIENT_GONE = "client_gone"
    CLIENT_GAVE_UP = "client_gave_up"  # before the upstream had begun to answer what it was asked
    SHUTDOWN = "shutdown"


class Arrival(Struct, frozen=True, gc=False):
    """A request as it came: `headers` in wire order and case, `body` whole, or None where it is not read."""

    id: str
    ts_us: int
    method: str
    target: str
    peer_ip: str
    headers: Sequence[tuple[str, str]]
    body: bytes | None


class Decision(Struct, frozen=True, gc=False):
    """What was decided and why. The first ten fields are the exchange log's contract, seconds and all."""

    action: Action
    status: int
    retry_after_us: int | None = None
    rule: str | None = None
    scope: str | None = None
    campaign: str | None = None
    shadow: bool = False
    reasons: tuple[str, ...] = ()
    fault: Fault | None = None
    """Set where the proxy itself answers."""
    message: str = ""
    """For the client: which limit, how much of it, when to come back."""
    standings: tuple[Standing, ...] = ()
    """What the rate-limit headers are made of; nothing of shadow rules."""
    without_store: str | None = None
    """The mode that decided because the store was lost."""


class Outcome(Struct, frozen=True, gc=False):
    """What came of an admitted exchange. `status` is None where the upstream never answered."""

    ending: Ending
    status: int | None = None
    usage: Usage = Usage()
    generated_bytes: int | None = None
    """Bytes of generated text seen, for an answer that was metered; None where nothing was looked at."""
    output_events: int = 0
    signatures: tuple[int | str, ...] = ()
    """Of reasoning that the answer issued: names, as the exchange log has them, or ids that were made of these."""
    answer_id: str | None = None
    """The id that the upstream gave its answer, which is the one that the client has."""


class Settlement(Struct, frozen=True, gc=False):
    """What was charged in the end. `reported` is False where the tokens are an estimate."""

    usage: Usage
    reported: bool
    signatures: tuple[int, ...] = ()
    """Ids of the answer's reasoning signatures, as `Content.signatures` has them."""


class Recalled(Struct, frozen=True, gc=False):
    """Who asked and what for, where a log tells it instead of headers and a body.

    `principal` is of an IPv4 and an IPv6 prefix length, because networks are the policy's to cut.
    """

    principal: Callable[[int, int], Principal]
    request: LlmRequest
    content: Content | None = None


@dataclass(slots=True)
class Exchange:
    """One request's life. The stages fill it in, in the order that `pipeline` knows."""

    arrival: Arrival
    dialect: Dialect
    recalled: Recalled | None = None
    state: State = State.RECEIVED
    policy: Policy = field(init=False)
    principal: Principal = field(init=False)
    peer_trusted: bool = False
    request: LlmRequest = field(init=False)
    content: Content | None = None
    """What detection reads of the body; None where nobody does, nothing is there to read, or it is still to be made."""
    conversation: Conversation | None = None
    """Of which content is to be made, until it is or detection has taken it over."""
    is_watched: bool = False
    """Detection is told of it: the policy asks for that, and exempts it not."""
    undeclared_tier: str | None = None
    """As `Policy.undeclared_tier`."""
    match: Match | None = None
    """The campaign that it belongs to, whatever is done about it."""
    demands: Sequence[Demand] = ()
    claims: Sequence[Claim] = ()
    levels: Sequence[Level] = ()
    """How the claimed buckets stood after the decision, shadow ones included."""
    reservation: Reservation | None = None
    decision: Decision = field(init=False)
    unreadable: bool = False
    """As `dialects.reading.Read`: nobody knows which model it is for."""
    unheard: bool = False
    """As `dialects.reading.Read`: detection would look at its conversation, and cannot."""

    def forget_body(self) -> None:
        """Lets go of what the body says, which is of no use once it is decided on."""
        self.arrival = replace(self.arrival, body=None)

    def forget_content(self) -> None:
        """Lets go of what is of no use once it was sent, for the time that a stream takes."""
        arrival = self.arrival
        self.arrival = Arrival(arrival.id, arrival.ts_us, arrival.method, arrival.target, arrival.peer_ip, (), None)

    def advance(self, state: State) -> None:
        """Moves on to `state`; RuntimeError where the table does not allow it, which is a bug and never input."""
        if state not in TRANSITIONS[self.state]:
            raise RuntimeError(f"exchange {self.arrival.id}: {self.state} cannot become {state}")
        self.state = state
