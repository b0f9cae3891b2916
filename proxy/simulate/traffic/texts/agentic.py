"""Owns what agents send: tool definitions, the calls of a session and what came of them."""

from __future__ import annotations

from random import Random  # noqa: TID251 - seeded, and handed on as a parameter

from proxy.simulate.traffic.texts.grammar import Grammar
from proxy.simulate.traffic.texts.prompt import Call, Result, Tool, Turn
from proxy.simulate.traffic.texts.words import NOUNS, SHARED, listed

_VERBS = listed("""
get list search create update delete send book cancel fetch run read write edit open close find compute convert
check assign archive merge upload download render query schedule submit track validate""")
_FIELDS = listed("""
id name path query limit offset date city email amount currency status kind text title start end unit language
user_id order_id file line pattern content format count owner priority reason region source target url version zone""")
_TYPES = ("string", "string", "string", "integer", "number", "boolean")

TASKS = (
    "Fix the {adj} {noun} bug in {noun:2}_{noun:3}.{ext}: it {verb} the {noun:4} when the {noun:5} is {adj:2}.",
    "add a `--{noun}` flag to the {noun:2} command, with tests and docs",
    "Find where {noun}_{noun:2} is defined and rename it to {noun:3}_{noun:4} across the repo",
    "Book {#1-9} seats from {city} to {city:2} on {#1-28} May below {#80-980:b} euros, aisle if possible.",
    "My {product} order {#10000-99999} should go to {city} instead; change it and tell {name}.",
    "migrate {noun}.{ext} from {library} to {library:2}, keep the {noun:2} API stable",
    "Why does the {noun} test fail on CI? See {noun:2}/{noun:3}.{ext} line {#3-900}.",
    "Collect the last {#3-60} {noun} reports for {head} {tail}, sum the {noun:2} column and send it to {name}.",
    "Set up a {noun} dashboard for {city}: {adj} {noun:2}, {noun:3} per hour, alert above {#10-990}.",
    "Review the pull request '{verb} {adj} {noun}' and comment on the {noun:2} handling.",
)
TASK_WORDS = {"ext": listed("py ts go rs java cpp rb kt sql yaml")}

_OUTPUTS = Grammar(
    (
        "{noun}/{noun:2}_{noun:3}.{ext}:{#1-900}: def {verb}_{noun:4}({noun:5}, {noun:6}={#0-99:b})\n"
        "{noun}/{noun:7}.{ext}:{#1-900:c}: {verb:2}_{noun:4}({adj})",
        '[{#1000-99999}, "{noun}", "{adj} {noun:2}", {#0-999:b}, "{city}", "{name}"]',
        "{#1-60} passed, {#1-9:b} failed\nFAILED tests/{noun}_{noun:2}.{ext}::{verb}_{noun:3} - {adj} {noun:4}",
        "ok: {#2-900} {goods} in {city}, next {noun} {#1-28:b} May, {name} notified",
        "error: no {noun} named {noun:2}_{noun:3} ({#100-599})",
        "    {noun} = {noun:2}.{verb}({noun:3})\n    if {noun} is None:\n        return {adj}_{noun:4}({#0-99})\n    "
        "{noun:5}.{verb:2}({noun}[{#0-9:b}:])",
    ),
    SHARED | TASK_WORDS,
)
_REMARKS = Grammar(
    (
        "Let me look at {noun}_{noun:2} first.",
        "The {adj} {noun} is in {noun:2}; checking {noun:3}.",
        "Now the {noun} {verb}. I will run it again.",
        "Found it: {noun} {verb} {noun:2}.",
        "",
        "Next, {noun:2}.",
    ),
    SHARED,
)


def toolset(rng: Random, size: int | None = None) -> tuple[Tool, ...]:
    """The tool definitions of one product, 1 to 24 of them, with names of their own."""
    count = min(24, 1 + int(rng.lognormvariate(1.2, 0.8))) if size is None else size
    domain = rng.sample(NOUNS, min(len(NOUNS), count + 3))
    return tuple(_tool(rng, f"{rng.choice(_VERBS)}_{domain[at]}", domain[at + 1]) for at in range(count))


def steps(rng: Random, tools: tuple[Tool, ...], count: int) -> list[Turn]:
    """So many rounds of the model calling a tool and the client giving back what came of it; two turns each."""
    turns: list[Turn] = []
    for _ in range(count):
        turns += step(rng, tools)
    return turns


def step(rng: Random, tools: tuple[Tool, ...], lines: int = 1, signature: str | None = None) -> tuple[Turn, Turn]:
    """One round; `lines` is the length of the result in outputs."""
    tool = tools[int(rng.random() * len(tools))]
    call_id = f"toolu_{rng.getrandbits(80):020x}"
    arguments = {name: _argument(rng, kind) for name, kind in tool.parameters["properties"].items()}
    text = _OUTPUTS.draw(rng) if lines == 1 else "\n".join(_OUTPUTS.draw(rng) for _ in range(lines))
    return (
        Turn("assistant", _REMARKS.draw(rng), calls=(Call(call_id, tool.name, arguments),), signature=signature),
        Turn("user", results=(Result(call_id, text),)),
    )


def _tool(rng: Random, name: str, other: str) -> Tool:
    fields = rng.sample(_FIELDS, 1 + int(rng.random() * 5))
    return Tool(
        name,
        f"{name.replace('_', ' ').capitalize()} by {fields[0]}, for the {other}.",
        {
            "type": "object",
            "properties": {field: {"type": rng.choice(_TYPES)} for field in fields},
            "required": fields[:1],
        },
    )


def _argument(rng: Random, schema: dict[str, str]) -> object:
    kind = schema["type"]
    if kind == "integer":
        return int(rng.random() * 1000)
    if kind == "number":
        return round(rng.random() * 1000, 2)
    if kind == "boolean":
        return rng.random() < 0.5
    return NOUNS[int(rng.random() * len(NOUNS))]
