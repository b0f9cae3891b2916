"""Owns campaigns that nobody thought of: each a draw over all the knobs, named by its number.

For rehearsal beyond the presets: whoever looked at one number has not seen the next.
"""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded by the number

from proxy.simulate.traffic.bodies import Dialect
from proxy.simulate.traffic.campaigns.knobs import (
    Disguise,
    Exits,
    Orgs,
    Pacing,
    Per,
    Place,
    Plan,
    Reaction,
    Software,
    Source,
    Tasks,
    Timing,
    Wrapping,
)
from proxy.simulate.traffic.campaigns.wrapper_texts import Aim
from proxy.simulate.traffic.responses import models

_FAMILIES: dict[Aim, tuple[str, ...]] = {
    Aim.REASONING: ("word-problems", "chinese-problems", "coding-tasks", "bug-reports", "questions", "gsm8k"),
    Aim.GRADING: ("gradings", "rubric_grading_prometheus"),
    Aim.CLEANING: ("traces",),
    Aim.AGENTIC: ("tool-calls", "agent-sessions", "coding-tasks"),
    Aim.ANSWERS: ("questions", "essays", "extraction", "translations", "gpteacher_roleplay", "word-problems"),
}


def unseen(number: int) -> Plan:
    """The campaign of that number; always the same one."""
    rng = Random(f"unseen:{number}")  # noqa: S311 - a simulation
    accounts = round(10 ** rng.uniform(1.8, 4.2))
    days = rng.choice((7, 10, 14, 20, 30, 45, 60))
    aim = rng.choice(list(Aim))
    return Plan(
        name=f"unseen-{number}",
        about="a draw over all the knobs",
        accounts=accounts,
        exchanges=round(accounts * days * 10 ** rng.uniform(0.9, 2.9)),
        days=days,
        tasks=_tasks(aim, rng),
        wrapping=_wrapping(aim, rng),
        pacing=_pacing(rng),
        reaction=_reaction(rng),
        disguise=_disguise(rng),
    )


def _tasks(aim: Aim, rng: Random) -> Tasks:
    families = _FAMILIES[aim]
    agentic = aim is Aim.AGENTIC
    dialect = rng.choice(list(Dialect))
    thinking = [model.name for model in models(dialect, thinks=True)]
    turns = (1, rng.choice((1, 1, 1, 3, 6, 10)))
    return Tasks(
        families=tuple(rng.sample(families, rng.randint(1, min(3, len(families))))),
        source=rng.choice((Source.DEALT, Source.DEALT, Source.DEALT, Source.DRAWN)),
        turns=(turns[0], max(turns[1], 3)) if agentic else turns,
        rotate=rng.random() < 0.2,
        harness=agentic,
        dialect=dialect,
        models=tuple(rng.sample(thinking, rng.randint(1, 2))),
        signatures=rng.choice((0.0, 0.0, 0.0, 0.3)) if dialect is Dialect.ANTHROPIC else 0.0,
    )


def _wrapping(aim: Aim, rng: Random) -> Wrapping:
    return Wrapping(
        place=rng.choice((Place.SYSTEM, Place.SYSTEM, Place.PREFIX, Place.SUFFIX, Place.TOOLS)),
        aim=aim,
        variants=rng.choice((1, 1, 2, 4, 8, 20, 50)),
        by_hand=rng.choice((0.0, 0.5)),
        words=rng.choice((0.0, 0.0, 0.2, 0.4)),
        reorder=rng.random() < 0.4,
        per=rng.choice(list(Per)),
    )


def _pacing(rng: Random) -> Pacing:
    return Pacing(
        timing=rng.choice(list(Timing)),
        jitter=rng.uniform(0.05, 0.8),
        ramp_hours=rng.choice((0.0, 0.0, 1.0, 3.0)),
        lead_minutes=(5.0, 40.0),
    )


def _reaction(rng: Random) -> Reaction:
    pools = rng.choice((1, 1, 2, 3))
    return Reaction(
        after_429=rng.random() < 0.85,
        after_403=rng.random() < 0.85,
        tries=rng.randint(2, 5),
        delay_s=rng.choice(((0.5, 5.0), (0.2, 2.0), (5.0, 60.0), (60.0, 600.0))),
        dead_after=rng.randint(1, 6),
        replace_at=rng.uniform(0.1, 0.7) if pools > 1 else None,
        pools=pools,
        rewrap=rng.random() < 0.5,
    )


def _disguise(rng: Random) -> Disguise:
    return Disguise(
        exits=rng.choice(list(Exits)),
        software=rng.choice((Software.UNIFORM, Software.MIXED)),
        orgs=rng.choice(list(Orgs)),
        accounts_per_payment=rng.choice((1, 1, 3, 10)),
        bursts=rng.choice((0, 1, 4, 15)),
        paid=rng.uniform(0.3, 1.0),
        cover=rng.choice((0.0, 0.0, 0.0, 0.25, 0.5)),
    )
