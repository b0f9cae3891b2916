"""Generate raw exchange logs with ground truth: campaigns and benign traffic, in virtual time, closed loop if asked.

PRESET is a campaign; --list shows them all, and the benign scenarios. With --against, every request is put before that
policy and the parties react to its answers; the score is printed. Without, everything is let through.
The same options give the same bytes. Exit code 0, 1 for a bad policy, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.errors import UsageError

if TYPE_CHECKING:
    from proxy.simulate.traffic.run import Setting
    from proxy.simulate.traffic.score import Score


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("presets", nargs="*", metavar="PRESET", help="campaigns; 'all' for every one")
    parser.add_argument(
        "--benign", nargs="+", metavar="SCENARIO", default=["all"], help="benign scenarios, all or none (default: all)"
    )
    parser.add_argument(
        "--scale", type=float, default=0.01, help="share of the published number of accounts (default: %(default)s)"
    )
    parser.add_argument(
        "--benign-scale", type=float, default=0.01, help="the same for benign scenarios (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, another world (default: %(default)s)")
    parser.add_argument("--hours", type=float, default=6.0, help="virtual hours (default: %(default)s)")
    parser.add_argument(
        "--attributes",
        choices=("full", "partial", "absent"),
        default="full",
        help="how much the edge passes of what it knows of an account (default: %(default)s)",
    )
    parser.add_argument("--corpora", metavar="DIR", type=Path, help="real prompts, beside the built-in generators")
    parser.add_argument("--against", metavar="POLICY", help="let this policy judge, and the parties react")
    parser.add_argument("--out", metavar="LOG", help="write the raw log, LOG.part until it is whole; .gz compresses it")
    parser.add_argument("--truth", metavar="FILE", help="write what is true of each line of the log; .gz compresses it")
    parser.add_argument("--json", action="store_true", help="print the score as JSON")
    parser.add_argument("--list", action="store_true", help="list campaigns and benign scenarios, and do nothing else")


def run(arguments: argparse.Namespace) -> int:
    from proxy.policy.load import load_policy
    from proxy.simulate.replay import spare_the_collector
    from proxy.simulate.traffic.engine import NullJudge
    from proxy.simulate.traffic.log import LogWriter, writable
    from proxy.simulate.traffic.run import PipelineJudge, play

    if arguments.list:
        _list()
        return 0
    setting = _setting(arguments)
    judge = PipelineJudge(load_policy(arguments.against)) if arguments.against else NullJudge()
    spare_the_collector()
    with (
        writable(arguments.out) as log,
        writable(arguments.truth) as truth,
        _progress(setting) as progress,
    ):
        watches = [LogWriter(log, truth)] if log or truth else []
        score = play(setting, judge, watches, progress)
    if arguments.json:
        print(json.dumps(score.as_json(), indent=2))
    elif arguments.against:
        _show(arguments.against, score)
    else:
        print(f"{score.exchanges:,} exchanges in {setting.hours:g} virtual hours", file=sys.stderr)
    return 0


def _setting(arguments: argparse.Namespace) -> Setting:
    from proxy.simulate.traffic.engine import Passed
    from proxy.simulate.traffic.run import Setting

    for flag, value in (("scale", arguments.scale), ("benign-scale", arguments.benign_scale)):
        if not 0 < value <= 100:
            raise UsageError(f"--{flag} {value:g}: give a number above 0, up to 100")
    if not 0 < arguments.hours <= 24 * 90:
        raise UsageError(f"--hours {arguments.hours:g}: give a number above 0, up to 2160")
    setting = Setting(
        campaigns=tuple((name, arguments.scale) for name in _campaigns(arguments.presets)),
        benign=tuple((name, arguments.benign_scale) for name in _benign(arguments.benign)),
        hours=arguments.hours,
        seed=arguments.seed,
        passed=Passed(arguments.attributes),
        corpora=arguments.corpora,
    )
    if not (setting.campaigns or setting.benign):
        raise UsageError("nothing to simulate: name a campaign or a benign scenario; --list shows them")
    return setting


def _campaigns(names: Iterable[str]) -> tuple[str, ...]:
    from proxy.simulate.traffic.campaigns.presets import PRESETS, UNSEEN

    return _named("campaign", names, [*PRESETS, "unseen-N"], lambda name: name in PRESETS or UNSEEN.fullmatch(name))


def _benign(names: Iterable[str]) -> tuple[str, ...]:
    from proxy.simulate.traffic.benign.table import BENIGN

    return _named("benign scenario", names, list(BENIGN), lambda name: name in BENIGN)


def _named(what: str, names: Iterable[str], choices: Sequence[str], known: Callable[[str], object]) -> tuple[str, ...]:
    """The names in their order, each once; `all` and `none` stand for what they say."""
    found: dict[str, None] = {}
    for name in names:
        if name == "all":
            found.update((choice, None) for choice in choices if known(choice))
        elif known(name):
            found[name] = None
        elif name != "none":
            raise UsageError(f"no {what} is called '{name}'; choose from: {', '.join(choices)}")
    return tuple(found)


@contextmanager
def _progress(setting: Setting) -> Iterator[Callable[[int], None] | None]:
    """A bar over the virtual time, where somebody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    start_us, end_us = setting.span_us()
    columns = (TextColumn("simulate"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("simulate", total=end_us - start_us)
        yield lambda now_us: bar.update(task, completed=now_us - start_us)


def _show(judge: str, score: Score) -> None:
    from rich.console import Console

    from proxy.cli.score_table import benign_table, campaign_table

    console = Console(width=None if sys.stdout.isatty() else 180)
    name = Path(judge).name
    if score.campaigns:
        console.print(campaign_table([(name, score)]))
    if score.benign:
        console.print(benign_table([(name, score)]))


def _list() -> None:
    from proxy.simulate.traffic.benign.table import BENIGN
    from proxy.simulate.traffic.campaigns.presets import PRESETS

    print("campaigns")
    for plan in PRESETS.values():
        size = f"{plan.accounts:>7,} accounts {plan.exchanges:>12,} exchanges {plan.days:>4g} d"
        print(f"  {plan.name:22}{size}  {plan.about}")
    print("  unseen-N              any number N: a draw over all the knobs, always the same for one number")
    print("benign scenarios")
    for name in BENIGN:
        print(f"  {name}")
