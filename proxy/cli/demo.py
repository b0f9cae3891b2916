"""Show the proxy at work: a mock model API, the proxy before it, and a small live mix of clients.

Everything runs in this process on free ports of the loopback interface, with the embedded store and the shipped policy.
"""

from __future__ import annotations

import argparse

from proxy.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, metavar="N", help="end after N seconds (default: at Ctrl-C)")
    parser.add_argument(
        "--policy", metavar="PATH", default="", help="a policy file instead of the shipped default.yaml"
    )


def run(arguments: argparse.Namespace) -> int:
    from proxy.demo.show import run_demo
    from proxy.logs import configure

    if arguments.seconds is not None and not arguments.seconds > 0:
        raise UsageError("--seconds must be greater than zero")
    configure("error")
    return run_demo(arguments.seconds, arguments.policy)
