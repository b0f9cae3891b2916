"""Doubts that are told only where they are certain; the golden files have one example of each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.globs import globs_meet, text_test
from proxy.policy.issues import Code
from proxy.policy.lists import MAX_ISSUES
from proxy.policy.load import attempt

Told = Callable[..., list[str]]
PATTERNS = st.text("ab*?", min_size=1, max_size=6)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """The issues of a policy (`version: 1` is put before it): `line code`; whom it trusts is tested on its own."""

    def check(text: str, today: date | None = None, **lists: str) -> list[str]:
        (tmp_path / "p.yaml").write_text("version: 1\n" + dedent(text))
        for name, lines in lists.items():
            (tmp_path / f"{name}.txt").write_text(lines)
        issues = attempt(str(tmp_path / "p.yaml"), today).issues
        return [
            f"{Path(issue.path).stem}:{issue.line} {issue.code}"
            for issue in issues
            if issue.code is not Code.TRUSTS_BY_DEFAULT
        ]

    return check


@given(PATTERNS, PATTERNS, st.text("abc", max_size=6))
def test_patterns_that_share_a_text_meet(one: str, other: str, text: str) -> None:
    if text_test([one])(text) and text_test([other])(text):
        assert globs_meet(one, other)


@given(PATTERNS, st.text("abc", min_size=1, max_size=6))
def test_a_pattern_meets_a_text_where_it_fits_it(pattern: str, text: str) -> None:
    assert globs_meet(pattern, text) == globs_meet(text, pattern) == text_test([pattern])(text)


@given(PATTERNS, PATTERNS)
def test_patterns_meet_where_some_text_of_their_characters_fits_both(one: str, other: str) -> None:
    def texts(pattern: str) -> set[str]:
        found = {""}
        for char in pattern:
            more = {"*": ["", "a", "b", "ab", "ba", "aa", "bb", "aab", "bba"], "?": ["a", "b"]}.get(char, [char])
            found = {text + tail for text in found for tail in more if len(text + tail) <= 6}
        return found

    if any(map(text_test([other]), texts(one))):
        assert globs_meet(one, other)


@pytest.mark.parametrize(
    ("tight", "loose"),
    [
        ("key: [], unit: requests, rate: 10/s", "key: [account], unit: requests, rate: 10/s"),
        ("key: [account], unit: requests, rate: 600/min, burst: 5", "key: [account], unit: requests, rate: 10/s"),
        ("key: [org], unit: total_tokens, budget: 1M/day", "key: [org], unit: total_tokens, budget: 2M/day"),
        (
            "unless: {tier: b}, key: [account], unit: requests, rate: 1/s",
            "unless: {tier: [a, b]}, key: [account], unit: requests, rate: 1/s",
        ),
        (
            "key: [account], unit: requests, rate: 1/s",
            "key: [account], unit: requests, rate: 2/s, mode: shadow",
        ),
    ],
)
def test_a_quota_is_redundant_beside_one_that_is_as_tight_wherever_it_applies(
    told: Told, tight: str, loose: str
) -> None:
    tiers = "tiers: {a: {}, b: {}}\ndefault_tier: a\n"
    for first, second, line in (("tight", "loose", 6), ("loose", "tight", 5)):
        quotas = {"tight": tight, "loose": loose}
        text = f"{tiers}quotas:\n  - {{id: q1, {quotas[first]}}}\n  - {{id: q2, {quotas[second]}}}\n"
        assert told(text) == [f"p:{line} redundant-quota"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("key: [account], unit: requests, rate: 1/s", "key: [account], unit: input_tokens, rate: 1/s"),
        ("key: [account], unit: requests, rate: 1/s, burst: 9", "key: [account], unit: requests, rate: 2/s, burst: 8"),
        ("key: [account], unit: requests, rate: 1/s", "key: [network], unit: requests, rate: 2/s"),
        ("key: [org], unit: requests, rate: 1/s", "key: [account], unit: requests, rate: 2/s"),
        ("match: {account: a}, key: [], unit: requests, rate: 1/s", "key: [], unit: requests, rate: 2/s"),
        ("unless: {model: a}, key: [], unit: requests, rate: 1/s", "key: [], unit: requests, rate: 2/s"),
        ("key: [], unit: requests, rate: 1/s, mode: shadow", "key: [], unit: requests, rate: 2/s"),
        ("key: [], unit: requests, budget: 1k/day", "key: [], unit: requests, budget: 2k/month"),
        (
            "key: [], unit: output_tokens, rate: 1/s, reserve: none",
            "key: [], unit: output_tokens, rate: 2/s, reserve: max_tokens",
        ),
    ],
)
def test_a_quota_that_may_deny_by_itself_is_left_alone(told: Told, one: str, other: str) -> None:
    assert told(f"quotas:\n  - {{id: q1, {one}}}\n  - {{id: q2, {other}}}\n") == []


def test_a_quota_with_numbers_of_its_own_for_somebody_is_left_alone(told: Told) -> None:
    quotas = (
        "quotas:\n  - {id: q1, key: [], unit: requests, rate: 1/s}\n  - {id: q2, key: [], unit: requests, rate: 2/s}\n"
    )

    assert told(quotas) == ["p:4 redundant-quota"]
    assert told(quotas + "overrides:\n  - {account: a, quotas: {q1: unlimited}}\n") == []


def test_a_quota_behind_a_deny_that_an_allow_comes_before_is_left_alone(told: Told) -> None:
    quota = "quotas:\n  - {id: q, match: {model: m-1}, key: [], unit: requests, rate: 1/s}\n"
    deny, allow = "  - {id: d, deny: {model: 'm-*'}}\n", "  - {id: a, allow: {verified: true}}\n"

    assert told(f"access:\n{deny}{allow}{quota}") == ["p:3 unread-models", "p:4 idle-allow", "p:6 unreachable-quota"]
    assert told(f"access:\n{allow}{deny}{quota}") == ["p:4 unread-models"]
    assert told(f"mode: shadow\naccess:\n{deny}{quota}") == []


def test_the_first_pattern_that_fits_says_how_large_a_request_may_be(told: Told) -> None:
    quota = "quotas:\n  - {id: q, match: {model: m-small}, key: [], unit: input_tokens, rate: 10k/min}\n"
    quota += "access:\n  - {id: a, deny: {path: '*/audio/*'}}\n"

    assert told("models: {m-small: {context_tokens: 8k}, 'm-*': {context_tokens: 1M}}\n" + quota) == []
    assert told("models: {'m-*': {context_tokens: 1M}, m-small: {context_tokens: 8k}}\n" + quota) == [
        "p:4 burst-below-request"
    ]


def test_a_model_that_a_quota_exempts_does_not_count(told: Told) -> None:
    text = (
        "models: {m-large: {context_tokens: 1M}, 'm-*': {context_tokens: 8k}}\n"
        "quotas:\n  - {id: q, unless: {model: m-large}, key: [], unit: input_tokens, rate: 10k/min}\n"
    )
    assert told(text) == []
    assert told(text.replace("{model: m-large}, key", "{model: m-large, verified: true}, key")) == [
        "p:4 burst-below-request"
    ]


def test_an_answer_that_is_only_estimated_passes_a_small_bucket_and_must_come_back_within_a_day(told: Told) -> None:
    text = "models: {'*': {max_output_tokens: 64k}}\nquotas:\n  - {id: q, key: [], unit: output_tokens, rate: %s}\n"

    assert told(text % "8k/min") == []
    assert told(text % "8k/min, reserve: max_tokens") == ["p:4 burst-below-request"]
    assert told(text % "64k/day") == []
    assert told(text % "63k/day") == ["p:4 slow-recovery"]


def test_a_hundred_requests_of_which_one_a_day_comes_back_are_no_doubt(told: Told) -> None:
    assert told("quotas:\n  - {id: q, key: [account], unit: requests, rate: 1/day, burst: 100}\n") == []


def test_the_age_of_shadow_rules_is_told_against_the_day_that_is_given(told: Told) -> None:
    text = "quotas:\n  - {id: q, key: [], unit: requests, rate: 1/s, mode: shadow, since: 2026-10-01}\n"

    assert told(text, date(2026, 10, 31)) == []
    assert told(text, date(2026, 11, 1)) == ["p:3 stale-shadow"]
    assert told(text, None) == []
    assert told(text.replace("mode: shadow, ", ""), date(2026, 11, 1)) == []


def test_an_entry_that_an_earlier_rule_decides_on_is_told_where_it_stands_in_its_list(told: Told) -> None:
    rules = "access:\n  - {id: a, deny: {network_in: a.txt}}\n  - {id: b, %s}\n  - {id: c, deny: {path: /x}}\n"
    lists = {"a": "203.0.113.0/24\n", "b": "# partners\n198.51.100.0/24\n203.0.113.7\n203.0.113.0/25\n"}

    assert "b:3 unreachable-network" in told(rules % "allow: {network_in: b.txt}", **lists)
    assert told(rules % "allow: {network: 203.0.112.0/20}", **lists) == []
    narrower = "deny: {network_in: a.txt, country: NO}"
    assert told((rules % "allow: {network: 203.0.113.7}").replace("deny: {network_in: a.txt}", narrower), **lists) == []


def test_a_rule_on_models_beside_which_none_is_on_paths_is_told(told: Told) -> None:
    deny = "access:\n  - {id: a, deny: {model: 'm-*'}%s}\n"
    assert told(deny % "") == ["p:3 unread-models"]
    assert told(deny % ", mode: shadow") == []
    assert told("mode: shadow\n" + deny % "") == []
    assert told(deny % "" + "  - {id: b, deny: {path: '*/audio/*'}}\n") == []
    assert told(deny % "" + "  - {id: b, deny: {}, unless: {path: /v1/messages}}\n") == []
    assert told("access:\n  - {id: a, allow: {model: 'm-*'}}\n  - {id: b, deny: {}}\n") == []


def test_so_is_a_quota_on_models(told: Told) -> None:
    quota = "quotas:\n  - {id: q, match: {model: 'm-*'}, key: [account], unit: requests, rate: 1/s%s}\n"
    on_paths = "  - {id: p, match: {path: '*/audio/*'}, key: [account], unit: requests, rate: 2/s}\n"
    deny = "access:\n  - {id: a, deny: {%s}}\n"
    assert told(quota % "") == ["p:3 unread-models"]
    assert told(quota % ", mode: shadow") == []
    assert told("mode: shadow\n" + quota % "") == []
    assert told(quota % "" + on_paths) == []
    assert told(quota.replace("model: 'm-*'", "model: 'm-*', path: /v1/messages") % "") == []
    assert told(deny % "path: '*/audio/*'" + quota % "") == []
    assert told(deny % "model: 'n-*'" + quota % "") == ["p:3 unread-models"], "once, as one rule answers both"
    assert told(deny % "model: 'n-*'" + quota % "" + on_paths) == ["p:3 unread-models"], "a quota denies no model"


def test_an_exception_that_comes_after_all_that_it_could_be_one_of_is_told(told: Told) -> None:
    vip, root = "  - {id: vip, allow: {account: vip}}\n", "  - {id: root, allow: {account: root}, unless: {path: /x}}\n"
    deny = "  - {id: d, deny: {network: 203.0.113.0/24}%s}\n"
    assert told("access:\n" + deny % "" + vip + root) == ["p:4 idle-allow", "p:5 idle-allow"]
    assert told("access:\n" + vip + root) == ["p:3 idle-allow", "p:4 idle-allow"]
    assert told("access:\n" + vip + deny % "" + root) == ["p:5 idle-allow"]
    assert told("access:\n" + vip + deny % ", mode: shadow") == [], "it keeps the rehearsal from noting them"


def test_that_the_rest_passes_may_be_said(told: Told) -> None:
    rest = "  - {id: rest, allow: {}}\n"
    assert told("access:\n  - {id: d, deny: {network: 203.0.113.0/24}}\n" + rest) == []


def test_a_carve_out_before_a_wider_rule_is_no_doubt(told: Told) -> None:
    assert (
        told("access:\n  - {id: a, allow: {network: 203.0.113.7}}\n  - {id: b, deny: {network: 203.0.113.0/24}}\n")
        == []
    )


def test_the_default_proxies_count_where_a_policy_names_none(told: Told) -> None:
    assert told("access:\n  - {id: a, deny: {network: 10.1.0.0/16}}\n") == ["p:3 denies-trusted-proxy"]
    assert told("trusted_proxies: []\naccess:\n  - {id: a, deny: {network: 10.1.0.0/16}}\n") == []
    assert told("access:\n  - {id: a, allow: {network: 10.1.0.0/16}}\n  - {id: b, deny: {path: /x}}\n") == []


def test_a_list_of_nothing_but_repetitions_is_told_of_in_a_few_lines_and_once(told: Told) -> None:
    text = "access:\n  - {id: a, deny: {network_in: a.txt}}\nquotas:\n  - id: q\n    match: {network_in: a.txt}\n"
    text += "    key: []\n    unit: requests\n    rate: 1/s\n"

    issues = told(text, a="203.0.113.0/24\n" * 100)
    assert issues.count("a:2 overlapping-network") == 1
    assert sum(issue.endswith("overlapping-network") for issue in issues) == MAX_ISSUES


def test_overrides_whose_principal_is_wrong_are_not_told_as_repetitions_of_one_another(told: Told) -> None:
    quotas = "tiers: {free: {}}\ndefault_tier: free\nquotas: [{id: q, key: [account], unit: requests, rate: 1/s}]\n"
    overrides = """\
        overrides:
          - {account: "x*", quotas: {q: unlimited}}
          - {account: [y, z], quotas: {q: unlimited}}
          - {tier: free, quotas: {q: unlimited}}
          - {network: 10.0.0.0/33, tier: free}
          - {account: "x*", org: o, tier: free}
          - {org: o, tier: free}
          - {org: o, tier: free}
        """
    assert told(quotas + dedent(overrides)) == [
        "p:6 bad-principal",
        "p:7 wrong-type",
        "p:8 not-exactly-one",
        "p:9 bad-network",
        "p:10 not-exactly-one",
        "p:10 bad-principal",
        "p:12 duplicate-override",
    ]


def test_two_files_may_each_have_an_override_for_the_same_principal(tmp_path: Path) -> None:
    quotas = (
        "quotas: [{id: q, key: [account], unit: requests, rate: 1/s}, {id: p, key: [], unit: concurrent, limit: 1}]\n"
    )
    (tmp_path / "a.yaml").write_text(
        f"version: 1\ntrusted_proxies: []\n{quotas}overrides: [{{account: acct_1, quotas: {{q: {{rate: 2/s}}}}}}]\n"
    )
    (tmp_path / "b.yaml").write_text("version: 1\noverrides: [{account: acct_1, quotas: {p: {limit: 2}}}]\n")

    assert attempt(str(tmp_path)).issues == ()


def test_advice_is_a_sentence() -> None:
    assert all(code.advice.endswith(".") for code in Code if code.advice)
