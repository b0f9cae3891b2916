"""Owns the presets by name: the campaigns that were published, at published scale, and evasive ones. Data.

Where nothing was published of a trait, the choice is ours and stands here to be changed.
"""

from __future__ import annotations

import re
from dataclasses import replace

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
from proxy.simulate.traffic.campaigns.unseen import unseen
from proxy.simulate.traffic.campaigns.wrapper_texts import Aim

_MATH = ("gsm8k", "word-problems")
_CODE = ("coding-tasks",)
_TOOLS = ("tool-calls",)
_SESSIONS = ("agent-sessions",)
_TRACES = ("traces",)
_GRADING = ("rubric_grading_prometheus", "gradings")
_MIXED = ("word-problems", "coding-tasks", "gpteacher_roleplay", "gpteacher_toolformer")
_ABROAD = ("chinese-problems", "word-problems")

_PUBLISHED = (
    Plan(
        name="alibaba-june",
        about="agentic reasoning through a commercial proxy network, 26 requests an account and day",
        accounts=25_000,
        exchanges=28_800_000,
        days=45,
        tasks=Tasks(families=_TOOLS, turns=(1, 6), harness=True),
        wrapping=Wrapping(place=Place.SYSTEM, aim=Aim.AGENTIC, variants=12),
        pacing=Pacing(timing=Timing.HEADROOM),
        disguise=Disguise(accounts_per_payment=5, bursts=8),
    ),
    Plan(
        name="alibaba-gtg16005",
        about="a fixed prompt injected into each request; a second pool takes over when the first is banned",
        accounts=3500,
        exchanges=3500 * 857 * 14,
        days=14,
        tasks=Tasks(families=(*_CODE, *_MATH), models=("claude-opus-4-6", "claude-opus-4-7")),
        wrapping=Wrapping(place=Place.SUFFIX, aim=Aim.REASONING, variants=1),
        pacing=Pacing(timing=Timing.HEADROOM),
        reaction=Reaction(replace_at=0.3, pools=2),
        disguise=Disguise(exits=Exits.RESIDENTIAL, software=Software.MIXED, accounts_per_payment=3, paid=1.0),
    ),
    Plan(
        name="deepseek-feb",
        about="reasoning written out and rubric grading, synchronised over accounts that share payment",
        accounts=600,
        exchanges=150_000,
        days=14,
        tasks=Tasks(families=(*_MATH, *_GRADING)),
        wrapping=Wrapping(place=Place.PREFIX, aim=Aim.REASONING, variants=4),
        pacing=Pacing(timing=Timing.ROUND_ROBIN, jitter=0.1),
        disguise=Disguise(exits=Exits.FEW, accounts_per_payment=20, bursts=2),
    ),
    Plan(
        name="moonshot-feb",
        about="agentic reasoning, tools and coding through several pathways and kinds of accounts",
        accounts=500,
        exchanges=3_400_000,
        days=60,
        tasks=Tasks(families=(*_TOOLS, *_CODE), turns=(1, 8), harness=True),
        wrapping=Wrapping(place=Place.SYSTEM, aim=Aim.AGENTIC, variants=20, words=0.2, per=Per.ACCOUNT),
        pacing=Pacing(timing=Timing.RANDOM),
        disguise=Disguise(software=Software.MIXED, orgs=Orgs.FEW, bursts=10, accounts_per_payment=4),
    ),
    Plan(
        name="minimax-feb",
        about="agentic coding; half of it moves to a new model within a day",
        accounts=6000,
        exchanges=13_000_000,
        days=60,
        tasks=Tasks(families=(*_TOOLS, *_CODE), turns=(1, 10), harness=True, pivot=(1.5, "claude-opus-4-8", 0.5)),
        wrapping=Wrapping(place=Place.TOOLS, aim=Aim.AGENTIC, variants=6),
        pacing=Pacing(timing=Timing.HEADROOM),
        disguise=Disguise(accounts_per_payment=10),
    ),
    Plan(
        name="moonshot-gtg16002",
        about="users relayed under rotating accounts; reasoning signatures brought back in new sessions",
        accounts=5380,
        exchanges=23_000_000,
        days=90,
        tasks=Tasks(families=(*_ABROAD, *_CODE), source=Source.DRAWN, signatures=0.35),
        wrapping=Wrapping(place=Place.SYSTEM, aim=Aim.REASONING, variants=2),
        pacing=Pacing(timing=Timing.RANDOM),
        disguise=Disguise(exits=Exits.PROXIES, accounts_per_payment=6),
    ),
    Plan(
        name="deepseek-gtg16001",
        about="sessions of a popular coding agent relayed; reasoning signatures brought back in new sessions",
        accounts=4000,
        exchanges=12_100_000,
        days=14,
        tasks=Tasks(families=_SESSIONS, source=Source.DRAWN, turns=(1, 6), harness=True, signatures=0.3),
        wrapping=Wrapping(place=Place.NONE, aim=Aim.REASONING),
        pacing=Pacing(timing=Timing.HEADROOM),
        disguise=Disguise(software=Software.AGENT, accounts_per_payment=8),
    ),
    Plan(
        name="zhipu-gtg16006",
        about="a trace cleaner and graders over 273 rotated accounts, 1,100 requests each a day",
        accounts=273,
        exchanges=3_000_000,
        days=10,
        tasks=Tasks(families=(*_TRACES, *_GRADING), models=("claude-opus-4-8",)),
        wrapping=Wrapping(place=Place.PREFIX, aim=Aim.CLEANING, variants=3),
        pacing=Pacing(timing=Timing.ROUND_ROBIN),
        disguise=Disguise(exits=Exits.PROXIES, paid=1.0, accounts_per_payment=3),
    ),
    Plan(
        name="xiaomi-gtg16008",
        about="its own users' coding sessions sent again through agent software, 13 requests an account and day",
        accounts=1500,
        exchanges=400_000,
        days=20,
        tasks=Tasks(families=_SESSIONS, source=Source.DRAWN, turns=(2, 8), rotate=True, harness=True),
        wrapping=Wrapping(place=Place.NONE, aim=Aim.AGENTIC),
        pacing=Pacing(timing=Timing.RANDOM),
        disguise=Disguise(software=Software.AGENT, exits=Exits.PROXIES),
    ),
    Plan(
        name="probe",
        about="12,000 prompts, each with another technique, to find what gets around the safeguards",
        accounts=120,
        exchanges=12_000,
        days=2,
        tasks=Tasks(families=_MATH, most=12_000, techniques=True),
        wrapping=Wrapping(place=Place.PREFIX, aim=Aim.REASONING),
        pacing=Pacing(timing=Timing.RANDOM),
        disguise=Disguise(exits=Exits.ROTATING, bursts=1),
    ),
    Plan(
        name="gemini-language",
        about="100,000 prompts for reasoning in the language of the task rather than English",
        accounts=400,
        exchanges=100_000,
        days=5,
        tasks=Tasks(families=("chinese-problems",), dialect=Dialect.OPENAI, models=("gpt-5.2", "o4-mini")),
        wrapping=Wrapping(place=Place.SUFFIX, aim=Aim.REASONING, variants=3, by_hand=1.0),
        pacing=Pacing(timing=Timing.RANDOM),
        disguise=Disguise(exits=Exits.PROXIES),
    ),
    Plan(
        name="stepfun-budgets",
        about="concurrent agents with daily budgets, moderate at first, then scaled",
        accounts=800,
        exchanges=800 * 120 * 10,
        days=10,
        tasks=Tasks(families=_TOOLS, turns=(2, 8), harness=True, dialect=Dialect.OPENAI, models=("gpt-5.2",)),
        wrapping=Wrapping(place=Place.SYSTEM, aim=Aim.AGENTIC, variants=4),
        pacing=Pacing(timing=Timing.RANDOM, ramp_hours=3, daily_budget=150),
        disguise=Disguise(orgs=Orgs.FAKE, bursts=12),
    ),
)

_EVASIVE_BASE = Plan(
    name="evasive",
    about="",
    accounts=3000,
    exchanges=3000 * 40 * 20,
    days=20,
    tasks=Tasks(families=_MIXED),
    wrapping=Wrapping(place=Place.SYSTEM, aim=Aim.REASONING, variants=8),
    pacing=Pacing(timing=Timing.HEADROOM),
    disguise=Disguise(exits=Exits.PROXIES, software=Software.MIXED, bursts=20),
)
_PARAPHRASED = Wrapping(place=Place.PREFIX, aim=Aim.REASONING, variants=40, words=0.5, reorder=True, per=Per.REQUEST)
_AT_HOME = Disguise(exits=Exits.RESIDENTIAL, software=Software.MIXED, orgs=Orgs.FAKE, bursts=0)
_LIKE_PEOPLE = Pacing(timing=Timing.HUMAN)

_EVASIVE = (
    replace(
        _EVASIVE_BASE,
        name="evasive-paraphrase",
        about="every request words one of forty wrappers anew",
        wrapping=_PARAPHRASED,
    ),
    replace(
        _EVASIVE_BASE,
        name="evasive-residential",
        about="one home address, one organisation and one program for each account",
        disguise=_AT_HOME,
    ),
    replace(
        _EVASIVE_BASE,
        name="evasive-half-benign",
        about="half of each account's traffic is an ordinary customer's",
        disguise=replace(_EVASIVE_BASE.disguise, cover=0.5),
    ),
    replace(
        _EVASIVE_BASE,
        name="evasive-human",
        about="sessions with pauses, by day, each account in its own time zone",
        pacing=_LIKE_PEOPLE,
    ),
    replace(
        _EVASIVE_BASE,
        name="evasive-patient",
        about="what is refused goes to the end of the queue, and comes again hours later",
        reaction=Reaction(delay_s=(3 * 3600.0, 12 * 3600.0)),
    ),
    replace(
        _EVASIVE_BASE,
        name="evasive-all",
        about="all of it: paraphrase, home addresses, half benign, like people; no failover within seconds",
        wrapping=_PARAPHRASED,
        pacing=_LIKE_PEOPLE,
        disguise=replace(_AT_HOME, cover=0.5),
        reaction=Reaction(delay_s=(20.0, 300.0), tries=2, pools=2, replace_at=0.4, rewrap=True),
    ),
)

PRESETS: dict[str, Plan] = {plan.name: plan for plan in (*_PUBLISHED, *_EVASIVE)}
"""Name: plan."""
UNSEEN = re.compile(r"unseen-([0-9]{1,9})")
"""Names of campaigns that are drawn, not preset."""


def plan_of(name: str) -> Plan:
    """The preset of that name; `unseen-N` is a draw over all the knobs. KeyError: it is neither."""
    found = UNSEEN.fullmatch(name)
    return unseen(int(found[1])) if found else PRESETS[name]
