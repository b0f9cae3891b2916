"""Print the JSON Schema of the policy language, for editors that complete and check YAML.

Put it beside the policies and name it in their first line: # yaml-language-server: $schema=policy.schema.json
"""

from __future__ import annotations

import argparse
import json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """There are none."""


def run(arguments: argparse.Namespace) -> int:
    from proxy.policy.schema import policy_schema

    print(json.dumps(policy_schema(), indent=2))
    return 0
