"""How long an analyser's campaigns last is the policy's to say, and to say anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.analysis.analysts import PolicyAnalysts
from proxy.clock import VirtualClock
from proxy.policy.issues import PolicyError

HOUR_US = 3_600_000_000


def policy(expires_after: str) -> str:
    return f"version: 1\ncampaigns: {{expires_after: {expires_after}}}\n"


async def test_a_reload_changes_the_analyst_that_is_at_work_and_those_that_come(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy("1h"))
    analysts = PolicyAnalysts(str(path), VirtualClock(0))
    at_work = analysts.begin()
    assert at_work.expires_after_us == HOUR_US

    path.write_text(policy("2h"))
    await analysts.reload()
    assert at_work.expires_after_us == 2 * HOUR_US
    restored = analysts.restored(at_work.state())
    assert restored.expires_after_us == 2 * HOUR_US

    path.write_text(policy("1h"))
    await analysts.reload()
    assert restored.expires_after_us == HOUR_US


async def test_a_bad_policy_leaves_the_last_good_ones_word_in_force(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy("1h"))
    analysts = PolicyAnalysts(str(path), VirtualClock(0))
    at_work = analysts.begin()
    path.write_text(policy("soon"))
    await analysts.reload()
    assert (at_work.expires_after_us, analysts.begin().expires_after_us) == (HOUR_US, HOUR_US)
    with pytest.raises(PolicyError):
        PolicyAnalysts(str(path), VirtualClock(0))
