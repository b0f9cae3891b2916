"""Owns one run: plays the rounds, interleaved, and keeps what they gave and what failed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.bench.experiments import Experiment
from tests.bench.failures import BenchError, PeerMissingError
from tests.bench.figures import Compared, compared
from tests.bench.rounds import Say
from tests.bench.stage import Stage


class Run:
    """`rounds` are figures by experiment, `faults` the experiments that are no measurement, with the reason."""

    def __init__(self, experiments: Sequence[Experiment], console: Console) -> None:
        self.rounds: dict[str, list[dict[str, float]]] = {experiment.name: [] for experiment in experiments}
        self.faults: dict[str, str] = {}
        self._missing: dict[str, str] = {}
        self._experiments = experiments
        self._console = console

    def play(self, stage: Stage) -> None:
        """Plays each experiment once a round. One that fails is told of and not played again."""
        number_of_rounds = stage.times.rounds
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("starting", total=number_of_rounds * len(self._experiments))
            for number in range(1, number_of_rounds + 1):
                for experiment in self._experiments:
                    told = f"round {number}, {experiment.name}: "
                    say = partial(lambda told, who: progress.update(task, description=told + who), told)
                    if experiment.name not in self.faults and experiment.name not in self._missing:
                        self._play(experiment, stage, say)
                    progress.advance(task)
        self._missing |= stage.missing

    def rows(self) -> list[tuple[Compared, str]]:
        """The table's rows, each with the reason why it has no figures, or ''. What failed shows none."""
        rows = []
        for experiment in self._experiments:
            failed = "failed" if experiment.name in self.faults else self._missing.get(experiment.name, "")
            for row in experiment.rows:
                note = failed or self._missing.get(row.subject) or self._missing.get(row.reference or "", "")
                rows.append((compared(row, [] if failed else self.rounds[experiment.name]), note))
        return rows

    def _play(self, experiment: Experiment, stage: Stage, say: Say) -> None:
        try:
            self.rounds[experiment.name].append(experiment.round(stage, say))
        except PeerMissingError as missing:
            self._missing[experiment.name] = str(missing)
        except BenchError as fault:
            self.faults[experiment.name] = str(fault)
            self._console.print(f"{experiment.name} failed: {fault}", markup=False, highlight=False)
