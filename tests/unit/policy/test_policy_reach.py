"""When one access rule certainly matches everything that another does."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.policy.load import attempt


def reachable(folder: Path, *rules: str) -> bool:
    path = folder / "p.yaml"
    path.write_text(
        "version: 1\ntrusted_proxies: []\ntiers: {a: {}, b: {}}\ndefault_tier: a\naccess:\n"
        + "".join(f"  - {{id: r{index}, {rule}}}\n" for index, rule in enumerate(rules))
    )
    (folder / "list.txt").write_text("192.0.2.0/24\n")
    (folder / "other.txt").write_text("198.51.100.0/24\n")
    codes = {issue.code.value for issue in attempt(str(path)).issues} - {"unreachable-network", "unread-models"}
    assert codes <= {"unreachable-rule"}
    return not codes


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("deny: {}", "deny: {model: x}"),
        ("allow: {}", "deny: {}"),
        ("deny: {model: 'm-*'}", "deny: {model: [m-1, 'm-2*', 'm-?']}"),
        ("deny: {model: 'm-?'}", "deny: {model: m-1}"),
        ("deny: {model: ['a*', 'b*']}", "deny: {model: [a1, b1], country: US}"),
        ("deny: {network: 10.0.0.0/8}", "deny: {network: [10.1.0.0/16, 10.2.0.1]}"),
        ("deny: {address: [10.0.0.1, 10.0.0.2]}", "deny: {address: 10.0.0.2}"),
        ("deny: {network_in: [list.txt, other.txt]}", "deny: {network_in: list.txt}"),
        ("deny: {country: [US, CA]}", "allow: {country: CA}, unless: {verified: true}"),
        ("deny: {tier: [a, b]}", "deny: {tier: b}"),
        ("deny: {asn: [1, 2]}", "deny: {asn: AS2}"),
        ("deny: {verified: [true, false]}", "deny: {account: x}"),
        ("deny: {model: 'm-*'}, unless: {country: US}", "deny: {model: m-1}, unless: {country: [US, CA]}"),
        ("deny: {model: 'm-*'}", "deny: {model: m-1}, mode: shadow"),
    ],
)
def test_a_rule_behind_one_that_matches_all_it_matches_is_unreachable(tmp_path: Path, first: str, second: str) -> None:
    assert not reachable(tmp_path, first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("deny: {model: x}", "deny: {}"),
        ("deny: {model: 'm-?'}", "deny: {model: 'm-*'}"),
        ("deny: {model: 'm-*-x'}", "deny: {model: 'm-*'}"),
        ("deny: {model: '*a'}", "deny: {model: 'a*'}"),
        ("deny: {model: m-1}", "deny: {model: [m-1, m-2]}"),
        ("deny: {network: 10.1.0.0/16}", "deny: {network: 10.0.0.0/8}"),
        ("deny: {network_in: list.txt}", "deny: {network_in: other.txt}"),
        ("deny: {network: 192.0.2.0/24}", "deny: {network_in: list.txt}"),
        ("deny: {verified: true}", "deny: {account: x}"),
        ("deny: {}, mode: shadow", "deny: {model: x}"),
        ("deny: {model: 'm-*'}, unless: {country: US}", "deny: {model: m-1}"),
        ("deny: {model: 'm-*'}, unless: {country: [US, CA]}", "deny: {model: m-1}, unless: {country: US}"),
        ("deny: {org: '*'}", "deny: {account: x}"),
    ],
)
def test_a_rule_that_something_may_still_reach_is_left_alone(tmp_path: Path, first: str, second: str) -> None:
    assert reachable(tmp_path, first, second)
