"""Owns what a campaign does: hands tasks to accounts, and reacts when one of them is refused.

It sees what a client sees: a status, and when to come back. What it is truly up to goes with each request as `Truth`,
which only the scorer reads.
"""

from __future__ import annotations

from collections.abc import Callable

from proxy.clock import US_PER_SECOND
from proxy.simulate.traffic.actor import Reply, Scene, Sent, Truth
from proxy.simulate.traffic.bodies import body_of
from proxy.simulate.traffic.campaigns.knobs import Plan, Timing
from proxy.simulate.traffic.campaigns.member import Cover, Member
from proxy.simulate.traffic.campaigns.pool import Pool, recruit
from proxy.simulate.traffic.campaigns.schedule import US_PER_DAY, gap_us, next_session_us
from proxy.simulate.traffic.campaigns.tasks import Job, Work
from proxy.simulate.traffic.responses import Answer, Model, answer
from proxy.simulate.traffic.texts.prompt import Prompt
from proxy.simulate.traffic.texts.texts import Texts

_US_PER_HOUR = 3600 * US_PER_SECOND
_SESSION = 6.0
"""Tasks of one sitting on average, where accounts are used as people use them."""
_LEARNS = 0.02
"""Weight of one answer in the share of successes."""
_SLOWEST = 0.15
"""Of its rate, however much is refused."""
_TAKEOVER_S = (120.0, 1200.0)


class Campaign:
    """One campaign, to its end; an `Actor`."""

    def __init__(self, plan: Plan, texts: Texts) -> None:
        self.plan = plan
        self.name = plan.name
        self.wanted = 0
        """Useful requests that it set out to make, repetitions not counted, what it found no account for included."""
        self.pool_of: dict[str, int] = {}
        self._texts = texts
        self._useful = Truth(plan.name, plan.name)
        self._ordinary = Truth(plan.name)
        self._successes = 1.0
        self._replacing = False
        least, most = plan.tasks.turns
        useful = plan.accounts * plan.daily / US_PER_DAY
        self._tasks_per_us = 2 * useful / (least + most)
        cover = plan.disguise.cover
        self._cover_per_us = useful * cover / (1 - cover)

    def begin(self, scene: Scene) -> None:
        """Recruits the first pool, which starts after the lead."""
        self._scene, self._rng = scene, scene.rng
        self._work = Work(self.plan.tasks, self.plan.wrapping, self._texts, self._rng)
        lead_s = 60 * self._rng.uniform(*self.plan.pacing.lead_minutes)
        self._start_us = scene.now_us + round(lead_s * US_PER_SECOND)
        self._pool = self._recruited(0)
        scene.at(self._start_us, self._open)

    def _recruited(self, number: int) -> Pool:
        pool = recruit(self.plan, number, self._texts, self._work.wrappers, self._scene.now_us, self._rng)
        self.pool_of.update((member.account.name, number) for member in pool.members)
        return pool

    def _open(self) -> None:
        """Starts the work of the present pool."""
        if self.plan.pacing.timing is not Timing.HUMAN:
            if self._pool.number == 0:
                self._tick()
            return
        for member in self._pool.members:
            self._sit_down_later(member)

    # Whose turn it is.

    def _tick(self) -> None:
        """One task, or a request of cover, of whichever account the pool's scheduler names; then the next."""
        if self._work.over:
            return
        scene, pacing = self._scene, self.plan.pacing
        mean_us = 1 / ((self._tasks_per_us + self._cover_per_us) * self._ramp())
        scene.at(scene.now_us + gap_us(mean_us, pacing.timing, pacing.jitter, self._rng), self._tick)
        self._act(self._pool.scheduler.next(scene.now_us, self._rng) if self._dares() else None)

    def _act(self, member: Member | None) -> None:
        """One task, or a request of cover, of this account; None: of none, because there is none to be had."""
        rng = self._rng
        if rng.random() * (self._tasks_per_us + self._cover_per_us) < self._cover_per_us:
            if member is not None and member.cover is not None:
                self._send_cover(member, member.cover)
        elif member is None:
            self.wanted += rng.randint(*self.plan.tasks.turns)
        else:
            self._try(self._work.next(member, self._hours()), member)

    def _hours(self) -> float:
        return (self._scene.now_us - self._start_us) / _US_PER_HOUR

    def _ramp(self) -> float:
        """Share of the full rate that it has worked its way up to."""
        ramp_hours = self.plan.pacing.ramp_hours
        return min(1.0, 0.1 + 0.9 * self._hours() / ramp_hours) if ramp_hours else 1.0

    def _dares(self) -> bool:
        """Whether to begin another task; seldom while most is refused."""
        pace = max(_SLOWEST, 1.25 * self._successes) if self.plan.reaction.slows else 1.0
        return self._rng.random() < pace

    def _sit_down_later(self, member: Member) -> None:
        actions = (self._tasks_per_us + self._cover_per_us) * US_PER_DAY / self.plan.accounts * self._ramp()
        moment_us = next_session_us(self._scene.now_us, member.noon_us, actions / _SESSION, self._rng)
        left = 1 + int(self._rng.expovariate(1 / (_SESSION - 0.5)))
        self._scene.at(moment_us, lambda: self._sit(member, left))

    def _sit(self, member: Member, left: int) -> None:
        """One act of a sitting, with so many left, this one included."""
        if member.pool != self._pool.number or self._work.over:
            return
        self._act(member if member.ready(self._scene.now_us) and self._dares() else None)
        if left <= 1:
            self._sit_down_later(member)
        else:
            pause_s = min(1800.0, self._rng.lognormvariate(3.7, 0.9))
            self._later(pause_s, lambda: self._sit(member, left - 1))

    # One request, and what came of it.

    def _try(self, job: Job, member: Member) -> None:
        if job.tries == 0:
            self.wanted += 1
        job.tries += 1
        given = self._answer(job.prompt, job.model)
        reply = self._send(member, self._work.body_of(job), given, self._useful)
        if reply.status < 400:
            self._succeeded(job, member, given)
        elif reply.status in (403, 429):
            self._refused(job, member, reply)
        elif job.tries < self.plan.reaction.tries:
            self._later(self._rng.uniform(0.5, 4.0), lambda: self._try(job, member))
        else:
            self._give_up(job)

    def _send_cover(self, member: Member, cover: Cover) -> None:
        prompt = self._texts.draw(cover.family, self._rng)
        prompt = Prompt(prompt.text, cover.system or prompt.system, prompt.tools, prompt.messages)
        body = body_of(member.client.dialect, cover.model.name, prompt, cover.parameters)
        reply = self._send(member, body, self._answer(prompt, cover.model), self._ordinary)
        if reply.status in (403, 429):
            self._note_refusal(member, reply)

    def _send(self, member: Member, body: dict[str, object], given: Answer, truth: Truth) -> Reply:
        member.sends(self._scene.now_us)
        return self._scene.send(
            Sent(
                account=member.account.name,
                api_key=member.account.api_key,
                address=member.network.address(self._rng),
                path=member.client.path,
                headers=member.client.headers(),
                body=body,
                response=given.response,
                truth=truth,
                attributes=member.attributes,
            )
        )

    def _answer(self, prompt: Prompt, model: Model) -> Answer:
        turns = prompt.turns()
        length = len(prompt.system or "") + 180 * len(prompt.tools) + sum(len(turn.text) + 120 for turn in turns)
        return answer(self._rng, model, length)

    def _succeeded(self, job: Job, member: Member, given: Answer) -> None:
        member.succeeded()
        self._successes += _LEARNS * (1 - self._successes)
        if given.signature is not None:
            self._work.harvested(member, job, (given.signature,))
        if job.left:
            self._work.go_on(job)
            seconds = given.response["duration_s"] + self._rng.uniform(0.5, 8.0)
            self._later(seconds, lambda: self._continue(job, member))

    def _continue(self, job: Job, member: Member) -> None:
        """The next request of a conversation: on the account that it is on, unless that is not to be had."""
        if self.plan.tasks.rotate or not member.ready(self._scene.now_us):
            self._elsewhere(job, member)
        else:
            self._try(job, member)

    # What a refusal leads to.

    def _refused(self, job: Job, member: Member, reply: Reply) -> None:
        self._note_refusal(member, reply)
        reaction = self.plan.reaction
        if job.tries >= reaction.tries:
            self._give_up(job)
        elif reaction.after_429 if reply.status == 429 else reaction.after_403:
            self._later(self._rng.uniform(*reaction.delay_s), lambda: self._elsewhere(job, member))
        elif reply.status == 429:
            wait_s = min(600.0, reply.retry_after_s or 30.0) + self._rng.uniform(0.1, 2.0)
            self._later(wait_s, lambda: self._try(job, member))
        else:
            self._give_up(job)

    def _give_up(self, job: Job) -> None:
        """What would have followed was wanted too."""
        self.wanted += job.left

    def _note_refusal(self, member: Member, reply: Reply) -> None:
        reaction = self.plan.reaction
        self._successes -= _LEARNS * self._successes
        given_up = member.refused(reply.status, reply.retry_after_s, self._scene.now_us, reaction.dead_after)
        if not given_up or member.pool != self._pool.number:
            return
        pool = self._pool
        pool.dead += 1
        enough = reaction.replace_at is not None and pool.dead >= reaction.replace_at * len(pool.members)
        if enough and pool.number + 1 < reaction.pools and not self._replacing:
            self._replacing = True
            self._later(self._rng.uniform(*_TAKEOVER_S), self._replace)

    def _replace(self) -> None:
        """A new pool takes over; what is left of the old one is not used again."""
        if self.plan.reaction.rewrap:
            self._work.wrappers.rewrap(self._rng)
        self._pool = self._recruited(self._pool.number + 1)
        self._replacing = False
        self._successes = 1.0
        self._open()

    def _elsewhere(self, job: Job, member: Member) -> None:
        """The same request under another account, where one is free; else it is given up."""
        other = self._pool.scheduler.next(self._scene.now_us, self._rng)
        if other is member:
            other = self._pool.scheduler.next(self._scene.now_us, self._rng)
        if other is not None:
            self._try(job, other)
        else:
            self.wanted += job.tries == 0
            self._give_up(job)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._scene.at(self._scene.now_us + round(seconds * US_PER_SECOND), act)
