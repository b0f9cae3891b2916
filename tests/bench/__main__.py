"""Measures what stillgate costs against a bare aiohttp proxy, nginx and HAProxy, all in one run on this machine.

Figures are CPU time of the proxy's processes as the kernel accounts it, medians of interleaved rounds. The exit code is
1 where anything failed or was refused, which is no measurement; a goal that is not met is only told.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from proxy.serving.runtime import open_more_files
from tests.bench.experiments import EXPERIMENTS, Experiment
from tests.bench.failures import BenchError
from tests.bench.report import as_json, table
from tests.bench.run import Run
from tests.bench.stage import Stage, Times

FULL = Times(
    rounds=5,
    warm_s=0.5,
    measure_s=2.5,
    latency_s=3.0,
    streams=5000,
    replay=("alibaba-gtg16005", "--scale", "0.05", "--benign-scale", "0.03", "--hours", "3"),
    accounts=1_000_000,
)
QUICK = Times(
    rounds=1,
    warm_s=0.3,
    measure_s=1.0,
    latency_s=1.3,
    streams=1000,
    replay=("alibaba-gtg16005", "--scale", "0.02", "--benign-scale", "0.01", "--hours", "1"),
    accounts=0,
)
_TABLE_WIDTH = 150
_IDLE_LOAD = 0.5


def main() -> int:
    """The exit code."""
    arguments = _arguments()
    times = QUICK if arguments.quick else FULL
    chosen = _chosen(arguments.only, arguments.litellm)
    open_more_files()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the children are ended too
    load_average = os.getloadavg()[0]
    if load_average > _IDLE_LOAD:
        print(f"others use this machine (load average {load_average:.1f}): figures will be rough", file=sys.stderr)
    run = Run(chosen, Console(stderr=True))
    try:
        with tempfile.TemporaryDirectory(prefix="stillgate-bench-") as folder, ExitStack() as stack:
            run.play(Stage(stack, Path(folder), times))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BenchError as fault:
        print(f"the benchmark cannot run: {fault}", file=sys.stderr)
        return 1
    rows = run.rows()
    Console(width=_TABLE_WIDTH).print(table(rows))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    told = as_json(rows, run.rounds, run.faults, load_average)
    arguments.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return 1 if run.faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    names = [experiment.name for experiment in EXPERIMENTS]
    parser.add_argument("--quick", action="store_true", help="one short round: a minute, and rough figures")
    parser.add_argument("--only", nargs="+", choices=names, metavar="ROWS", help=f"of {', '.join(names)}")
    parser.add_argument("--litellm", action="store_true", help="LiteLLM too, installed from PyPI on first use")
    parser.add_argument("--json", type=Path, default=Path(".cache/bench.json"), help="all figures of all rounds")
    return parser.parse_args()


def _chosen(only: list[str] | None, with_litellm: bool) -> list[Experiment]:
    return [
        experiment
        for experiment in EXPERIMENTS
        if (experiment.name in only if only else experiment.by_default)
        or (experiment.name == "litellm" and with_litellm)
    ]


if __name__ == "__main__":
    sys.exit(main())
