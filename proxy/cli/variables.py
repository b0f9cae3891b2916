"""Owns the search for environment variables that are called like settings and are none. Knows no verb."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches

from proxy.settings import AnalyserSettings, Settings, variable_of

log = logging.getLogger("stillgate")
_KNOWN = {
    variable_of(setting.name): setting.metadata["secret"]
    for table in (Settings, AnalyserSettings)
    for setting in fields(table)
}
"""Of both verbs, since an image or a compose file sets them for both; and whether each is a secret."""
_OF_A_SERVICE = re.compile(
    r"STILLGATE_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
"""Kubernetes makes them in every pod for each service that is called `stillgate` or `stillgate-…`."""


def warn_of_unknown(environment: Mapping[str, str]) -> None:
    """A line in the log for each variable that somebody most likely meant to be a setting."""
    for name in sorted(environment):
        if name.startswith("STILLGATE_") and not _is_known(name) and not _OF_A_SERVICE.fullmatch(name):
            log.warning("unknown environment variable, nothing reads it", extra={"variable": name, "hint": _hint(name)})


def _is_known(name: str) -> bool:
    return name in _KNOWN or _KNOWN.get(name.removesuffix("_FILE"), False)


def _hint(name: str) -> str:
    if (meant := name.removesuffix("_FILE")) in _KNOWN:
        return f"only secrets are read from a file that a variable names; set {meant} itself"
    near = get_close_matches(name, _KNOWN, n=1, cutoff=0.8)
    return f"did you mean {near[0]}?" if near else "stillgate serve --help lists the variables"
