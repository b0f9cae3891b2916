"""Run the proxy in front of a model API.

Every flag is also an environment variable; a flag wins. SIGHUP reloads the policy, SIGTERM drains and ends.
"""

from __future__ import annotations

import argparse
import logging
import os
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

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
    _warn_of_proxy(chosen.upstream)
    warn_of_unknown(os.environ)
    if not chosen.policy:
        log.warning("no --policy is given: the shipped default is enforced", extra={"policy": default_policy()})
    return supervise(chosen) if chosen.workers > 1 else serve(chosen)


def _warn_of_proxy(upstream: str) -> None:
    """Others would reach `upstream` through the proxy that the environment names, if it names one."""
    parts, proxies = urlsplit(upstream), getproxies_environment()
    named = next((way for way in (parts.scheme, "all") if way in proxies), None)
    if named is not None and not proxy_bypass(parts.netloc):
        told = {"variable": f"{named}_proxy", "upstream": upstream}
        log.warning("the environment's proxy is not used for the upstream", extra=told)
