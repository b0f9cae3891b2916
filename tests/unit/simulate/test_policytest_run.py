"""Policy tests: what a run does with time, senders, coverage and results."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from proxy.cli.main import main
from proxy.policy.load import load_policy
from proxy.policy.shipped import default_policy
from proxy.simulate.lines import LineReader, Recorded
from proxy.simulate.policytest.coverage import Coverage
from proxy.simulate.policytest.run import Result, run_case
from proxy.simulate.policytest.sender import Sender, described
from proxy.simulate.policytest.suite import Suite, load_suites

POLICY = """\
version: 1
name: small
trusted_proxies: [10.0.0.0/8]
access:
  - {id: friends, allow: {account: [friend]}}
  - {id: closed, deny: {model: [closed]}}
quotas:
  - {id: rpm, key: [account], unit: requests, rate: 60/min, burst: 2}
  - {id: rehearsed, key: [], unit: requests, rate: 1/day, mode: shadow}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    return tmp_path


def written(folder: Path, steps: str, name: str = "one.test.yaml", head: str = "") -> Path:
    path = folder / name
    indented = "".join(f"      {line}\n" for line in steps.strip().splitlines())
    path.write_text(f"version: 1\npolicy: policy.yaml\n{head}tests:\n  - name: a test\n    steps:\n{indented}")
    return path


def suite_of(path: Path) -> Suite:
    suites = load_suites([str(path)])
    assert suites.bad == {}
    return suites.good[0]


def result_of(folder: Path, steps: str, head: str = "") -> Result:
    suite = suite_of(written(folder, steps, head=head))
    return run_case(suite, suite.spec.tests[0], lambda exchange: None)


def line_of(folder: Path, send: str, index: int = 0) -> Recorded:
    suite = suite_of(written(folder, f"- send: {send}\n  expect: {{allowed: 0..9}}"))
    spec = suite.spec.tests[0].steps[0].send
    assert spec is not None
    return Sender(described((spec, None, None)), suite.policy.trusted_proxies).line(index, 1, 0)


def test_time_stands_at_the_last_arrival_of_a_step(folder: Path) -> None:
    assert result_of(
        folder,
        """
- send: {account: a, times: 2}
  expect: allow
- send: {account: b, times: 2, every: 400ms}
  expect: allow
- send: {account: a}
  expect: {throttled: 1, retry_after: 600ms}
- wait: 600ms
  send: {account: a}
  expect: allow
""",
    ).passed


def test_senders_of_one_step_come_in_the_order_of_their_times(folder: Path) -> None:
    suite = suite_of(
        written(
            folder,
            """
- together:
    - {account: a, times: 3, every: 10ms}
    - {account: b, times: 2, every: 10ms, after: 5ms}
    - {account: c}
  expect: {allowed: 5, throttled: 1}
""",
        )
    )
    order: list[tuple[str, int]] = []

    run_case(
        suite,
        suite.spec.tests[0],
        lambda exchange: order.append((exchange.principal.account, exchange.arrival.ts_us % 1_000_000)),
    )

    assert order == [("a", 0), ("c", 0), ("b", 5_000), ("a", 10_000), ("b", 15_000), ("a", 20_000)]


def test_every_test_begins_with_full_buckets(folder: Path) -> None:
    path = written(folder, "- send: {times: 2}\n  expect: allow")
    path.write_text(path.read_text() + "  - name: another\n    steps: [{send: {times: 2}, expect: allow}]\n")

    assert main(["test", str(path)]) == 0


def test_the_narrowest_defaults_hold(folder: Path) -> None:
    path = written(folder, "", head="defaults: {account: wide, model: m, path: /v1/responses}\n")
    path.write_text(
        path.read_text().replace(
            "    steps:\n",
            "    defaults: {account: narrow}\n    steps: [{send: {model: own}, expect: allow}]\n",
        )
    )
    suite = suite_of(path)
    case = suite.spec.tests[0]

    found = described((case.steps[0].send, case.defaults, suite.spec.defaults))

    assert (found["account"].turn(0), found["model"].turn(0), found["path"]) == ("narrow", "own", "/v1/responses")


def test_a_line_is_one_that_the_exchange_log_could_hold(folder: Path) -> None:
    made = line_of(folder, "{account: a, model: m, duration: 1.5s, usage: {input_tokens: 7, output_tokens: 8}}")
    assert made.body is not None
    assert made.response is not None
    written_line = msgspec.json.encode(
        {
            "ts": 0,
            "id": made.id,
            "method": made.method,
            "path": made.path,
            "peer_ip": made.peer_ip,
            "headers": made.headers,
            "body": msgspec.Raw(made.body),
            "response": made.response,
        }
    )

    assert msgspec.structs.replace(LineReader().read(written_line), head=b"") == made


def test_attributes_come_from_a_peer_that_the_policy_trusts(folder: Path) -> None:
    made = line_of(folder, "{account: a, org: o, tier: t, country: FR, verified: false, address: 198.51.100.9}")

    assert made.peer_ip == "10.0.0.1"
    assert ("x-forwarded-for", "198.51.100.9") in made.headers
    assert [value for name, value in made.headers if name.startswith("x-account-")] == ["a", "o", "t", "FR", "false"]


@pytest.mark.parametrize(
    "path", ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/embeddings"]
)
def test_every_dialect_reads_what_was_described(folder: Path, path: str) -> None:
    suite = suite_of(
        written(
            folder,
            f"- send: {{path: {path}, model: m, max_tokens: 9, end_user: u, stream: true, body_bytes: 999}}\n"
            "  expect: allow",
        )
    )
    requests = []

    run_case(suite, suite.spec.tests[0], lambda exchange: requests.append(exchange.request))

    request = requests[0]
    assert (request.path, request.model, request.text_bytes) == (path, "m", 999)
    assert request.end_user is not None
    if path != "/v1/embeddings":
        assert (request.max_tokens, request.stream) == (9, True)


@pytest.mark.parametrize(("method", "most"), [("streamGenerateContent", 9), ("embedContent", 0)])
def test_googles_dialects_read_what_was_described_and_their_path(folder: Path, method: str, most: int) -> None:
    path = f"/v1beta/models/m:{method}"
    sent = f'- send: {{path: "{path}", max_tokens: 9, body_bytes: 999}}\n  expect: allow'
    suite = suite_of(written(folder, sent))
    requests = []

    run_case(suite, suite.spec.tests[0], lambda exchange: requests.append(exchange.request))

    request = requests[0]
    assert (request.path, request.model, request.models, request.text_bytes) == (path, "m", (), 999)
    assert (request.max_tokens, request.stream) == (most, most > 0)


def test_input_tokens_make_a_body_that_is_estimated_at_them(folder: Path) -> None:
    made = line_of(folder, "{model: m, usage: {input_tokens: 400, cache_read_input_tokens: 100}}")

    assert made.body is not None
    assert len(made.body) == 2000
    assert b"cache_control" in made.body


def test_a_request_that_carries_nothing_has_no_body(folder: Path) -> None:
    assert line_of(folder, "{method: GET, path: /v1/models, model: m}").body is None


def test_a_series_of_accounts_takes_turns(folder: Path) -> None:
    names = [dict(line_of(folder, '{account: "a<1..2>"}', index).headers)["x-account-id"] for index in range(3)]

    assert names == ["a1", "a2", "a1"]


def test_a_failing_test_goes_on_and_tells_of_every_step(folder: Path) -> None:
    result = result_of(
        folder,
        """
- send: {times: 3}
  expect: allow
- send: {model: closed}
  expect: {blocked: 0, rule: closed}
- wait: 1min
  send: {}
  expect: allow
""",
    )

    assert [(failure.step, failure.at.line) for failure in result.failures] == [(1, 7), (2, 9)]
    assert [row.holds for row in result.failures[1].rows] == [False, True]


def test_coverage_names_what_no_test_has_seen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(folder, "- send: {}\n  expect: allow")

    assert main(["test", str(path), "--coverage"]) == 1

    policy = folder / "policy.yaml"
    assert capsys.readouterr().out.splitlines() == [
        f"{policy}:5: access rule friends: no test sees it decide",
        f"{policy}:6: access rule closed: no test sees it decide",
        f"{policy}:8: quota rpm: no test sees it refuse",
        f"{policy}:9: quota rehearsed: no test sees what it would refuse",
        "1 passed, 0 failed",
        "0 of 4 rules reached",
    ]


def test_coverage_is_of_all_test_files_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, "- send: {times: 3}\n  expect: {throttled: 1}\n- send: {account: friend, model: closed}")
    written(folder, "- send: {model: closed}\n  expect: {blocked: 1}", name="two.test.yaml")

    assert main(["test", str(folder), "--coverage"]) == 0

    assert capsys.readouterr().out == "2 passed, 0 failed\n4 of 4 rules reached\n"


def test_an_allow_rule_counts_only_where_it_was_the_first_to_match(folder: Path) -> None:
    policy = folder / "policy.yaml"
    policy.write_text(POLICY.replace("  - {id: closed,", "  - {id: all, allow: {}}\n  - {id: closed,").replace(
        "  - {id: closed, deny: {model: [closed]}}\n", ""
    ))  # fmt: skip
    suite = suite_of(written(folder, "- send: {account: friend}\n  expect: allow"))
    coverage = Coverage()
    coverage.tests(suite.policy)

    run_case(suite, suite.spec.tests[0], coverage.count)

    assert [line for line in coverage.missed() if "access" in line] == [
        f"{policy}:6: access rule all: no test sees it decide"
    ]


def test_junit_has_a_case_for_each_test_and_an_error_for_a_bad_file(folder: Path) -> None:
    written(folder, "- send: {times: 3}\n  expect: allow")
    (folder / "bad.test.yaml").write_text("version: 3\n")

    assert main(["test", str(folder), "--junit", str(folder / "out.xml")]) == 1

    root = ElementTree.parse(folder / "out.xml").getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "1")
    failure = root.find(".//testcase[@name='a test']/failure")
    assert failure is not None
    assert failure.get("message") == "expect: expected allow, was allowed 2, throttled 1"
    assert failure.text is not None
    assert f"{folder}/one.test.yaml:7:9" in failure.text
    assert root.find(".//testcase/error[@type='missing-key']") is not None


@pytest.mark.parametrize(
    "arguments",
    [["nowhere"], ["."], ["one.test.yaml", "--run", "("], ["one.test.yaml", "--run", "no such"],
     ["one.test.yaml", "--run", "a", "--coverage"], ["one.test.yaml", "--junit", "no/such/folder.xml"]],
)  # fmt: skip
def test_wrong_usage_exits_with_2(
    folder: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, "- send: {}\n  expect: allow")
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder / "empty" if arguments == ["."] else folder)

    assert main(["test", *arguments]) == 2

    assert capsys.readouterr().err.startswith("stillgate test: ")


def test_run_takes_the_tests_whose_names_it_is_found_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(folder, "- send: {}\n  expect: allow")
    path.write_text(path.read_text() + "  - name: another\n    steps: [{send: {}, expect: {allowed: 9}}]\n")

    assert main(["test", str(path), "--run", "^a test$"]) == 0
    assert capsys.readouterr().out == "1 passed, 0 failed\n"


def test_the_shipped_policies_keep_their_promises_and_every_rule_is_seen(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(default_policy()).parent
    shipped = [load_policy(str(path)) for path in folder.glob("*.yaml")]
    rules = sum(len(policy.access) + len(policy.quotas) for policy in shipped)
    rules += len(shipped)  # each acts on confirmed campaigns, and only on those

    assert main(["test", "--coverage", str(folder)]) == 0

    assert capsys.readouterr().out.endswith(f" passed, 0 failed\n{rules} of {rules} rules reached\n")
