"""Clusters for tests of judgement, counted from requests made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from proxy.detect.cluster import Cluster
from proxy.detect.conversations import Relation
from proxy.detect.dealt import Again
from proxy.detect.networks import Networks
from proxy.detect.payers import Payers
from proxy.events.content import Content
from tests.unit.detect.traffic_by_hand import SECOND_US, T0, asked

PIECES = dict.fromkeys(range(1, 11))


def counted(
    openings: Iterable[int],
    payers: Payers | None = None,
    pieces: Iterable[int] = PIECES,
    orgs: int = 0,
    **fields: object,
) -> Cluster:
    """The openings of numbered accounts, five seconds apart, each from a network of its own unless `fields` says.

    `orgs`: how many organisations they belong to; 0: each is its own payer.
    """
    payers = Payers() if payers is None else payers
    cluster = Cluster(1, T0)
    cluster.worded().pieces.update(dict.fromkeys(pieces))
    for number, account in enumerate(openings):
        org = f"org-{account % orgs}" if orgs else None
        event = asked(f"a-{account}", Content(), T0 + 5 * number * SECOND_US, org=org, **fields)
        cluster.asked(event, payers.seen(event), Relation.NEW, again=Again.NO, whose=0)
    return cluster


def in_turn(openings: int, accounts: int) -> list[int]:
    """As a scheduler deals."""
    return [number % accounts for number in range(openings)]


def by_people(openings: int, accounts: int, seed: int = 3) -> list[int]:
    """As people come: some ask once, some all the time, and in sessions."""
    rng = Random(seed)
    weights = [rng.paretovariate(0.8) for _ in range(accounts)]
    found: list[int] = list(range(accounts))
    while len(found) < openings:
        found += rng.choices(range(accounts), weights) * rng.randint(1, 6)
    return found[:openings]


def around(accounts: Iterable[str]) -> Networks:
    """Where all accounts come from: the network of each."""
    networks = Networks()
    for network in accounts:
        networks.welcome(network)
    return networks
