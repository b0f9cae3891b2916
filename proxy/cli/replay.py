"""Run an exchange log through a policy in virtual time: what would have been decided, by whom, how often.

LOG is a file, or - for standard input; plain or compressed (gzip, zstd); in the raw or the content-free form, or both
mixed. The same log under the same policy gives the same bytes.
Exit code 0 at the end of the log, 1 at a bad line or a bad policy, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from proxy.cli.progress import watched
from proxy.errors import UsageError

if TYPE_CHECKING:
    from proxy.simulate.lines import Fault
    from proxy.simulate.replay import Replay
    from proxy.simulate.report import BadLines
    from proxy.simulate.source import Source

_WRITE_BUFFER = 2**20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("log", metavar="LOG", help="the exchange log; - is standard input")
    parser.add_argument(
        "--policy", metavar="PATH", default="", help="a policy file or folder (default: the shipped one)"
    )
    parser.add_argument("--report", metavar="FILE", help="write the report, one JSON object, at the end")
    parser.add_argument("--decisions", metavar="FILE", help="write a decision for each exchange; - is standard output")
    parser.add_argument(
        "--interactive", action="store_true", help="answer each line on standard output before the next is read"
    )
    parser.add_argument("--skip-bad-lines", action="store_true", help="count bad lines and go on")


def run(arguments: argparse.Namespace) -> int:
    from proxy.policy.load import load_policy
    from proxy.policy.shipped import default_policy
    from proxy.simulate.lines import BadLineError
    from proxy.simulate.replay import Replay, spare_the_collector
    from proxy.simulate.source import open_source

    if arguments.interactive and arguments.decisions:
        raise UsageError("--interactive answers on standard output; leave out --decisions")
    replay = Replay(load_policy(arguments.policy or default_policy()))
    spare_the_collector()
    try:
        with open_source(arguments.log) as source:
            if arguments.interactive:
                _converse(replay, source)
            else:
                _run(replay, source, arguments)
    except BadLineError as fault:
        print(
            f"stillgate replay: {arguments.log}: {fault}; --skip-bad-lines counts such lines and goes on",
            file=sys.stderr,
        )
        return 1
    report = replay.report.as_json(replay.reader.unknown_keys, replay.campaigns())
    if arguments.report:
        with _writable(arguments.report, "--report") as file:
            file.write(json.dumps(report, indent=2).encode() + b"\n")
    if not arguments.interactive:
        _summarise(report, replay.report.bad)
    return 0


def _converse(replay: Replay, source: Source) -> None:
    out = sys.stdout.buffer

    def answer(line: bytes) -> None:
        out.write(line + b"\n")
        out.flush()

    replay.converse(source.lines(), answer)


def _run(replay: Replay, source: Source, arguments: argparse.Namespace) -> None:
    from proxy.simulate.report import encode

    decisions = replay.run(watched(source, "replay"), skip_bad_lines=arguments.skip_bad_lines)
    with _opened(arguments.decisions) as out:
        if out is None:
            for _ in decisions:
                pass
            return
        for decision in decisions:
            out.write(encode(decision) + b"\n")


@contextmanager
def _opened(name: str | None) -> Iterator[BinaryIO | None]:
    if name is None:
        yield None
    elif name == "-":
        yield cast(BinaryIO, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        with _writable(name, "--decisions") as file:
            yield file


def _writable(name: str, flag: str) -> BinaryIO:
    try:
        return Path(name).open("wb", buffering=_WRITE_BUFFER)
    except OSError as fault:
        raise UsageError(f"{flag} {name}: cannot be written: {fault.strerror or fault}") from fault


def _summarise(report: dict[str, object], bad: Mapping[Fault, BadLines]) -> None:
    rules = cast("list[dict[str, object]]", report["rules"])
    print(
        f"{report['exchanges']} exchanges: {report['allowed']} allowed, {report['throttled']} throttled, "
        f"{report['blocked']} blocked; {report['bad_lines']} bad lines",
        file=sys.stderr,
    )
    for fault, of_a_kind in bad.items():
        print(f"  skipped, {fault.value}: {of_a_kind.count}, the first of them {of_a_kind.first}", file=sys.stderr)
    for rule in rules:
        print(
            f"  {rule['rule']}: decided {rule['decided']}, shadowed {rule['shadowed']}, {rule['accounts']} accounts",
            file=sys.stderr,
        )
    if report["unknown_keys"]:
        print(
            f"left out, unknown to the format: {', '.join(cast('list[str]', report['unknown_keys']))}", file=sys.stderr
        )
