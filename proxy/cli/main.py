"""Owns the command line: one verb, one module. Maps faults to exit codes: 0 well, 1 it failed, 2 wrong usage."""

from __future__ import annotations

import argparse
import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Sequence

from proxy import __version__
from proxy.cli import (
    analyse,
    campaigns,
    check,
    demo,
    diff,
    explain,
    mock_upstream,
    replay,
    scenarios,
    schema,
    serve,
    simulate,
    test,
)
from proxy.errors import UsageError
from proxy.policy.issues import PolicyError

VERBS = {
    "serve": serve,
    "analyse": analyse,
    "check": check,
    "schema": schema,
    "explain": explain,
    "test": test,
    "campaigns": campaigns,
    "replay": replay,
    "diff": diff,
    "simulate": simulate,
    "scenarios": scenarios,
    "demo": demo,
    "mock-upstream": mock_upstream,
}


_STAND_INS = {"█": "#", "░": ".", "–": "-", "…": "~"}
"""For what tables and charts are drawn with, where the output's encoding does not know it; `?` for all else."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `stillgate` with `arguments` (the process's own by default); returns the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a terminal's encoding does not know shall not end a table in the middle.
        codecs.register_error("stand-in", _stand_in)
        sys.stdout.reconfigure(errors="stand-in")
    parsed = argparse.Namespace(verb="")
    try:
        try:
            _parser().parse_args(arguments, parsed)
            run: Callable[[argparse.Namespace], int] = parsed.run
            return run(parsed)
        finally:
            sys.stdout.flush()
    except UsageError as fault:
        print(f"stillgate {parsed.verb}: {fault}", file=sys.stderr)
        return 2
    except PolicyError as fault:
        print(fault, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough (`stillgate check … | head`).
        _forget_output()
        return 1
    except OSError as fault:
        if fault.errno not in _FULL:
            raise
        print(f"stillgate {parsed.verb}: its output cannot be written: {fault.strerror}", file=sys.stderr)
        _forget_output()
        return 1
    except KeyboardInterrupt:
        return 130


def _stand_in(fault: UnicodeError) -> tuple[str, int]:
    assert isinstance(fault, UnicodeEncodeError)
    return "".join(_STAND_INS.get(sign, "?") for sign in fault.object[fault.start : fault.end]), fault.end


def _forget_output() -> None:
    """What could not be written would be tried again, and told of, when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stillgate",
        description="A reverse proxy that enforces quotas and finds distillation campaigns in front of a model API.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"stillgate {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, module in VERBS.items():
        summary = (module.__doc__ or "").splitlines()[0]
        verb = verbs.add_parser(
            name,
            help=summary,
            description=module.__doc__,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(verb)
        verb.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
