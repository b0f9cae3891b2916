"""Owns the work of a campaign: tasks from families of prompts, and conversations that go on request by request."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random  # noqa: TID251 - a parameter
from typing import Any

from proxy.simulate.traffic.bodies import body_of
from proxy.simulate.traffic.campaigns.knobs import Place, Source, Tasks, Wrapping
from proxy.simulate.traffic.campaigns.member import Member
from proxy.simulate.traffic.campaigns.wrapper_texts import Aim
from proxy.simulate.traffic.campaigns.wrapping import Wrapper, Wrappers, novel
from proxy.simulate.traffic.clients import parameters
from proxy.simulate.traffic.responses import MODELS, Model
from proxy.simulate.traffic.texts.agentic import step, toolset
from proxy.simulate.traffic.texts.prompt import Prompt, Turn
from proxy.simulate.traffic.texts.systems import system_prompt
from proxy.simulate.traffic.texts.texts import Texts

_MODELS = {model.name: model for model in MODELS}

_KEPT = 2000
"""Harvested answers that wait to be brought back."""


@dataclass(slots=True)
class Job:
    """One task: the conversation so far, and what is still to come of it."""

    prompt: Prompt
    model: Model
    wrapper: Wrapper
    left: int = 0
    """Requests after this one."""
    recorded: deque[Turn] = field(default_factory=deque)
    """Turns that are known beforehand, where the conversation took place elsewhere."""
    tries: int = 0
    """Times that the present request was sent."""
    body: dict[str, Any] | None = None
    """Of the present request: the same at each try."""


class Work:
    """Hands out tasks; what one account got, no other gets, where they are dealt."""

    def __init__(self, tasks: Tasks, wrapping: Wrapping, texts: Texts, rng: Random) -> None:
        self.wrappers = Wrappers(wrapping, rng)
        self._tasks = tasks
        self._wrapping = wrapping
        self._texts = texts
        self._rng = rng
        there = set(texts.families())
        self._families = [name for name in tasks.families if name in there] or texts.families("attack")
        self._dealt: dict[str, Iterator[Prompt]] = {}
        self._tools = toolset(rng, rng.randint(3, 9))
        self._system = system_prompt(rng, rng.randint(8, 30)) if wrapping.place is Place.NONE else None
        self._parameters = [parameters(rng, tasks.dialect, thinks=True) for _ in range(rng.randint(1, 2))]
        conversions = replace(wrapping, aim=Aim.CLEANING, place=Place.PREFIX, variants=2)
        self._conversions = Wrappers(conversions, rng)
        self._harvest: deque[tuple[Member, str, str]] = deque(maxlen=_KEPT)
        self.handed_out = 0

    @property
    def over(self) -> bool:
        """Nothing is left to be asked."""
        return self._tasks.most is not None and self.handed_out >= self._tasks.most

    def next(self, member: Member, hours: float) -> Job:
        """The next task, for `member`, so many hours after the campaign began."""
        self.handed_out += 1
        rng = self._rng
        model = self._model(hours)
        if self._harvest and rng.random() < self._tasks.signatures:
            return self._conversion(member, model)
        family = self._families[int(rng.random() * len(self._families))]
        prompt = self._taken(family)
        wrapper = (
            novel(self._wrapping, rng) if self._tasks.techniques else self.wrappers.for_request(member.wrapper, rng)
        )
        least, most = self._tasks.turns
        left = rng.randint(least, most) - 1
        if self._tasks.source is Source.TRACES and prompt.messages:
            return self._retold(prompt, model, wrapper, left)
        if self._tasks.harness:
            prompt = Prompt(prompt.text, self._system, self._tools)
        return Job(wrapper.around(replace(prompt, messages=prompt.turns())), model, wrapper, left)

    def body_of(self, job: Job) -> dict[str, Any]:
        """The present request's body."""
        if job.body is None:
            job.body = body_of(self._tasks.dialect, job.model.name, job.prompt, self._rng.choice(self._parameters))
        return job.body

    def go_on(self, job: Job) -> None:
        """Adds the answer and the next turn to the conversation."""
        job.left -= 1
        job.tries = 0
        job.body = None
        job.prompt = replace(job.prompt, messages=(*job.prompt.messages, *self._next_turns(job)))

    def harvested(self, member: Member, job: Job, signatures: Sequence[str]) -> None:
        """Takes in the reasoning signatures that an answer to `member` issued."""
        if self._tasks.signatures:
            self._harvest.extend((member, job.prompt.messages[-1].text, signature) for signature in signatures)

    def _taken(self, family: str) -> Prompt:
        if self._tasks.source is Source.DRAWN:
            return self._texts.draw(family, self._rng)
        if family not in self._dealt:
            self._dealt[family] = self._texts.deal(family, self._rng)
        return next(self._dealt[family])

    def _model(self, hours: float) -> Model:
        pivot = self._tasks.pivot
        if pivot is not None and hours >= pivot[0] and self._rng.random() < pivot[2]:
            return _MODELS[pivot[1]]
        return _MODELS[self._rng.choice(self._tasks.models)]

    def _retold(self, prompt: Prompt, model: Model, wrapper: Wrapper, left: int) -> Job:
        first, *rest = prompt.messages
        wrapped = wrapper.around(replace(prompt, messages=(first,)))
        return Job(wrapped, model, wrapper, min(left, len(rest) // 2), deque(rest))

    def _conversion(self, member: Member, model: Model) -> Job:
        """A new session that shows another account's reasoning as its own past and asks to have it put into words."""
        owner, question, signature = self._harvest.popleft()
        if owner is member and self._harvest:
            self._harvest.append((owner, question, signature))
            owner, question, signature = self._harvest.popleft()
        wrapper = self._conversions.assigned(self._rng)
        asked = wrapper.around_turn(Turn("user", self._texts.remark(self._rng)))
        answer = Turn("assistant", self._texts.remark(self._rng), signature=signature)
        return Job(Prompt(question, messages=(Turn("user", question), answer, asked)), model, wrapper)

    def _next_turns(self, job: Job) -> tuple[Turn, ...]:
        if len(job.recorded) >= 2:
            return job.recorded.popleft(), job.wrapper.around_turn(job.recorded.popleft())
        if job.prompt.tools:
            return step(self._rng, job.prompt.tools)
        asked = job.wrapper.around_turn(Turn("user", self._texts.remark(self._rng)))
        return Turn("assistant", self._texts.remark(self._rng)), asked
