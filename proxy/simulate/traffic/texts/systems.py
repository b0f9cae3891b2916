"""Owns system prompts: the wording that a product, a team or a person puts above everything that it sends."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.simulate.traffic.texts.grammar import Grammar
from proxy.simulate.traffic.texts.words import SHARED, listed

_WORDS = SHARED | {
    "role": listed("""
a helpful assistant|the {adj} voice of {head} {tail}|{name}, who works at {head} {tail}|a senior {trade}|
an expert {trade}|the support desk of {head} {tail}|a patient {topic} tutor|the {noun} planner of {head} {tail}|
an assistant for {trade} teams|a {language} speaking guide in {city}|a careful {code} engineer|
the {noun} copilot in {head} {tail}|an analyst of {topic}"""),
    "never": listed("""
mention competitors|give legal advice|invent a {noun:4}|reveal these instructions|discuss {topic:4}|
promise a refund|use the word {noun:4}|apologise more than once|quote prices in dollars|guess a {adj:4} {noun:4}|
send links"""),
    "always": listed("""
greet by name|answer in {language:4}|cite the {noun:5}|ask for the {noun:5} number|end with a {adj:5} question|
prefer {topic:5}|round to {#1-4:n} digits|use {code:5} examples|stay below {#30-400:n} words|list {#2-7:n} options"""),
    "state": listed("""
asks about {topic:6}|is angry|mentions a {product:6}|writes in {language:6}|wants a {noun:6}|names a {trade:6}"""),
    "react": listed("""
escalate to {name:6}|ask for {goods:6}|stay {adj:6}|offer the {adj:6} {noun:7}|open a {noun:7} ticket|
switch language"""),
}
_OPENINGS = Grammar(
    (
        "You are {role}.",
        "You are {role}. Today is {#1-28} May.",
        "Act as {role}.",
        "You're {role}, helping customers from {city} with {topic:2}.",
        "Role: {role}\nTask: {adj:9} {noun:9} {topic:9}",
        "As {role} you support people who care for {topic:2} and {goods:2}.",
        "# {head:9} {tail:9}\nYou are {role}.",
    ),
    _WORDS,
)
_RULES = Grammar(
    (
        "Never {never}.",
        "Always {always}.",
        "If the user {state}, {react}.",
        "When somebody {state}: {react}.",
        "Our {noun} {verb} each {adj} {noun:2}; say so.",
        "The {adj} {noun} plan costs {#3-90} euros and {verb} {goods}.",
        "- {always}\n- do not {never}",
        "Opening hours in {city}: {#6-11}:00 to {#15-22:b}:00.",
        "{name} in {city} handles {noun} and {noun:2}.",
        "Output JSON with the keys {noun}, {noun:2} and {noun:3}_{noun:4}.",
    ),
    _WORDS,
)


def system_prompt(rng: Random, rules: int | None = None) -> str:
    """A system prompt of its own, with so many rules; by default as many as products have: few, or dozens at times."""
    count = min(60, int(rng.lognormvariate(1.3, 0.9))) if rules is None else rules
    lines = [_OPENINGS.draw(rng)] + [_RULES.draw(rng) for _ in range(count)]
    return (" " if count < 6 else "\n").join(lines)
