"""Owns the making of a pool: accounts with the attributes, networks and software that the knobs ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random  # noqa: TID251 - a parameter

from proxy.simulate.traffic.bodies import Dialect
from proxy.simulate.traffic.campaigns.knobs import Disguise, Exits, Orgs, Plan, Software
from proxy.simulate.traffic.campaigns.member import Cover, Member
from proxy.simulate.traffic.campaigns.schedule import US_PER_DAY, Scheduler, scheduler_of
from proxy.simulate.traffic.campaigns.wrapping import Wrappers
from proxy.simulate.traffic.clients import Client, install, parameters
from proxy.simulate.traffic.identity import (
    Account,
    Changing,
    Network,
    account,
    proxy_pool,
    residential,
)
from proxy.simulate.traffic.identity import Exits as FixedExits
from proxy.simulate.traffic.responses import draw_model
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.texts import Texts

_BURST_HOURS = 3.0
_ACCOUNTS_PER_EXIT = 8


@dataclass(slots=True)
class Pool:
    """Accounts in use at one time."""

    number: int
    members: Sequence[Member]
    scheduler: Scheduler
    dead: int = 0
    """Accounts that were given up."""


def recruit(plan: Plan, number: int, texts: Texts, wrappers: Wrappers, now_us: int, rng: Random) -> Pool:
    """A new pool of `plan.accounts` accounts that nobody has seen before."""
    disguise, count = plan.disguise, plan.accounts
    accounts = _accounts(disguise, count, now_us, rng)
    networks = _networks(disguise.exits, count, rng)
    clients = _clients(disguise.software, count, plan.tasks.dialect, rng)
    members = [
        Member(
            account=owned,
            attributes={**owned.attributes, "x-ja4": client.ja4},
            client=client,
            network=network,
            wrapper=wrappers.assigned(rng),
            cover=_cover(client, texts, rng) if disguise.cover else None,
            noon_us=rng.randrange(US_PER_DAY),
            pool=number,
            daily_budget=plan.pacing.daily_budget,
        )
        for owned, network, client in zip(accounts, networks, clients, strict=True)
    ]
    rng.shuffle(members)
    return Pool(number, members, scheduler_of(plan.pacing.timing, members))


def _accounts(disguise: Disguise, count: int, now_us: int, rng: Random) -> list[Account]:
    bursts = [rng.uniform(0.5, 60.0) for _ in range(disguise.bursts)]
    orgs = [f"org_{rng.getrandbits(48):012x}" for _ in range(max(2, count // 100))]
    payments = [f"pm_{rng.getrandbits(64):016x}" for _ in range(-(-count // disguise.accounts_per_payment))]
    made = []
    for number in range(count):
        paid = rng.random() < disguise.paid
        org = {Orgs.NONE: "", Orgs.FEW: rng.choice(orgs), Orgs.FAKE: f"org_{rng.getrandbits(48):012x}"}[disguise.orgs]
        made.append(
            account(
                rng,
                now_us,
                tier="build" if paid else "free",
                org=org,
                payment=payments[number // disguise.accounts_per_payment] if paid else "",
                age_days=rng.choice(bursts) + rng.random() * _BURST_HOURS / 24 if bursts else None,
            )
        )
    return made


def _networks(exits: Exits, count: int, rng: Random) -> list[Network]:
    if exits is Exits.FEW:
        shared = proxy_pool(rng, rng.randint(3, 9), datacentre=True)
        return [shared] * count
    if exits is Exits.PROXIES:
        addresses = proxy_pool(rng, max(4, count // _ACCOUNTS_PER_EXIT), datacentre=rng.random() < 0.5).addresses
        return [FixedExits((rng.choice(addresses),)) for _ in range(count)]
    if exits is Exits.RESIDENTIAL:
        return [residential(rng) for _ in range(count)]
    return [Changing(rng, 1.0) for _ in range(count)]


def _clients(software: Software, count: int, dialect: Dialect, rng: Random) -> list[Client]:
    if software is Software.UNIFORM:
        return [install(rng, rng.choice(("python-sdk", "backend", "node-sdk")), dialect)] * count
    if software is Software.AGENT:
        return [install(rng, "agent-cli", dialect) for _ in range(count)]
    kinds = ("python-sdk", "node-sdk", "backend", "langchain", "editor")
    return [install(rng, rng.choice(kinds), dialect) for _ in range(count)]


def _cover(client: Client, texts: Texts, rng: Random) -> Cover:
    model = draw_model(rng, client.dialect)
    return Cover(
        family=rng.choice(texts.families("benign")),
        system=system_prompt(rng) if rng.random() < 0.6 else None,
        model=model,
        parameters=parameters(rng, client.dialect, thinks=model.thinks),
    )
