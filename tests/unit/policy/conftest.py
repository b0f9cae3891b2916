"""What tests of the policy language share: policies from text, and folders to put them in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from proxy.policy.load import load_policy
from proxy.policy.match import Policy


@pytest.fixture
def policy_of(tmp_path: Path) -> Callable[[str], Policy]:
    """Loads a policy from its text (`version: 1` is put before it)."""

    def load(text: str) -> Policy:
        path = tmp_path / "policy.yaml"
        path.write_text("version: 1\n" + dedent(text))
        return load_policy(str(path))

    return load
