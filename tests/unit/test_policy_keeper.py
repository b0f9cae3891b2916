"""What metrics say of the policy in force, while it is loaded anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from proxy.admin.policy_keeper import PolicyKeeper
from proxy.clock import SystemClock
from proxy.metrics.exchanges import Metrics
from proxy.policy.reload import PolicySource

EDGES = "trusted_proxies: [%s]\n"
AS_SHIPPED = '127.0.0.0/8, "::1/128", 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "fc00::/7"'
POLICY = """\
version: 1
name: %s
quotas:
  - {id: q, key: [account], unit: requests, rate: 1/day}
"""


class Kept:
    """A policy in a file, the keeper of it, and what its metrics tell."""

    def __init__(self, path: Path, *, lends_key: bool = False) -> None:
        self.path = path
        self.metrics = Metrics(CollectorRegistry())
        self.keeper = PolicyKeeper(PolicySource(str(path)), self.metrics, SystemClock(), lends_key=lends_key)

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


@pytest.mark.parametrize("edges", ["", EDGES % "", EDGES % AS_SHIPPED], ids=["unsaid", "nobody", "as shipped"])
def test_whoever_lends_a_key_where_no_edge_is_named_is_warned_that_anybody_may_use_it(
    kept: Kept, edges: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept.path.write_text(POLICY % "first" + edges)
    Kept(kept.path, lends_key=True).keeper.load()
    (warning,) = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert "serves whoever connects" in warning
    assert "trusted_proxies" in warning


@pytest.mark.parametrize(("edges", "lends_key"), [(EDGES % "10.1.0.0/16", True), ("", False)])
def test_nobody_is_warned_who_names_an_edge_or_lends_no_key(
    kept: Kept, edges: str, lends_key: bool, caplog: pytest.LogCaptureFixture
) -> None:
    kept.path.write_text(POLICY % "first" + edges)
    Kept(kept.path, lends_key=lends_key).keeper.load()
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == []


def warnings(caplog: pytest.LogCaptureFixture) -> list[list[str]]:
    return [vars(record)["issues"] for record in caplog.records if record.message == "policy in force has warnings"]


async def test_what_a_policy_is_warned_of_is_logged_once_each_time_that_it_is_loaded(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    assert warnings(caplog) == []
    assert kept.keeper.told()["warnings"] == 0
    kept.path.write_text(POLICY % "first" + EDGES % "0.0.0.0/0")
    for _ in range(3):
        await kept.keeper.reload()
    ((warning,),) = warnings(caplog)
    assert warning.startswith(f"{kept.path}:5:19: warning trusts-everyone: ")
    assert kept.keeper.told()["warnings"] == 1
    Kept(kept.path).keeper.load()
    assert warnings(caplog) == [[warning]] * 2


async def test_that_a_large_policy_is_being_read_is_logged_before_it_is(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "stillgate.policy")
    await kept.keeper.reload()
    kept.path.write_text(POLICY % "second" + "#" * 2**18)
    await kept.keeper.reload()
    assert [record.message for record in caplog.records] == [
        "policy in force",
        "reading a large policy",
        "policy in force",
    ]
    assert vars(caplog.records[1])["bytes"] == kept.path.stat().st_size
