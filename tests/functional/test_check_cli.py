"""`stillgate check` and `stillgate schema` as a person or a CI pipeline runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from proxy.cli.main import main
from proxy.policy.issues import Code
from proxy.policy.schema import policy_schema

GOOD = "version: 1\nquotas:\n  - {id: q, key: [account], unit: requests, rate: 50/min}\n"
DOUBTFUL = "version: 1\naccess:\n  - {id: a, deny: {country: XX}}\ntrusted_proxies: []\n"
BAD = "version: 1\nquotas:\n  - {id: q, key: [acount], unit: requests, rate: 50/minute}\n"

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"good": GOOD, "doubtful": DOUBTFUL, "bad": BAD}.items():
        Path(f"{name}.yaml").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["good.yaml"], 0),
        (["good.yaml", "--strict"], 0),
        (["doubtful.yaml"], 0),
        (["doubtful.yaml", "--strict"], 3),
        (["doubtful.yaml", "bad.yaml", "--strict"], 1),
        (["no-such-file.yaml"], 1),
    ],
)
@pytest.mark.usefixtures("folder")
def test_the_exit_code_says_how_bad_it_is(arguments: list[str], code: int) -> None:
    for form in ("text", "json", "sarif"):
        assert main(["check", *arguments, "--format", form]) == code


@pytest.mark.usefixtures("folder")
def test_wrong_usage_ends_with_two(capsys: Captured) -> None:
    for arguments in (["check"], ["check", "good.yaml", "--format", "xml"], ["schema", "extra"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "usage: stillgate" in capsys.readouterr().err


@pytest.mark.usefixtures("folder")
def test_all_problems_of_all_files_are_told_at_once(capsys: Captured) -> None:
    main(["check", "bad.yaml", "doubtful.yaml", "good.yaml"])

    assert capsys.readouterr().out.splitlines() == [
        "bad.yaml:3:19: error unknown-value: 'acount' is none of account, org, end_user, network, address, asn, "
        "country, tier, model, path, client; did you mean account?",
        "bad.yaml:3:50: error bad-rate: '50/minute' is not a rate such as 10/s, 50/min, 1k/h or 5M/day; write /min",
        "doubtful.yaml:3:20: warning unknown-country: no country has the code XX",
        "doubtful.yaml: ok, 0 quotas, 1 access rules (doubtful)",
        "good.yaml: ok, 1 quotas, 0 access rules (good)",
    ]


@pytest.mark.usefixtures("folder")
def test_quiet_prints_problems_only(capsys: Captured) -> None:
    main(["check", "--quiet", "good.yaml"])
    assert capsys.readouterr().out == ""
    main(["check", "--quiet", "doubtful.yaml"])
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.usefixtures("folder")
def test_json_is_an_array_of_objects_with_stable_keys(capsys: Captured) -> None:
    main(["check", "--format", "json", "doubtful.yaml", "good.yaml"])

    assert json.loads(capsys.readouterr().out) == [
        {
            "file": "doubtful.yaml",
            "line": 3,
            "col": 20,
            "severity": "warning",
            "code": "unknown-country",
            "message": "no country has the code XX",
        }
    ]


def test_a_list_that_two_policies_share_is_told_of_once(folder: Path, capsys: Captured) -> None:
    (folder / "shared").mkdir()
    (folder / "shared" / "list.txt").write_text("203.0.113.0/24\n203.0.113.7\n")
    for name in ("one", "two"):
        text = f"version: 1\nname: {name}\naccess:\n  - {{id: a, deny: {{network_in: list.txt}}}}\n"
        (folder / "shared" / f"{name}.yaml").write_text(text)
    main(["check", "--format", "json", "shared"])

    (issue,) = json.loads(capsys.readouterr().out)
    assert (issue["file"], issue["line"], issue["code"]) == ("shared/list.txt", 2, "overlapping-network")


@pytest.mark.usefixtures("folder")
def test_an_old_rehearsal_is_told_by_the_clock(capsys: Captured) -> None:
    rule = "access:\n  - {id: a, deny: {model: m}, mode: shadow, since: %s}\n"
    Path("old.yaml").write_text("version: 1\n" + rule % "2020-02-29")
    Path("new.yaml").write_text("version: 1\n" + rule % "9999-12-31")

    assert main(["check", "--strict", "old.yaml"]) == 3
    assert "stale-shadow" in capsys.readouterr().out
    assert main(["check", "--strict", "new.yaml"]) == 0


def sarif(capsys: Captured, *paths: str) -> dict[str, Any]:
    main(["check", "--format", "sarif", *paths])
    log: dict[str, Any] = json.loads(capsys.readouterr().out)
    return log


@pytest.mark.usefixtures("folder")
def test_sarif_has_what_its_schema_requires(capsys: Captured) -> None:
    log = sarif(capsys, "bad.yaml", "doubtful.yaml")

    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    driver = run["tool"]["driver"]
    assert driver["name"] == "stillgate"
    assert [rule["id"] for rule in driver["rules"]] == [code.value for code in Code]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"].endswith(".")
        assert rule["help"]["text"].startswith(rule["shortDescription"]["text"])
    assert len(run["results"]) == 3
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        region = location["physicalLocation"]["region"]
        assert min(region["startLine"], region["startColumn"]) >= 1


def test_sarif_names_files_by_uris(folder: Path, capsys: Captured) -> None:
    (folder / "zwölf %.yaml").write_text(BAD)
    for asked, uri in (("zwölf %.yaml", "zwölf %.yaml"), (str(folder / "bad.yaml"), f"file://{folder}/bad.yaml")):
        result = sarif(capsys, asked)["runs"][0]["results"][0]
        told = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert unquote(told) == uri
        assert told.isascii()


def test_the_schema_is_printed_as_it_ships(capsys: Captured) -> None:
    assert main(["schema"]) == 0
    printed = capsys.readouterr().out
    shipped = Path(__file__).parents[2] / "policies" / "policy.schema.json"

    assert json.loads(printed) == policy_schema()
    assert printed == shipped.read_text("utf-8")
