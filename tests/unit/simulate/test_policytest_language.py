"""Policy tests: how the values of the language are read, and what becomes of the bytes of a test file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.cli.main import main
from proxy.policy.scalars import BadValueError
from proxy.simulate.policytest import texts
from proxy.simulate.policytest.suite import load_suites

GOLDEN = Path(__file__).parents[2] / "golden" / "policytest"
GOOD = (GOLDEN / "everything.good.test.yaml").read_bytes()
SNIPPETS = [
    b"&a ", b"*a", b"<<: ", b"!!int ", b"---\n", b"\t", b"\n", b"[", b"]", b"{", b"}", b": ", b"- ", b"#", b'"',
    b"\x00", b"\xff", b"null", b"~", b"0", b"-1", b"1e9", b"9M", b"400day", b"0s", b"..", b"<1..999999>", b"<", b">",
    b"expect: allow\n", b"send: {}\n", b"times: 9", b"never", b"policy: .", b"../",
    b"policy: ../..", b"start: 1970-01-01",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(st.sampled_from(["flip", "cut", "insert", "double"]), st.floats(0, 1), st.integers(0, 2**31)),
    min_size=1,
    max_size=5,
)


def edited(data: bytes, edit: tuple[str, float, int]) -> bytes:
    kind, place, number = edit
    at = int(place * len(data))
    length = number % 40
    match kind:
        case "flip":
            return data[:at] + bytes([byte ^ (1 << number % 8) for byte in data[at : at + 1]]) + data[at + 1 :]
        case "cut":
            return data[:at] + data[at + length :]
        case "insert":
            return data[:at] + SNIPPETS[number % len(SNIPPETS)] + data[at:]
        case _:
            return data[: at + length] + data[at:]


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("shadowed: 1", "`shadowed` names the shadow rules that would have refused, and policy p has no rule '1'"),
        ("rule: 429", "`rule` names the rules that refuse, and policy p has no rule '429'; it has quota-a, quota-b, "),
        ("rule: quota_c", "has no rule 'quota_c'; did you mean quota-c?"),
    ],
)
def test_a_rule_that_there_is_not_is_told_with_what_is_wanted_and_what_there_is(
    tmp_path: Path, expected: str, told: str
) -> None:
    quotas = "".join(f"  - {{id: quota-{name}, key: [], unit: requests, rate: 1/s}}\n" for name in "abcdefghi")
    (tmp_path / "p.yaml").write_text(f"version: 1\nname: p\nquotas:\n{quotas}")
    path = tmp_path / "p.test.yaml"
    step = f"{{send: {{}}, expect: {{{expected}}}}}"
    path.write_text(f"version: 1\npolicy: p.yaml\ntests: [{{name: a, steps: [{step}]}}]\n")
    (issue,) = load_suites([str(path)]).bad[str(path)]
    assert told in issue.message
    assert ("; it has quota-a, " in issue.message) == ("quota-h, …" in issue.message) == ("did you" not in told)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "policy.yaml").write_bytes((GOLDEN / "policy.yaml").read_bytes())
        yield Path(name)


@given(EDITS)
@settings(max_examples=150)
def test_any_change_of_a_test_file_runs_or_tells_never_a_traceback(
    folder: Path, edits: list[tuple[str, float, int]]
) -> None:
    data = GOOD
    for edit in edits:
        data = edited(data, edit)
    path = folder / "edited.test.yaml"
    path.write_bytes(data)

    suites = load_suites([str(path)])

    assert len(suites.good) + len(suites.bad) == 1
    for issue in suites.bad.get(str(path), ()):
        assert issue.line >= 1
        assert issue.col >= 1
        assert str(issue).isprintable()
    assert main(["test", str(path), "--junit", str(folder / "out.xml")]) in ((0, 1) if suites.good else (1,))


@given(st.binary(max_size=120))
@settings(max_examples=100)
def test_any_bytes_at_all_are_told_of(folder: Path, data: bytes) -> None:
    path = folder / "any.test.yaml"
    path.write_bytes(data)

    assert load_suites([str(path)]).bad[str(path)]


@given(st.integers(0, texts.LONGEST_US))
def test_a_duration_that_is_shown_reads_back_as_itself(us: int) -> None:
    assert texts.duration(texts.show_duration(us)) == us


@pytest.mark.parametrize(
    ("text", "us"),
    [("500ms", 500_000), ("1.2s", 1_200_000), ("5min", 300_000_000), ("1h", 3_600_000_000), ("1day", 86_400_000_000)],
)
def test_durations_are_exact_and_have_a_unit(text: str, us: int) -> None:
    assert texts.duration(text) == us
    assert texts.show_duration(us) == text


@given(st.text(max_size=20))
def test_any_text_is_a_value_or_a_bad_one(text: str) -> None:
    told = []
    for parse in (
        texts.duration,
        texts.short_duration,
        texts.whole,
        texts.times,
        texts.body_bytes,
        texts.status,
        texts.count_bounds,
        texts.duration_bounds,
        texts.instant,
        texts.series,
        texts.addresses,
        texts.target,
        texts.method,
    ):
        try:
            parse(text)
        except BadValueError as fault:
            told.append(fault.message)
    assert all(message.isprintable() for message in told)


def test_a_series_takes_turns_and_begins_again() -> None:
    series = texts.series("acct_<9..11>@x")

    assert [series.turn(index) for index in range(4)] == ["acct_9@x", "acct_10@x", "acct_11@x", "acct_9@x"]


def test_a_text_without_a_number_is_the_same_at_every_turn() -> None:
    assert {texts.series("acct_1").turn(index) for index in range(5)} == {"acct_1"}


def test_bounds_count_both_ends() -> None:
    bounds = texts.count_bounds("2..4")

    assert [number for number in range(7) if bounds.hold(number, number)] == [2, 3, 4]
    assert not bounds.hold(2, 5)


def test_a_request_that_can_never_pass_lies_within_no_duration() -> None:
    assert not texts.duration_bounds("0s..400day").hold(texts.NEVER_US, texts.NEVER_US)
    assert texts.duration_bounds("never").hold(texts.NEVER_US, texts.NEVER_US)
