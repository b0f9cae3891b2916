"""Whoever gives some accounts other terms than the rest has to say whose word it is that a client is one of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.policy.load import attempt

QUOTA = "quotas: [{id: q, key: [account], unit: requests, rate: 1/s}]\n"


def told(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text("version: 1\n" + text)
    issues = attempt(str(folder)).issues
    assert all("`trusted_proxies`" in issue.message for issue in issues)
    return [f"{Path(issue.path).stem}:{issue.line}:{issue.col} {issue.code}" for issue in issues]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("access: [{id: a, deny: {path: /v1/*}, unless: {verified: true}}]\n", "p:2:48"),
        ("access: [{id: a, deny: {country: KP}}]\n", "p:2:25"),
        ("access: [{id: a, deny: {account: 'key-*'}}]\n", "p:2:25"),
        (QUOTA.replace("rate: 1/s", "rate: 1/s, unless: {org: acme}"), "p:2:70"),
        ("campaigns: {exempt: [{org: acme}]}\n", "p:2:23"),
        (QUOTA + "overrides: [{account: acct_1, quotas: {q: unlimited}}]\n", "p:3:13"),
        (QUOTA + "tiers: {free: {}, paid: {quotas: {q: {rate: 9/s}}}}\ndefault_tier: free\n", "p:3:19"),
    ],
)
def test_terms_of_some_accounts_want_to_know_who_may_name_them(tmp_path: Path, text: str, place: str) -> None:
    assert told(tmp_path, p=text) == [f"{place} trusts-by-default"]
    assert told(tmp_path, p=text + "trusted_proxies: []\n") == []
    assert told(tmp_path, p=text, another="trusted_proxies: [10.1.0.5]\n") == []


@pytest.mark.parametrize(
    "text",
    [
        QUOTA,
        QUOTA + "tiers: {free: {}}\ndefault_tier: free\n",
        QUOTA + "overrides: [{network: 203.0.113.0/24, quotas: {q: unlimited}}]\n",
        "access: [{id: a, deny: {network: 203.0.113.0/24, path: /v1/*}}]\n",
        "campaigns: {}\n",
    ],
)
def test_the_same_terms_for_all_accounts_are_no_doubt(tmp_path: Path, text: str) -> None:
    assert told(tmp_path, p=text) == []


def test_it_is_told_once_however_much_rests_on_it(tmp_path: Path) -> None:
    rules = "access:\n  - {id: a, deny: {org: x, country: KP}}\n  - {id: b, deny: {verified: false}}\n"
    assert told(tmp_path, p=rules) == ["p:3:20 trusts-by-default"]
