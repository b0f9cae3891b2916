"""Play the suite of campaigns and traps against a policy and two baselines, and compare with the figures on record.

Every preset runs scaled down in a benign world, and every trap beside it; all in virtual time, on as many processes as
--jobs says. To be run in the root of stillgate's repository, where policy and record are, or with --policy and
--recorded. Exit code 0, 1 where a figure is behind the one on record (or a policy is bad), 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from proxy.simulate.traffic.suite import Played, Trial


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help="only these, by name (default: all)")
    parser.add_argument(
        "--policy", metavar="PATH", default="policies/strict.yaml", help="who judges (default: %(default)s)"
    )
    parser.add_argument(
        "--recorded",
        metavar="FILE",
        type=Path,
        default=Path("tests/scenarios/recorded.json"),
        help="the figures on record (default: %(default)s)",
    )
    parser.add_argument("--record", action="store_true", help="put this run's figures on record")
    parser.add_argument("--seed", type=int, help="another world (default: the one on record)")
    parser.add_argument("--scale", type=float, default=1.0, help="of the suite's size (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print all scores as JSON")


def run(arguments: argparse.Namespace) -> int:
    from proxy.policy.load import load_policy
    from proxy.simulate.traffic.recorded import read
    from proxy.simulate.traffic.suite import DEFAULT_SEED, trials

    if not Path(arguments.policy).exists():
        raise UsageError(
            f"--policy {arguments.policy}: there is no such file; run this in the root of stillgate's repository, "
            "or give --policy and --recorded"
        )
    load_policy(arguments.policy)
    if arguments.jobs < 1:
        raise UsageError(f"--jobs {arguments.jobs}: give 1 or more")
    if not 0 < arguments.scale <= 100:
        raise UsageError(f"--scale {arguments.scale:g}: give a number above 0, up to 100")
    known = read(arguments.recorded)
    seed = arguments.seed if arguments.seed is not None else known.seed if known is not None else DEFAULT_SEED
    suite = _chosen(trials(seed, arguments.scale), arguments.trials)
    played = _play(suite, arguments)
    if arguments.json:
        print(json.dumps([_as_json(each) for each in played], indent=2))
    else:
        _show(played)
    return _compare(played, seed, arguments)


def _chosen(suite: list[Trial], names: Sequence[str]) -> list[Trial]:
    known = {trial.name for trial in suite}
    for name in names:
        if name not in known:
            raise UsageError(f"no trial is called '{name}'; choose from: {', '.join(trial.name for trial in suite)}")
    return [trial for trial in suite if not names or trial.name in names]


def _play(suite: Sequence[Trial], arguments: argparse.Namespace) -> list[Played]:
    """Every trial against every judge, in the order of the suite."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from proxy.simulate.traffic.suite import JUDGES, run_all

    order = {(trial.name, judge): at for at, (judge, trial) in enumerate((j, t) for t in suite for j in JUDGES)}
    with (
        ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as executor,
        _bar(len(order)) as (bar, task),
    ):
        played = []
        for each in run_all(suite, arguments.policy, executor):
            played.append(each)
            bar.update(task, advance=1, description=f"{each.trial}, {each.judge}")
    return sorted(played, key=lambda each: order[each.trial, each.judge])


@contextmanager
def _bar(total: int) -> Iterator[tuple[Progress, TaskID]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        yield bar, bar.add_task("scenarios", total=total)


def _show(played: Sequence[Played]) -> None:
    from rich.console import Console

    from proxy.cli.score_table import benign_table, campaign_table
    from proxy.simulate.traffic.suite import JUDGES, together

    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(campaign_table((each.judge, each.score) for each in played))
    console.print(benign_table([(judge, together(played, judge)) for judge in JUDGES]))


def _compare(played: Sequence[Played], seed: int, arguments: argparse.Namespace) -> int:
    """Records the figures, or tells which are behind those on record; the exit code."""
    from proxy.simulate.traffic.recorded import Recorded, behind, figures_of, read, write
    from proxy.simulate.traffic.suite import OURS

    now = {each.trial: figures_of(each.score) for each in played if each.judge == OURS}
    known = read(arguments.recorded)
    on_record = known.trials if known is not None and (known.seed, known.scale) == (seed, arguments.scale) else None
    if arguments.record:
        before = on_record or {} if arguments.trials else {}
        write(arguments.recorded, Recorded(seed, arguments.scale, {**before, **now}))
        return 0
    if on_record is None:
        print("nothing on record for this seed and scale; --record keeps these figures", file=sys.stderr)
        return 0
    compared = {name: figures for name, figures in on_record.items() if name in now or not arguments.trials}
    worse = list(behind(compared, now))
    for line in worse:
        print(f"stillgate scenarios: {line}", file=sys.stderr)
    return 1 if worse else 0


def _as_json(played: Played) -> dict[str, Any]:
    return {"trial": played.trial, "judge": played.judge, **played.score.as_json()}
