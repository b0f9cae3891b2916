"""What metrics say of the policy in force, while it is loaded anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from proxy.admin.policy_keeper import PolicyKeeper
from proxy.clock import SystemClock
from proxy.metrics import Metrics
from proxy.policy.reload import PolicySource

POLICY = """\
version: 1
name: %s
quotas:
  - {id: q, key: [account], unit: requests, rate: 1/day}
"""


class Kept:
    """A policy in a file, the keeper of it, and what its metrics tell."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metrics = Metrics(CollectorRegistry())
        self.keeper = PolicyKeeper(PolicySource(str(path)), self.metrics, SystemClock())

    def told(self) -> dict[str, float]:
        """The value of `stillgate_policy_info` by the policy's name."""
        return {
            sample.labels["name"]: sample.value
            for family in self.metrics.policy_info.collect()
            for sample in family.samples
        }


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    kept = Kept(tmp_path / "policy.yaml")
    kept.path.write_text(POLICY % "first")
    kept.keeper.load()
    return kept


async def test_one_policy_is_in_force_after_each_reload_also_one_that_comes_back(kept: Kept) -> None:
    assert kept.told() == {"first": 1}
    kept.path.write_text(POLICY % "second")
    await kept.keeper.reload()
    assert kept.told() == {"first": 0, "second": 1}
    kept.path.write_text(POLICY % "first")
    await kept.keeper.reload()
    assert kept.told() == {"first": 1, "second": 0}
    await kept.keeper.reload()
    assert kept.told() == {"first": 1, "second": 0}


async def test_a_policy_that_is_refused_leaves_the_old_one_told(kept: Kept) -> None:
    kept.path.write_text("version: 2")
    await kept.keeper.reload()
    assert kept.told() == {"first": 1}
