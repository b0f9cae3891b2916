"""A process that takes over from another one has a policy also where that on disk is no longer good."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.policy.issues import PolicyError
from proxy.policy.last_good import LastGood
from proxy.policy.reload import PolicySource, Refused, Reloaded, Unchanged

POLICY = """\
version: 1
access: [{id: a, deny: {network_in: list.txt}}]
quotas: [{id: q, key: [], unit: requests, rate: 1/s}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a policy in two files, one of which names a list."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "p.yaml").write_text(POLICY)
    (folder / "q.yaml").write_text("mode: shadow\n")
    (folder / "list.txt").write_text("192.0.2.0/24\n")
    return folder


@pytest.fixture
def last_good(tmp_path: Path) -> LastGood:
    return LastGood(tmp_path / "last-good")


@pytest.mark.parametrize("spoilt", ["p.yaml", "list.txt", "all"])
def test_it_begins_with_the_last_that_was_good_and_says_what_is_wrong_with_the_files(
    folder: Path, last_good: LastGood, spoilt: str
) -> None:
    before = PolicySource(str(folder), last_good)
    before.load(now_us=1)
    text = (folder / "p.yaml").read_text()
    if spoilt == "p.yaml":
        (folder / "p.yaml").write_text(text.replace("1/s", "1/sec"))
    elif spoilt == "list.txt":
        (folder / "list.txt").unlink()
    else:
        for file in folder.iterdir():
            file.unlink()
    refused = before.reload(now_us=2)
    assert isinstance(refused, Refused)

    after = PolicySource(str(folder), last_good)
    policy, was = after.load(now_us=3), before.current
    assert (policy.name, policy.sha256, policy.files) == (was.name, was.sha256, was.files)
    assert [(quota.id, quota.position, quota.shadow) for quota in policy.quotas] == [
        (quota.id, quota.position, quota.shadow) for quota in was.quotas
    ]
    assert (after.status.success, after.status.issues) == (False, refused.issues)

    # Mended, they are what is in force already; another policy takes over.
    (folder / "p.yaml").write_text(text)
    (folder / "q.yaml").write_text("mode: shadow\n")
    (folder / "list.txt").write_text("192.0.2.0/24\n")
    assert after.reload(now_us=4) == Unchanged(policy)
    (folder / "list.txt").write_text("198.51.100.0/24\n")
    assert isinstance(after.reload(now_us=5), Reloaded)


def test_what_was_good_last_is_kept_not_what_was_good_first(folder: Path, last_good: LastGood) -> None:
    before = PolicySource(str(folder), last_good)
    before.load(now_us=1)
    (folder / "list.txt").write_text("198.51.100.0/24\n")
    before.reload(now_us=2)
    (folder / "p.yaml").unlink()
    before.reload(now_us=3)
    assert PolicySource(str(folder), last_good).load(now_us=4).sha256 == before.current.sha256


def test_without_one_that_was_good_a_bad_one_is_refused(folder: Path, last_good: LastGood) -> None:
    (folder / "list.txt").unlink()
    with pytest.raises(PolicyError):
        PolicySource(str(folder), last_good).load(now_us=1)


def test_a_full_disk_keeps_the_one_before(folder: Path, tmp_path: Path) -> None:
    nowhere = LastGood(tmp_path / "missing" / "last-good")
    assert PolicySource(str(folder), nowhere).load(now_us=1).name == "policies"
    assert nowhere.recalled() is None
