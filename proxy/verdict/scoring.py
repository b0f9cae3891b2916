"""Owns what a cluster's counts mean: evidence by family, each signal in nats with its benign explanation.

Every signal has a cap, so that no single one decides, and most can speak against. Knows no event and no policy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

from proxy.admission.bucket import DAY_US
from proxy.detect.cluster import Cluster
from proxy.detect.conversations import AT_ONCE_US, Relation
from proxy.detect.dealt import Fall
from proxy.detect.networks import Networks
from proxy.events.content import TARGETS
from proxy.verdict.campaign import Evidence
from proxy.verdict.dispersion import evenness
from proxy.verdict.habits import habits
from proxy.verdict.judgement import AIMS, CREATED_IN_BURSTS, SHARED_EXITS, SHARED_PAYMENT
from proxy.verdict.nats import LEAST_PAYERS, capped, evidence, leaning
from proxy.verdict.reaction import reaction

_FEWEST_PAYERS, _CROWD = 4, 48
"""Or so few organisations with so many accounts: how the work falls on them tells a pool from colleagues."""
_CARRIERS = 8
"""Accounts that carry a cluster's openings: fewer are one customer's keys, which strangers have met with a few."""
LEAST_OPENINGS = 60
_ENOUGH, _PLENTY = 200, 600
"""Openings from which what speaks for a campaign has its usual and its full weight. What speaks against needs none."""
_MOSTLY = 0.5
"""Of openings that others have asked as well: a class, an evaluation. Some share what they sample several times."""
_SAMPLES, _PART_OF_IT = 16, 1 / 8
"""How many ask the same where answers are drawn several times; and how much of such a list an account has at most."""
_OFTEN = 0.1
"""Of openings that a second payer has asked as well, from which it is how a cluster works, and not some in it."""
_AT_ONCE, _HARDLY = 0.6, 0.03
"""Of these, come within seconds where several answers are drawn at once, and where people ask the same."""
_ONE_PLACE, _FEW_PLACES = 0.4, 4
"""Of a cluster's accounts that come from one network, or so few networks: an institution's, or a back end's."""
_AS_MUCH = 0.5
"""Of this share: where so many of all others come from there, it is nobody's place."""
_SHARED_BY_PEOPLE = 0.45
"""So many accounts of a widely used program share a network with another one, where it is mobile."""
_NEVER_SO_EVEN, _WAYS = 5.0, ("turn-taking", "many-clients")
"""Nats of even volumes that people hardly come to: how people come and with what software says nothing there."""
_SHAPED_BY_REFUSALS = ("partition", "balance", "infrastructure")


def is_shared(cluster: Cluster) -> bool:
    """Whether so many share a template that it is worth weighing, and are not just met by a few busy ones."""
    return _is_widespread(cluster) and _is_carried(cluster, cluster.dealt.usual())


def _is_widespread(cluster: Cluster) -> bool:
    payers = len(cluster.payers)
    return payers >= LEAST_PAYERS or (payers >= _FEWEST_PAYERS and len(cluster.members) >= _CROWD)


def _is_carried(cluster: Cluster, usual: Fall) -> bool:
    return cluster.dealt.openings < LEAST_OPENINGS or usual.carriers >= _CARRIERS


def weigh(cluster: Cluster, around: Networks) -> list[Evidence]:
    """All that speaks for and against a cluster being one campaign, given where all accounts come from."""
    if not _is_widespread(cluster):
        return []
    usual = cluster.dealt.usual()
    if not _is_carried(cluster, usual):
        return []
    balance = _balance(usual)
    is_even = any(each.signal == "even-volumes" and each.weight >= _NEVER_SO_EVEN for each in balance)
    found = [
        *_content(cluster),
        *habits(cluster),
        *_partition(cluster, usual, is_even),
        *balance,
        *reaction(cluster),
        *_infrastructure(cluster, around),
    ]
    return [each for each in found if each.weight and not (is_even and each.weight < 0 and each.signal in _WAYS)]


def weigh_again(cluster: Cluster, around: Networks, before: Sequence[Evidence]) -> list[Evidence]:
    """All that speaks for and against a campaign whose traffic is being refused.

    How its openings fall on payers, what it repeats and which accounts still come is the proxy's own doing by now:
    a pool that is refused is replaced. So that stays as it was.
    """
    if not (now := weigh(cluster, around)):
        return list(before)
    kept = [each for each in before if each.family in _SHAPED_BY_REFUSALS]
    return kept + [each for each in now if each.family not in _SHAPED_BY_REFUSALS]


def _grown(openings: int, enough: float, plenty: float) -> float:
    """The most that may speak for a campaign, given how much was seen: what looks dealt out by chance soon does not."""
    if openings <= _ENOUGH:
        return enough * openings / _ENOUGH
    return enough + (plenty - enough) * min((openings - _ENOUGH) / (_PLENTY - _ENOUGH), 1.0)


def _content(cluster: Cluster) -> list[Evidence]:
    """Benign: a popular agent, a product's back end, a class, a prompt that goes round; hence never enough alone."""
    found = []
    payers = len(cluster.payers)
    if pieces := len(cluster.pieces):
        weight = capped(0.6 * log2(payers / 4), 0, 2.5)
        found.append(evidence("content", "shared-template", weight, f"{payers} payers, {pieces} pieces of text"))
    share, target = max((cluster.targets[TARGETS.index(each)] / cluster.requests, each) for each in AIMS)
    if share >= 0.5:
        found.append(evidence("content", target.value, 1.0, f"{share:.0%} of its requests ask for it"))
    return found


def _partition(cluster: Cluster, usual: Fall, is_even: bool) -> list[Evidence]:
    """Benign: people's own matters do not repeat either; but people come back to them, and classes share them.

    Words that an account always says are its product's, to which it returns; where people are never so even, they are a
    wording that it was given.
    """
    openings, shared = usual.openings, usual.others
    own = usual.own - usual.habits if is_even else usual.own
    if openings < LEAST_OPENINGS:
        return []
    is_sampled = _is_sampled(cluster, usual)
    least = 0 if is_sampled else -4 if shared >= _MOSTLY * openings else -2
    return [
        evidence(
            "partition",
            "items-never-shared",
            capped(leaning(shared, openings, 0.05, 0.2), least, _grown(openings, 2, 3)),
            f"{shared} of {openings} openings were asked by another payer too",
        ),
        evidence(
            "partition",
            "items-never-revisited",
            capped(leaning(min(own, openings), openings, 0.03, 0.2), -2, _grown(openings, 1.5, 2)),
            f"{own} of {openings} openings return to a payer's own earlier matter",
        ),
        *(_drawn_at_once(cluster, usual) if is_sampled else ()),
    ]


def _is_sampled(cluster: Cluster, usual: Fall) -> bool:
    """Whether they ask a few times each what is on a long list, whose answers are drawn several times: a class has a
    short one, and of an evaluation each runs all of it."""
    matters = _matters(cluster)
    askers = 1 + usual.others / max(matters, 1)
    return askers <= _SAMPLES and usual.openings <= _PART_OF_IT * matters * sum(usual.histogram.values())


def _drawn_at_once(cluster: Cluster, usual: Fall) -> list[Evidence]:
    """Of a list whose answers are drawn several times. Benign: one customer's router that asks two of its keys at once,
    which it does for some accounts.

    Weighed against how many would come so soon after the first at the pace of the busiest hours.
    """
    matters, at_once = _matters(cluster), cluster.relations[Relation.AT_ONCE]
    if matters < _OFTEN * usual.openings:
        return []
    by_lot = cluster.timeline.busiest(AT_ONCE_US) / usual.openings
    weight = leaning(at_once, matters, _AT_ONCE, capped(2 * by_lot, _HARDLY, _AT_ONCE))
    detail = f"{at_once} of {matters} tasks that a second payer asked came again within 10 s"
    return [evidence("partition", "drawn-at-once", capped(weight, 0, _grown(usual.openings, 2.5, 4)), detail)]


def _matters(cluster: Cluster) -> int:
    """What a second payer has asked."""
    return cluster.relations[Relation.SECOND] + cluster.relations[Relation.AT_ONCE]


def _balance(usual: Fall) -> list[Evidence]:
    """Benign: a class in its hour, a job sharded over a firm's keys.

    What speaks against is bounded by how many campaigns behave like people on purpose.
    """
    if usual.openings < LEAST_OPENINGS:
        return []
    accounts, busiest = sum(usual.histogram.values()), max(count for count, many in usual.histogram.items() if many)
    found = [
        evidence(
            "balance",
            "even-volumes",
            capped(evenness(usual.histogram), -2.5, _grown(usual.openings, 4, 5.5)),
            f"{usual.openings} openings over {accounts} accounts, busiest {busiest}",
        )
    ]
    if usual.returns >= 20:
        found.append(
            evidence(
                "balance",
                "turn-taking",
                capped(leaning(usual.soon, usual.returns, 0.13, 0.45), -1.5, _grown(usual.openings, 2, 3.5)),
                f"{usual.soon} of {usual.returns} returns come before an eighth of the accounts had their turn",
            )
        )
    return found


def _infrastructure(cluster: Cluster, around: Networks) -> list[Evidence]:
    """Benign: everything that people of one place, one product or one day have in common."""
    return [*_places(cluster, around), *_clients(cluster), *_ages(cluster), *_payments(cluster)]


def _places(cluster: Cluster, around: Networks) -> list[Evidence]:
    networks, members = cluster.networks, len(cluster.members)
    if not networks or members < LEAST_PAYERS:
        return []
    top, spread = max(networks.values()) / members, len(networks)
    if top >= _ONE_PLACE or spread < _FEW_PLACES:
        detail = f"{top:.0%} of {members} accounts come from one network: an institution, or one back end"
        return [] if _is_anybodys(networks, around) else [evidence("infrastructure", "one-place", -5.0, detail)]
    shared = sum(count for count in networks.values() if count >= 2) / sum(networks.values())
    if spread < 8 or shared <= _SHARED_BY_PEOPLE or top >= 0.2:
        return []
    by_lot = around.shared_by_lot(networks)
    detail = f"{shared:.0%} of {members} accounts share one of {spread} networks, {by_lot:.0%} would by lot"
    most = 2.5 if 3 * by_lot <= shared else 1.0 if 1.5 * by_lot <= shared else 0.0
    weight = most * min((shared - _SHARED_BY_PEOPLE) / (_SHARED_BY_PEOPLE / 2), 1.0)
    return [evidence("infrastructure", SHARED_EXITS, weight, detail)]


def _is_anybodys(networks: Mapping[str, int], around: Networks) -> bool:
    """Whether others come from the few networks of a cluster nearly as much: behind an edge that does not tell who the
    client is, everybody does."""
    busiest = max(networks, key=networks.__getitem__)
    place = networks if len(networks) < _FEW_PLACES else {busiest: networks[busiest]}
    apart = {network: accounts for network, accounts in networks.items() if network not in place}
    return around.share_in(place, apart) >= _AS_MUCH * sum(place.values()) / sum(networks.values())


def _clients(cluster: Cluster) -> list[Evidence]:
    members = sum(cluster.clients.values())
    top = max(cluster.clients.values(), default=0) / max(members, 1)
    spread = len(cluster.networks)
    if top < 0.5 and len(cluster.clients) >= 4:
        detail = f"{len(cluster.clients)} kinds of client software, the commonest {top:.0%}"
        return [evidence("infrastructure", "many-clients", -1.0, detail)]
    if top >= 0.95 and spread * 4 >= len(cluster.members):
        detail = f"{top:.0%} use one client software, from {spread} networks"
        return [evidence("infrastructure", "one-client", 0.5, detail)]
    return []


def _ages(cluster: Cluster) -> list[Evidence]:
    created = cluster.ages.created
    if len(created) < LEAST_PAYERS:
        return []
    quarter = len(created) // 4
    middle_days = (created[-1 - quarter] - created[quarter]) / DAY_US
    young = cluster.ages.younger(14 * DAY_US) / len(created)
    if middle_days > 90:
        detail = f"the middle half was created over {middle_days:.0f} days"
        return [evidence("infrastructure", "grown-over-time", -1.5, detail)]
    if middle_days <= 14:
        detail = (
            f"the middle half was created within {middle_days:.1f} days, {young:.0%} at most 14 days before first use"
        )
        return [evidence("infrastructure", CREATED_IN_BURSTS, 1.5 + 0.5 * (young > 0.7), detail)]
    return []


def _payments(cluster: Cluster) -> list[Evidence]:
    accounts = sum(cluster.payments.values())
    if accounts < LEAST_PAYERS:
        return []
    shared = sum(count for count in cluster.payments.values() if count >= 2)
    if shared < 0.2 * accounts:
        return []
    detail = f"{shared} of {accounts} accounts pay as another one does"
    return [evidence("infrastructure", SHARED_PAYMENT, 2.0, detail)]
