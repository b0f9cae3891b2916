"""Run the analyser that finds campaigns in what all replicas on one Redis see.

Start two: one leads, the other follows the same events and takes over within three seconds. Every flag is also an
environment variable; a flag wins. SIGHUP reads the policy again, SIGTERM hands over at once.
"""

from __future__ import annotations

import argparse
import os

from proxy import settings
from proxy.cli.flags import add_flags
from proxy.cli.variables import warn_of_unknown
from proxy.logs import configure


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_flags(parser, table=settings.AnalyserSettings)


def run(arguments: argparse.Namespace) -> int:
    from proxy.analysis.process import analyse

    chosen = settings.analyser_from_arguments(vars(arguments), os.environ)
    configure(chosen.log_level)
    warn_of_unknown(os.environ)
    return analyse(chosen)
