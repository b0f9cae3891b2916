"""A reload takes a good policy, keeps the old one when the new one is bad, and says so."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.policy import reload
from proxy.policy.issues import PolicyError
from proxy.policy.load import Attempt, attempt
from proxy.policy.reload import PolicySource, Refused, Reloaded, Unchanged

ACCESS = "access: [{id: a, deny: {network_in: list.txt}}]\n"


def policy(rate: str) -> str:
    return f"version: 1\nquotas: [{{id: q, key: [], unit: requests, rate: {rate}}}]\n"


def loaded(path: Path) -> PolicySource:
    source = PolicySource(str(path))
    source.load(now_us=1)
    return source


def test_a_first_load_that_fails_raises(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\nquota: []\n")

    with pytest.raises(PolicyError):
        PolicySource(str(tmp_path)).load(now_us=1)


def test_a_good_file_takes_over(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy("1/s"))
    source = loaded(path)
    before = source.current

    path.write_text(policy("2/s"))
    outcome = source.reload(now_us=2)

    assert outcome == Reloaded(source.current)
    assert source.current is not before
    assert (source.status.sha256, source.status.loaded_at_us) == (source.current.sha256, 2)


def test_a_bad_file_leaves_the_old_policy_in_force_until_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy("1/s"))
    source = loaded(path)
    before = source.current

    path.write_text(policy("1/sec"))
    outcome = source.reload(now_us=2)

    assert isinstance(outcome, Refused)
    assert [issue.code for issue in outcome.issues] == ["bad-rate"]
    assert source.current is before
    assert (source.status.success, source.status.issues) == (False, outcome.issues)
    assert (source.status.sha256, source.status.loaded_at_us) == (before.sha256, 1)

    path.write_text(policy("1/s"))
    assert source.reload(now_us=3) == Unchanged(before)
    assert (source.status.success, source.status.issues, source.status.loaded_at_us) == (True, (), 1)


def test_a_file_that_is_gone_is_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy("1/s"))
    source = loaded(path)

    path.unlink()
    outcome = source.reload(now_us=2)

    assert isinstance(outcome, Refused)
    assert str(outcome.issues[0]) == f"{path}:1:1: error missing-file: there is no such file"


def test_the_signature_tells_of_every_change_and_of_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("version: 1\n" + ACCESS)
    (tmp_path / "list.txt").write_text("192.0.2.0/24\n")
    source = loaded(tmp_path)
    signatures = [source.signature()]
    assert source.signature() == signatures[0]

    (tmp_path / "notes.txt").write_text("not a policy")
    assert source.signature() == signatures[0]

    (tmp_path / "list.txt").write_text("192.0.2.0/25\n198.51.100.0/24\n")
    signatures.append(source.signature())
    (tmp_path / "q.yaml").write_text("mode: shadow\n")
    signatures.append(source.signature())
    (tmp_path / "list.txt").unlink()
    signatures.append(source.signature())
    os.utime(tmp_path / "p.yaml", ns=(1, 1))
    signatures.append(source.signature())

    assert len(set(signatures)) == len(signatures)


def test_the_list_that_a_refused_policy_lacks_is_watched_for(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy("1/s"))
    source = loaded(path)
    path.write_text("version: 1\n" + ACCESS)
    assert isinstance(source.reload(now_us=2), Refused)
    before = source.signature()

    (tmp_path / "list.txt").write_text("192.0.2.0/24\n")

    assert source.signature() != before
    assert isinstance(source.reload(now_us=3), Reloaded)


def mount(volume: Path, name: str, files: dict[str, str]) -> None:
    """As Kubernetes does it: a new folder of data, and `..data` swapped over to it in one step."""
    (volume / name).mkdir(parents=True)
    for file, text in files.items():
        (volume / name / file).write_text(text)
        if not (volume / file).is_symlink():
            (volume / file).symlink_to(Path("..data") / file)
    (volume / "..data_tmp").symlink_to(name)
    (volume / "..data_tmp").rename(volume / "..data")


def test_a_kubernetes_symlink_swap_is_noticed_and_taken(tmp_path: Path) -> None:
    mount(tmp_path, "..2026_1", {"p.yaml": "version: 1\n" + ACCESS, "list.txt": "192.0.2.0/24\n"})
    source = loaded(tmp_path)
    before = source.signature()
    digest = source.current.sha256

    mount(tmp_path, "..2026_2", {"p.yaml": "version: 1\n" + ACCESS, "list.txt": "198.51.100.0/24\n"})

    assert source.signature() != before
    assert isinstance(source.reload(now_us=2), Reloaded)
    assert source.current.sha256 != digest
    assert [Path(file).name for file in source.current.files] == ["p.yaml", "list.txt"]


def test_a_link_that_points_nowhere_in_mid_swap_is_a_refusal_that_says_so(tmp_path: Path) -> None:
    mount(tmp_path, "..2026_1", {"p.yaml": policy("1/s")})
    source = loaded(tmp_path)
    before = source.current

    (tmp_path / "..data").unlink()
    outcome = source.reload(now_us=2)

    assert isinstance(outcome, Refused)
    assert [issue.code for issue in outcome.issues] == ["missing-file"]
    assert source.current is before


def test_files_that_change_under_the_reader_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount(tmp_path, "..1", {"p.yaml": policy("1/s")})
    source = loaded(tmp_path)
    tries: list[Attempt] = []

    def swapped_after_reading(path: str) -> Attempt:
        tried = attempt(path)
        if not tries:
            mount(tmp_path, "..2", {"p.yaml": policy("2/s")})
        tries.append(tried)
        return tried

    monkeypatch.setattr(reload, "attempt", swapped_after_reading)

    assert source.reload(now_us=2) == Reloaded(source.current)
    assert len(tries) == 2
    assert source.current is tries[1].policy


def test_files_that_never_stand_still_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(policy("1/s"))
    source = loaded(path)
    rates = iter(range(2, 100))

    def changed_after_reading(path_name: str) -> Attempt:
        tried = attempt(path_name)
        path.write_text(policy("1" * next(rates) + "/min"))
        return tried

    monkeypatch.setattr(reload, "attempt", changed_after_reading)
    outcome = source.reload(now_us=2)

    assert isinstance(outcome, Refused)
    assert [issue.code for issue in outcome.issues] == ["changed-while-read"]
