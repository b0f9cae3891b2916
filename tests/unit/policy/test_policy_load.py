"""From a path to a policy: files, folders, lists, and what is told when they cannot be read."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from proxy.errors import StillgateError
from proxy.policy.issues import PolicyError, Severity
from proxy.policy.load import attempt, load_all, load_policy
from proxy.policy.match import Policy

QUOTA = "quotas:\n  - {{id: {id}, key: [account], unit: requests, rate: 50/min}}\n"


def quota(name: str) -> str:
    return QUOTA.format(id=name)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def told(path: Path) -> list[str]:
    return [str(issue).replace(f"{path}/", "").replace(str(path), ".") for issue in attempt(str(path)).issues]


def codes(path: Path) -> list[str]:
    return [issue.code.value for issue in attempt(str(path)).issues]


def test_all_problems_are_told_at_once_in_the_order_of_their_positions(tmp_path: Path) -> None:
    write(
        tmp_path,
        p="""\
version: 1
mod: shadow
access:
  - {id: a, deny: {country: usa, tier: gold}}
  - {id: a, deny: {network_in: nowhere.txt}}
quotas:
  - {id: q, key: [acount], unit: requests, rate: 50/m}
  - {id: r, key: [account], unit: requests}
overrides:
  - {account: x, quotas: {s: unlimited}}
trusted_proxies: []
""",
    )

    assert [line.split(": ")[:2] for line in told(tmp_path)] == [
        ["p.yaml:2:1", "error unknown-key"],
        ["p.yaml:4:29", "error bad-country"],
        ["p.yaml:4:34", "error undeclared-tier"],
        ["p.yaml:5:6", "error duplicate-id"],
        ["p.yaml:5:20", "error missing-list"],
        ["p.yaml:7:19", "error unknown-value"],
        ["p.yaml:7:50", "error bad-rate"],
        ["p.yaml:8:5", "error not-exactly-one"],
        ["p.yaml:10:27", "error unknown-quota"],
    ]


def test_an_issue_reads_as_compilers_write_them(tmp_path: Path) -> None:
    write(tmp_path, p="version: 1\nquota: []\n")

    assert told(tmp_path) == [
        "p.yaml:1:1: warning no-rules: the policy has no quotas, access rules or campaigns",
        "p.yaml:2:1: error unknown-key: 'quota' is not known; did you mean quotas?",
    ]


def test_what_cannot_be_served_raises_with_every_issue(tmp_path: Path) -> None:
    write(tmp_path, p="version: 3\nquota: []\n" + quota("a"))

    with pytest.raises(PolicyError) as caught:
        load_policy(str(tmp_path))

    assert isinstance(caught.value, StillgateError)
    assert [issue.code for issue in caught.value.issues] == ["unknown-version", "unknown-key"]
    assert str(caught.value).count("\n") == 1


def test_a_warning_stays_with_the_policy(tmp_path: Path) -> None:
    write(tmp_path, p="version: 1\ntiers: {free: {}}\n" + quota("a"))

    (warning,) = load_policy(str(tmp_path)).warnings

    assert (warning.severity, warning.code) == (Severity.WARNING, "no-default-tier")


def test_the_digest_of_a_file_is_what_sha256sum_prints(tmp_path: Path) -> None:
    text = "version: 1\n" + quota("a")
    write(tmp_path, p=text)

    assert load_policy(str(tmp_path / "p.yaml")).sha256 == sha256(text.encode()).hexdigest()


def test_the_digest_covers_lists_and_not_where_the_folder_lies(tmp_path: Path) -> None:
    digests = []
    for name, network in [("a", "192.0.2.0/24"), ("b", "192.0.2.0/24"), ("c", "192.0.2.0/25")]:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "list.txt").write_text(network)
        write(folder, p="version: 1\naccess: [{id: a, deny: {network_in: list.txt}}]\n")
        digests.append(load_policy(str(folder)).sha256)

    assert digests[0] == digests[1] != digests[2]


def test_the_files_of_a_folder_are_united_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(
        tmp_path,
        b="version: 1\ntiers: {paid: {}}\nnetwork_prefix: {ipv6: 56}\n" + quota("second"),
        a="version: 1\ntiers: {free: {}}\ndefault_tier: free\nnetwork_prefix: {ipv4: 20}\n" + quota("first"),
        c="overrides: [{account: x, quotas: {first: unlimited}}]\n",
    )

    policy = load_policy(str(tmp_path))

    assert policy.name == tmp_path.name
    assert [quota.id for quota in policy.quotas] == ["first", "second"]
    assert [Path(quota.position).name for quota in policy.quotas] == ["a.yaml:6", "b.yaml:5"]
    assert (set(policy.tiers), policy.ipv4_prefix, policy.ipv6_prefix) == ({"free", "paid"}, 20, 56)


def test_a_policys_folder_is_not_searched_and_hidden_and_test_files_are_no_part_of_it(tmp_path: Path) -> None:
    write(tmp_path, p="version: 1\n" + quota("a"))
    for name in (".hidden.yaml", "p.test.yaml", "notes.txt", "p.yaml~", "README.md"):
        (tmp_path / name).write_text("[")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "deeper" / "q.yaml").write_text("[")
    (tmp_path / "also.yml").write_text(quota("b"))

    assert [quota.id for quota in load_policy(str(tmp_path)).quotas] == ["b", "a"]


@pytest.mark.parametrize(
    ("second", "issue"),
    [
        ("mode: enforce\n", "b.yaml:1:1: error duplicate-key: 'mode' is given already at a.yaml:2"),
        ("version: 2\n", "b.yaml:1:1: error duplicate-key: 'version' is given already at a.yaml:1"),
        ("tiers: {free: {}}\n", "b.yaml:1:9: error duplicate-key: 'free' is given already at a.yaml:3"),
        (quota("q"), "b.yaml:2:6: error duplicate-id: 'q' is taken already at a.yaml:6"),
        ("quotas: {}\n", "b.yaml:1:1: error duplicate-key: 'quotas' is given already at a.yaml:5"),
    ],
)
def test_what_two_files_give_twice_names_both_places(tmp_path: Path, second: str, issue: str) -> None:
    first = "version: 1\nmode: shadow\ntiers: {free: {}}\ndefault_tier: free\n" + quota("q")

    assert told(write(tmp_path, a=first, b=second)) == [issue]


def test_a_key_that_one_file_gives_twice_is_not_united(tmp_path: Path) -> None:
    write(tmp_path, a="version: 1\naccess: []\n", b=quota("a") + quota("b"))

    assert codes(tmp_path) == ["duplicate-key"]


def test_a_broken_file_among_others_is_told_of_without_guesses_about_the_rest(tmp_path: Path) -> None:
    write(tmp_path, a="version: 1\n" + quota("a") + "  - [", b="overrides: [{account: x, quotas: {a: unlimited}}]\n")

    assert codes(tmp_path) == ["yaml-syntax"]


def test_a_folder_of_complete_policies_cannot_be_served_and_is_checked_file_by_file(tmp_path: Path) -> None:
    write(
        tmp_path,
        default="version: 1\nname: default\n" + quota("a"),
        strict="version: 1\nname: strict\n" + quota("a"),
        broken="version: 1\nname: broken\nquota: []\n",
    )

    (refusal,) = attempt(str(tmp_path)).issues
    assert refusal.code == "several-policies"
    assert "broken.yaml" in refusal.message

    checked = {Path(path).name: outcome for path, outcome in load_all(str(tmp_path))}
    assert list(checked) == ["broken.yaml", "default.yaml", "strict.yaml"]
    assert [outcome.name for outcome in checked.values() if isinstance(outcome, Policy)] == ["default", "strict"]
    assert isinstance(checked["broken.yaml"], tuple)
    assert load_policy(str(tmp_path / "strict.yaml")).name == "strict"


def test_a_complete_policy_alone_in_its_folder_is_what_the_folder_serves(tmp_path: Path) -> None:
    write(tmp_path, only="version: 1\nname: mine\n" + quota("a"))
    assert load_policy(str(tmp_path)).name == "mine"

    write(tmp_path, part="overrides: []\n")
    assert codes(tmp_path) == ["several-policies"]


def test_checking_a_folder_of_parts_checks_the_whole(tmp_path: Path) -> None:
    write(tmp_path, a="version: 1\n" + quota("a"), b="overrides: [{account: x, quotas: {a: unlimited}}]\n")

    ((path, policy),) = load_all(str(tmp_path))

    assert (path, isinstance(policy, Policy)) == (str(tmp_path), True)


def test_a_path_that_is_not_there_or_holds_nothing_is_told_of(tmp_path: Path) -> None:
    assert codes(tmp_path / "nowhere.yaml") == ["missing-file"]
    assert codes(tmp_path / "\x00") == ["missing-file"]
    assert codes(tmp_path) == ["empty-folder"]
    ((_, issues),) = load_all(str(tmp_path))
    assert isinstance(issues, tuple)


def test_a_file_that_would_never_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert codes(tmp_path) == ["unreadable-file"]
    assert codes(Path("/dev/zero")) == ["unreadable-file"]


def test_a_file_that_is_too_big_is_not_read(tmp_path: Path) -> None:
    rest = "\nversion: 1\n" + quota("a")
    write(tmp_path, p="#" * ((4 << 20) - len(rest)) + rest)
    assert codes(tmp_path) == []

    write(tmp_path, p="#" * ((4 << 20) - len(rest) + 1) + rest)
    assert codes(tmp_path) == ["file-too-big"]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_bytes(b"\xef\xbb\xbf" + b"version: 1\n" + quota("a").encode())

    assert codes(tmp_path) == []


def test_a_list_may_not_leave_the_policys_folder_even_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("192.0.2.0/24")
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "linked.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "near.txt").symlink_to("nearer.txt")
    (folder / "nearer.txt").write_text("192.0.2.0/24")

    for name, expected in [("linked.txt", ["list-outside-folder"]), ("near.txt", []), ("./sub/../near.txt", [])]:
        (folder / "sub").mkdir(exist_ok=True)
        write(folder, p=f"version: 1\naccess: [{{id: a, deny: {{network_in: {name}}}}}]\n")
        assert codes(folder) == expected


def test_a_list_of_the_wrong_kind_is_told_of_once_not_line_by_line(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("not a network\n" * 1000)
    write(tmp_path, p="version: 1\naccess: [{id: a, deny: {network_in: list.txt}}]\n")

    issues = attempt(str(tmp_path)).issues

    assert {issue.code.value for issue in issues} == {"bad-list-line"}
    assert len(issues) == 21
    assert any("980 more lines" in issue.message for issue in issues)


def test_a_list_that_is_not_text_is_told_of_at_its_first_bad_byte(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"192.0.2.0/24\n\xff\xfe")
    write(tmp_path, p="version: 1\naccess: [{id: a, deny: {network_in: list.txt}}]\n")

    assert [line.split(": ")[:2] for line in told(tmp_path)] == [["list.txt:2:1", "error not-utf8"]]


def test_a_long_policy_of_many_rules_is_not_compared_without_end(tmp_path: Path) -> None:
    rules = "".join(f"  - {{id: r{index}, deny: {{account: a{index}}}}}\n" for index in range(700))
    write(tmp_path, p="version: 1\ntrusted_proxies: []\naccess:\n" + rules + "  - {id: last, deny: {}, unless: {}}\n")

    assert codes(tmp_path) == ["unreachable-rule"]
