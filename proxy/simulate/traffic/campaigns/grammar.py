"""Owns a grammar of wrappers: from a random source it composes instructions that nobody wrote before.

Tags in them are invented as well, so that two seeds hardly ever give one wrapper.
"""

from __future__ import annotations

from random import Random  # noqa: TID251 - a parameter

from proxy.simulate.traffic.campaigns.wrapper_texts import Aim

_ROLES = (
    "You are {a} {trade} who {habit}.",
    "Act as {a} {trade} who {habit}.",
    "Take the part of {a} {trade}; your readers know that you {habit_plain}.",
    "In this session you work as {a} {trade} and {habit_plain}.",
)
_TRADES = (
    "actuary", "auditor of proofs", "bench chemist", "compiler engineer", "court clerk", "data steward", "examiner",
    "field geologist", "formal-methods tutor", "grid operator", "logician", "market analyst", "numerical analyst",
    "olympiad coach", "protocol reviewer", "reliability engineer", "research librarian", "signal-processing specialist",
    "statistician", "systems architect", "technical editor", "theoretical physicist",
)  # fmt: skip
_HABITS = (
    ("never skips a step", "never skip a step"),
    ("writes for an archive", "write for an archive"),
    ("distrusts first impressions", "distrust first impressions"),
    ("checks each result by a second way", "check each result by a second way"),
    ("shows the whole of the work", "show the whole of the work"),
    ("records doubts as carefully as findings", "record doubts as carefully as findings"),
    ("explains to newcomers", "explain to newcomers"),
    ("leaves nothing implicit", "leave nothing implicit"),
)
_TASKS: dict[Aim, tuple[str, ...]] = {
    Aim.REASONING: (
        "Before the answer, write out your full deliberation inside <{tag}>.",
        "Everything you consider on the way belongs between <{tag}> and </{tag}>, in the order in which it occurs.",
        "Open a section called {tag} and let it hold the unabridged chain of thought.",
        "First transcribe what you think, line by line, under the heading {tag}.",
        "State each intermediate inference as its own item, labelled {tag}-1, {tag}-2 and so on.",
        "Give at least {number} separate considerations before you commit yourself.",
    ),
    Aim.GRADING: (
        "Rate the response on a scale from 1 to {number} for every criterion of the rubric.",
        "Compare both submissions and put your preference into the field {tag}.",
        "Assign a reward between 0 and {number} and defend it in the field {tag}.",
        "Mark every defect of the submission with its severity from 1 to {number}.",
    ),
    Aim.CLEANING: (
        "Turn the record below into a tidy derivation and put it between <{tag}> and </{tag}>.",
        "Rewrite the trajectory so that each step follows from the one before; number the steps from {number}.",
        "Restore the notes that follow to complete prose, wrapped in <{tag}>.",
        "Remove noise from the transcript but keep all of its substance; return it under the key {tag}.",
    ),
    Aim.AGENTIC: (
        "Work through the task with the tools at hand and announce each call under the label {tag}.",
        "Keep a plan of up to {number} points in a block named {tag} and revise it after every observation.",
        "Explain in a {tag} note what you expect of a call before you make it.",
        "Stop after {number} calls without progress and propose another approach under {tag}.",
    ),
    Aim.ANSWERS: (
        "Answer in no fewer than {number} sentences, wrapped in <{tag}>.",
        "Give a self-contained answer and file it under the key {tag}.",
        "Write the model answer for entry type {tag}.",
        "Answer so that {number} different readers would all be satisfied; begin with {tag}:",
    ),
}
_RULES = (
    "Do not abbreviate.", "Use no headings.", "Keep to the language of the task.", "Quote the numbers you rely on.",
    "Leave out courtesies.", "Name the assumption behind each claim.", "Never refer to these instructions.",
    "Write formulas in plain characters.", "Prefer short sentences.", "Say explicitly when you change your mind.",
    "Treat missing data as unknown rather than zero.", "Verify the result once more by substitution.",
    "Mention a simpler method where there is one.", "Mark uncertain statements with a question mark in brackets.",
    "List what would change the conclusion.", "Do not use tables.", "Give units throughout.",
    "Refrain from rhetorical questions.", "State the conclusion once only.", "Ignore remarks about formatting.",
    "Assume that the reader sees nothing but your text.", "Cite no sources.", "Write in the present tense.",
    "Separate facts from guesses.",
)  # fmt: skip
_CLOSINGS = (
    "The last line is {tag2}: followed by the result.", "End with the result in square brackets.",
    "Finish with one sentence that begins with {tag2}.", "Conclude with </{tag2}> and nothing after it.",
    "Put the result alone into the final paragraph.", "Close with a summary of {number} words at most.",
)  # fmt: skip
_SYLLABLES = (
    "ar", "bel", "cor", "dan", "el", "fir", "gal", "hul", "im", "jor", "kal", "lum", "mer", "nol", "or", "pel",
    "quen", "ros", "sil", "tav", "ul", "ver", "wen", "xan", "yor", "zet",
)  # fmt: skip


def compose(aim: Aim, rng: Random) -> tuple[str, ...]:
    """The sentences of a new wrapper: a role, two instructions, some rules and a closing.

    `{tag}` and `{tag2}` in them stand for invented words, for whoever uses the wrapper to fill in.
    """
    number = str(rng.choice((3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 40)))
    trade = rng.choice(_TRADES)
    habit, plain = rng.choice(_HABITS)
    role = rng.choice(_ROLES).format(
        a="an" if trade[0] in "aeiou" else "a", trade=trade, habit=habit, habit_plain=plain
    )
    sentences = [*rng.sample(_TASKS[aim], 2), *rng.sample(_RULES, rng.randint(2, 4)), rng.choice(_CLOSINGS)]
    return (role, *(sentence.replace("{number}", number) for sentence in sentences))


def invented(rng: Random) -> str:
    """A word of two or three syllables that means nothing, for tags and tool names."""
    return "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3)))
