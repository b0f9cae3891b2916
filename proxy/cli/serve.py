"""Run the proxy in front of a model API.

Every flag is also an environment variable; a flag wins. SIGHUP reloads the policy, SIGTERM drains and ends.
"""

from __future__ import annotations

import argparse
import logging
import os

from proxy import settings
from proxy.cli.flags import add_flags
from proxy.cli.variables import warn_of_unknown
from proxy.logs import configure

log = logging.getLogger("stillgate")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_flags(parser)


def run(arguments: argparse.Namespace) -> int:
    from proxy.policy.shipped import default_policy
    from proxy.serving.serve import serve
    from proxy.serving.workers import supervise

    chosen = settings.from_arguments(vars(arguments), os.environ)
    configure(chosen.log_level)
    warn_of_unknown(os.environ)
    if not chosen.policy:
        log.warning("no --policy is given: the shipped default is enforced", extra={"policy": default_policy()})
    return supervise(chosen) if chosen.workers > 1 else serve(chosen)
