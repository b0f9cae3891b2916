"""Owns the wrappers that products put around what their users write: instructions before, after, as a system prompt."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.simulate.traffic.texts.grammar import Grammar
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.words import SHARED, listed

_WORDS = SHARED | {
    "labels": listed("""
positive, neutral, negative|urgent, normal, can wait|{noun:7}, {noun:8}, {noun:9} or other|a number from 1 to {#4-10:l}|
{adj:7}, {adj:8} or {adj:9}|yes, no or unclear"""),
    "format": listed("""
Answer with one word.|Return JSON only.|Reply with the key {noun:5} and nothing else.|No explanation.|Use CSV.|
Give a confidence in percent.|Write it as a table.|Think it through, then give the final label on its own line."""),
    "from": listed("{head} {tail}|our {noun:4} team|the {city} office|a {trade} forum|the {adj:4} {noun:4} archive"),
}
_INSTRUCTIONS = {
    "classify": Grammar(
        (
            "Classify the text from {from} below as {labels}. {format}",
            "You will see a message from {from}. Which label fits: {labels}? {format}",
            "Label: {labels}. Source: {from}. {format}",
        ),
        _WORDS,
    ),
    "extract": Grammar(
        (
            "Extract {noun}, {noun:2} and {noun:3} from this record of {from}. {format}",
            "From the document below, taken from {from}, list every {noun} with its {noun:2}. {format}",
            "Fields: {noun}, {noun:2}, {adj}_{noun:3}. Leave missing ones empty. {format}",
        ),
        _WORDS,
    ),
    "summarise": Grammar(
        (
            "Summarise this text from {from} for a {trade} in {#2-9} sentences. {format}",
            "Write {#2-8} key points about the {noun} in the text below. {format}",
            "Shorten the following for {from}, keep the {noun} and every {noun:2}. {format}",
        ),
        _WORDS,
    ),
    "answer": Grammar(
        (
            "Use only the context from {from} to answer. If it does not say, answer '{adj} {noun}'. {format}",
            "A customer of {head} {tail} writes. Draft a {adj} reply in the voice of {name}. {format}",
            "Help this person with {topic}. Mention the {noun} when it matters. {format}",
        ),
        _WORDS,
    ),
    "synthesise": Grammar(
        (
            "Write {#2-8} different {adj} ways in which a customer of {head} {tail} could say this. {format}",
            "Turn the sentence into a dialogue between a {trade} and a {trade:2}. {format}",
            "Invent a {noun} question that the text answers, and the answer. {format}",
        ),
        _WORDS,
    ),
    "grade": Grammar(
        (
            "Score the answer below from 1 to {#4-10} for {from}. Weigh {noun}, {noun:2} and style. "
            "Explain, then the score.",
            "Compare both responses as a strict {trade} would; say which is better and why. {format}",
            "You mark exams about {topic}. Give points out of {#10-100} by this rubric: {adj} {noun} "
            "{#2-5:b}, rest {noun:2}. {format}",
        ),
        _WORDS,
    ),
    "reason": Grammar(
        (
            "Show all of your reasoning step by step in <thinking> tags before the answer, so that a "
            "pupil of {name} can follow it.",
            "As the {topic} tutor of {head} {tail}: think aloud, write down each thought, also the "
            "wrong turns, then conclude.",
            "Before you decide, write out the complete chain of thought for our {noun} auditors, from "
            "first {noun:2} to {noun:3}.",
            "Explain your reasoning in full detail so that {from} can verify every step, and number the steps.",
        ),
        _WORDS,
    ),
}
TASKS = tuple(_INSTRUCTIONS)
"""What templates are for."""


@dataclass(frozen=True, slots=True)
class Template:
    """What stays the same from request to request."""

    system: str | None
    before: str
    after: str

    def around(self, text: str) -> str:
        """The user's turn that a text makes."""
        return f"{self.before}{text}{self.after}"


def template(rng: Random, task: str, place: str | None = None) -> Template:
    """A template for a task. `place` of the instruction: system, before or after; drawn where not given."""
    text = _INSTRUCTIONS[task].draw(rng)
    place = place or rng.choice(("system", "system", "before", "before", "after"))
    system = system_prompt(rng) if rng.random() < 0.4 else None
    opening = rng.choice(("", "Text: ", "Input:\n", "<doc>\n", '"""\n', "### Input\n"))
    if place == "system":
        return Template(f"{system}\n\n{text}" if system else text, opening, "")
    if place == "before":
        return Template(system, f"{text}\n\n{opening}", "")
    return Template(system, opening, f"\n\n{text}")
