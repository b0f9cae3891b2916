"""Owns one customer's big jobs: one template, a million inputs, day and night, on one key or on several. Trap 6."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from proxy.simulate.traffic.actor import Scene, Truth
from proxy.simulate.traffic.benign.party import Customer, Request
from proxy.simulate.traffic.benign.talk import Chat, Setup
from proxy.simulate.traffic.benign.templates import template
from proxy.simulate.traffic.benign.visits import Work
from proxy.simulate.traffic.bodies import Dialect
from proxy.simulate.traffic.clients import install, parameters
from proxy.simulate.traffic.identity import account, hosting
from proxy.simulate.traffic.responses import draw_model
from proxy.simulate.traffic.texts.prompt import Prompt
from proxy.simulate.traffic.texts.texts import Texts


class Job(StrEnum):
    """What a job is for: the template's task and the family that it works on."""

    CLASSIFICATION = "classify"
    BACKFILL = "summarise"
    SYNTHESIS = "synthesise"
    GRADING = "grade"


_INPUTS = {
    Job.CLASSIFICATION: ("reviews", "support", "extraction", "letters"),
    Job.BACKFILL: ("documents", "extraction"),
    Job.SYNTHESIS: ("support", "questions", "reviews", "word-problems", "coding-tasks"),
    Job.GRADING: ("gradings", "essays", "traces"),
}
_OUTPUT_TOKENS = {Job.CLASSIFICATION: 12.0, Job.BACKFILL: 160.0, Job.SYNTHESIS: 350.0, Job.GRADING: 120.0}


class BatchJob:
    """A job of one payer that deals one dataset out over its keys, each input once, as fast as it may."""

    def __init__(self, texts: Texts, job: Job, hourly: float, keys: int = 1, name: str = "batch") -> None:
        """`hourly`: about how many requests an hour. `keys`: of one organisation, sharing the job evenly."""
        self._texts = texts
        self._job = job
        self._hourly = hourly
        self._keys = keys
        self._truth = Truth(name)

    def begin(self, scene: Scene) -> None:
        rng = scene.rng
        client = install(rng, rng.choice(("python-sdk", "backend", "langchain", "node-sdk")))
        network = hosting(rng, rng.choice((1, 1, 2)))
        org, payment = f"org_{rng.getrandbits(48):012x}", f"pm_{rng.getrandbits(64):016x}"
        age_days = rng.choice((0.02, 3.0, 200.0))
        tier = rng.choice(("build", "scale"))
        customers = [
            Customer(
                self._truth,
                account(
                    rng, scene.now_us, tier=tier, org=org, age_days=age_days * rng.uniform(0.9, 1.1), payment=payment
                ),
                client,
                network,
                retries=rng.choice((2, 5, 8)),
                patience_s=600.0,
            )
            for _ in range(self._keys)
        ]
        # Workers wait between requests so that, all together, they make about as many an hour as they should.
        workers = self._keys * max(1, rng.choice((1, 2, 4, 8)) // self._keys)
        gap_s = max(0.05, 3600.0 * workers / self._hourly - rng.uniform(1.0, 3.0))
        Work(scene, customers, self._requests(scene, client.dialect), gap_s).start(workers)

    def _requests(self, scene: Scene, dialect: Dialect) -> Iterator[Request]:
        rng = scene.rng
        model = draw_model(rng, dialect, thinks=False if self._job is Job.CLASSIFICATION else None)
        around = template(rng, self._job.value)
        plan = Setup(dialect, model, parameters(rng, dialect), around.system, output_tokens=_OUTPUT_TOKENS[self._job])
        chat = Chat(self._texts, (), plan)
        for prompt in self._texts.deal(rng.choice(_INPUTS[self._job]), rng):
            yield chat.about(Prompt(around.around(prompt.text)), rng).request()
