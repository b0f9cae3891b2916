"""Owns conversations and the habits that they come from: chats, questions around a template, agents' sessions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Any, Protocol

from proxy.simulate.traffic.benign.party import Request
from proxy.simulate.traffic.benign.rhythm import pause_us
from proxy.simulate.traffic.benign.templates import Template
from proxy.simulate.traffic.bodies import Dialect, body, characters, written
from proxy.simulate.traffic.responses import Answer, Model
from proxy.simulate.traffic.texts.agentic import step
from proxy.simulate.traffic.texts.prompt import Prompt, Tool, Turn
from proxy.simulate.traffic.texts.texts import Texts

_PLAIN = Template(None, "", "")


class Setup:
    """What a program sends with each request: model, system prompt, tools, parameters."""

    __slots__ = ("dialect", "model", "output_tokens", "parameters", "system", "tools")

    def __init__(
        self,
        dialect: Dialect,
        model: Model,
        parameters: Mapping[str, Any],
        system: str | None = None,
        tools: tuple[Tool, ...] = (),
        output_tokens: float | None = None,
    ) -> None:
        self.dialect = dialect
        self.model = model
        self.parameters = parameters
        self.system = system
        self.tools = tools
        self.output_tokens = output_tokens


class Conversation:
    """A conversation as the client holds it. `rest`: of its user's turns, how many are still to come."""

    __slots__ = ("_messages", "_size", "_system", "habit", "rest", "setup", "tools", "turns")

    def __init__(self, habit: Habit, setup: Setup, prompt: Prompt, rest: int) -> None:
        turns = prompt.turns()
        self.habit = habit
        self.setup = setup
        self.rest = rest
        self.turns = len(turns)
        self._system = setup.system or prompt.system
        self.tools = setup.tools or prompt.tools
        self._messages = written(setup.dialect, turns)
        self._size = characters(self._messages, self._system, self.tools)

    def request(self) -> Request:
        """The request for the next answer."""
        setup = self.setup
        return Request(
            body(
                setup.dialect,
                setup.model.name,
                self._messages,
                system=self._system,
                tools=self.tools,
                parameters=setup.parameters,
            ),
            setup.model,
            self._size,
            0.0 if self.turns == 1 else 0.8,
            setup.output_tokens,
        )

    def add(self, *turns: Turn) -> None:
        """Goes on with these turns."""
        messages = written(self.setup.dialect, turns)
        self._messages += messages
        self._size += characters(messages)
        self.turns += len(turns)


class Opener(Protocol):
    """Whatever conversations come from."""

    def opened(self, rng: Random) -> Conversation:
        """A new conversation, its first request ready."""


class Habit(Opener, Protocol):
    """What somebody uses a model for."""

    def continued(self, conversation: Conversation, given: Answer, rng: Random) -> bool:
        """Whether it goes on after that answer; if so, its next request is ready."""

    def pause_us(self, rng: Random) -> int:
        """Between an answer and the next request."""


class Chat:
    """Questions of some families, with a template around the first, and follow-ups."""

    def __init__(
        self,
        texts: Texts,
        families: Sequence[str],
        setup: Setup,
        turns: float = 1.0,
        template: Template = _PLAIN,
        think_s: float = 25.0,
    ) -> None:
        """`turns`: a conversation's mean; `think_s`: the median pause."""
        self._texts = texts
        self._families = families
        self._setup = setup
        self._more = max(0.0, 1.0 - 1.0 / turns)
        self._template = template
        self._think_s = think_s

    def opened(self, rng: Random) -> Conversation:
        prompt = self._texts.draw(self._families[int(rng.random() * len(self._families))], rng)
        if self._template is not _PLAIN:
            prompt = Prompt(self._template.around(prompt.text), self._template.system or prompt.system)
        return self.about(prompt, rng)

    def about(self, prompt: Prompt, rng: Random) -> Conversation:
        """A new conversation that begins with this prompt."""
        rest = 0
        while rng.random() < self._more and rest < 60:
            rest += 1
        return Conversation(self, self._setup, prompt, rest)

    def continued(self, conversation: Conversation, given: Answer, rng: Random) -> bool:
        if conversation.rest <= 0:
            return False
        conversation.rest -= 1
        conversation.add(Turn("assistant", self._texts.remark(rng)), Turn("user", self._texts.remark(rng)))
        return True

    def pause_us(self, rng: Random) -> int:
        return pause_us(rng, self._think_s)


class Agent:
    """Tasks that a model works on with tools, many rounds each; a few words by the user in between."""

    def __init__(self, texts: Texts, families: Sequence[str], setup: Setup, rounds: float) -> None:
        """`rounds`: of tool calls, in the median session."""
        self._texts = texts
        self._families = families
        self._setup = setup
        self._rounds = rounds

    def opened(self, rng: Random) -> Conversation:
        prompt = self._texts.draw(self._families[int(rng.random() * len(self._families))], rng)
        rest = min(40, int(self._rounds * rng.lognormvariate(0.0, 0.8)))
        return Conversation(self, self._setup, Prompt(prompt.text), rest)

    def continued(self, conversation: Conversation, given: Answer, rng: Random) -> bool:
        if conversation.rest <= 0 or not conversation.tools:
            return False
        conversation.rest -= 1
        signature = given.signature if "thinking" in conversation.setup.parameters else None
        if rng.random() < 0.12:
            answer = Turn("assistant", self._texts.remark(rng), signature=signature)
            conversation.add(answer, Turn("user", self._texts.remark(rng)))
        else:
            lines = 1 + int(rng.expovariate(0.4))
            conversation.add(*step(rng, conversation.tools, lines, signature))
        return True

    def pause_us(self, rng: Random) -> int:
        return pause_us(rng, 40.0) if rng.random() < 0.12 else pause_us(rng, 0.8, 1.0)


class Mixed:
    """Any of several habits, anew for each conversation."""

    def __init__(self, habits: Sequence[Opener], weights: Sequence[float]) -> None:
        self._habits = habits
        self._weights = weights

    def opened(self, rng: Random) -> Conversation:
        return rng.choices(self._habits, self._weights)[0].opened(rng)
