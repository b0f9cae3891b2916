"""Owns the wrappers of one campaign as they stand in its requests."""

from __future__ import annotations

from dataclasses import replace
from random import Random  # noqa: TID251 - a parameter

from proxy.simulate.traffic.campaigns.grammar import compose, invented
from proxy.simulate.traffic.campaigns.knobs import Per, Place, Wrapping
from proxy.simulate.traffic.campaigns.paraphrase import reordered, reworded
from proxy.simulate.traffic.campaigns.wrapper_texts import WRITTEN
from proxy.simulate.traffic.texts.prompt import Prompt, Tool, Turn

Tags = tuple[str, str]
"""What `{tag}` and `{tag2}` stand for in a wrapper."""


class Wrapper:
    """One variant. `reworded` gives another wording of it, `around` a task in it."""

    def __init__(self, knobs: Wrapping, sentences: tuple[str, ...], tags: Tags, tools: tuple[Tool, ...] = ()) -> None:
        self._knobs = knobs
        self._sentences = sentences
        self._tags = tags
        self._text = _filled(_joined(sentences), tags)
        self._tools = tools

    def reworded(self, rng: Random) -> Wrapper:
        """Another wording, as far as the knobs ask for one; with other words, invented tags are others too."""
        knobs = self._knobs
        sentences = reordered(self._sentences, rng) if knobs.reorder else self._sentences
        tags = _tags(rng) if knobs.words else self._tags
        return Wrapper(knobs, reworded(sentences, knobs.words, rng), tags, self._tools)

    def recast(self, rng: Random) -> Wrapper:
        """Another wording, whatever the knobs ask for."""
        sentences = reworded(reordered(self._sentences, rng), max(self._knobs.words, 0.2), rng)
        return Wrapper(self._knobs, sentences, _tags(rng), self._tools)

    def around(self, prompt: Prompt) -> Prompt:
        """The task in its wrapper. Every turn of the user that has text gets it, where it stands in such turns."""
        place = self._knobs.place
        if place is Place.NONE:
            return prompt
        if place is Place.SYSTEM:
            system = self._text if prompt.system is None else f"{self._text}\n\n{prompt.system}"
            return replace(prompt, system=system)
        if place is Place.TOOLS:
            return replace(prompt, tools=self._tools)
        turns = tuple(self.around_turn(turn) for turn in prompt.messages)
        return replace(prompt, text=self._inside(prompt.text), messages=turns)

    def around_turn(self, turn: Turn) -> Turn:
        """A turn of the conversation in the wrapper."""
        if turn.role != "user" or not turn.text or self._knobs.place not in (Place.PREFIX, Place.SUFFIX):
            return turn
        return replace(turn, text=self._inside(turn.text))

    def _inside(self, text: str) -> str:
        return f"{self._text}\n\n{text}" if self._knobs.place is Place.PREFIX else f"{text}\n\n{self._text}"


class Wrappers:
    """The variants that a campaign has in use, and who words them how."""

    def __init__(self, knobs: Wrapping, rng: Random) -> None:
        self._knobs = knobs
        self._variants = [_variant(knobs, rng) for _ in range(max(1, knobs.variants))]

    def assigned(self, rng: Random) -> Wrapper:
        """A variant, worded for one account where each words it by itself."""
        wrapper = rng.choice(self._variants)
        return wrapper.reworded(rng) if self._knobs.per is Per.ACCOUNT else wrapper

    def for_request(self, assigned: Wrapper, rng: Random) -> Wrapper:
        """What one new task of an account gets."""
        if self._knobs.per is Per.REQUEST:
            return rng.choice(self._variants).reworded(rng)
        return assigned if self._knobs.per is Per.ACCOUNT else rng.choice(self._variants)

    def rewrap(self, rng: Random) -> None:
        """Words every variant anew, a fifth of the words and the order at least."""
        self._variants = [variant.recast(rng) for variant in self._variants]


def novel(knobs: Wrapping, rng: Random) -> Wrapper:
    """A wrapper of its own, for one request."""
    return Wrapper(knobs, compose(knobs.aim, rng), _tags(rng))


def _variant(knobs: Wrapping, rng: Random) -> Wrapper:
    written = [text for text in WRITTEN if text.aim is knobs.aim]
    by_hand = bool(written) and rng.random() < knobs.by_hand
    sentences = _with_additions(rng.choice(written).sentences, knobs, rng) if by_hand else compose(knobs.aim, rng)
    tags = _tags(rng)
    return Wrapper(knobs, sentences, tags, _tools(sentences, tags, rng) if knobs.place is Place.TOOLS else ())


def _with_additions(sentences: tuple[str, ...], knobs: Wrapping, rng: Random) -> tuple[str, ...]:
    """A written text with something composed beside it, so that it is not the same under every seed."""
    if sentences[0].isascii():
        return (*sentences, *compose(knobs.aim, rng)[2:])
    return (*sentences, "[{tag}-{tag2}]")


def _tools(sentences: tuple[str, ...], tags: Tags, rng: Random) -> tuple[Tool, ...]:
    """Tool definitions that carry the instructions in their descriptions."""
    return tuple(
        Tool(
            f"{invented(rng)}_{rng.choice(('note', 'report', 'emit', 'record', 'step', 'submit'))}",
            _filled(sentence, tags),
            {
                "type": "object",
                "properties": {invented(rng): {"type": "string"} for _ in range(rng.randint(1, 4))},
            },
        )
        for sentence in sentences
    )


def _tags(rng: Random) -> Tags:
    return invented(rng), invented(rng)


def _filled(text: str, tags: Tags) -> str:
    return text.replace("{tag}", tags[0]).replace("{tag2}", tags[1])


def _joined(sentences: tuple[str, ...]) -> str:
    between = "" if sentences[0].endswith("。") else " "
    return between.join(sentences)
