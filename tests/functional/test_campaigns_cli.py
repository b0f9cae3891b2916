"""`stillgate campaigns` as an operator runs it: on a running admin port, and on the report of a replay."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from msgspec.structs import replace

from proxy.cli.main import main
from proxy.reports.wire import recovered
from proxy.simulate.report import Report
from proxy.verdict.campaign import Evidence, Level, Word
from tests.any_campaign import FOUND
from tests.functional.campaign_desk import Desk, admin_of

Captured = pytest.CaptureFixture[str]
OTHER = replace(FOUND, id="c-3fff00000000", level=Level.SUSPECTED, accounts=12, word=Word.HOLD)


@pytest.fixture
def report(tmp_path: Path) -> str:
    path = tmp_path / "report.json"
    path.write_text(json.dumps(Report("aa").as_json(set(), [FOUND, OTHER])), encoding="utf-8")
    return str(path)


async def stillgate(*arguments: str) -> int:
    """Runs beside the server of the test, as a process of its own would."""
    return await asyncio.to_thread(main, ["campaigns", *arguments])


async def test_the_list_tells_each_campaign_in_a_row_with_units_in_the_header(capsys: Captured) -> None:
    async with admin_of(Desk(FOUND, OTHER)) as url:
        assert await stillgate("--admin", url) == 0
        bare = capsys.readouterr().out
        assert await stillgate("list", "--admin", url.removeprefix("http://")) == 0
        assert capsys.readouterr().out == bare
    header, _, first, second = (line for line in bare.splitlines() if line.strip())
    assert "got out (exchanges)" in header
    assert "last seen (UTC)" in header
    assert first.split()[:4] == [FOUND.id, "confirmed", "–", "250"]
    assert first.split()[-1] == "2026-04-24T00:00:00Z"
    assert second.split()[:4] == [OTHER.id, "suspected", "hold", "12"]


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 132])
def test_a_narrow_terminal_loses_columns_and_never_a_part_of_a_name(
    columns: int, report: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    for arguments in ((), ("show", "3f9")):
        assert main(["campaigns", "--from", report, *arguments]) == 0
        out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        tables = out.partition("exchanges per")[0]
        assert max(map(len, tables.splitlines())) <= columns
        assert FOUND.id in tables
        assert "confirmed" in tables
        assert "…" not in tables


async def test_what_is_printed_has_no_blanks_at_its_ends(report: str, capsys: Captured) -> None:
    for arguments in ((), ("show", "3f9")):
        assert await stillgate("--from", report, *arguments) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].strip()
        assert lines[-1].strip()
        assert [line for line in lines if line != line.rstrip()] == []


async def test_a_campaign_whose_figures_are_lost_is_told_to_be_in_force_all_the_same(capsys: Captured) -> None:
    async with admin_of(Desk(replace(FOUND, exchanges_seen=0), OTHER)) as url:
        for action in ("list", "show"):
            assert await stillgate(action, *(("3f9",) if action == "show" else ()), "--admin", url) == 0
            told = f"{FOUND.id}: only the verdict is known, which is in force; Redis has lost its figures."
            assert capsys.readouterr().out.count(told) == 1


async def test_the_admin_port_may_be_named_by_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    async with admin_of(Desk()) as url:
        monkeypatch.setenv("STILLGATE_ADMIN", url.removeprefix("http://"))
        assert await stillgate() == 0
    assert capsys.readouterr().out == "No campaign was found.\n"


@pytest.mark.parametrize("beginning", [FOUND.id, "c-3f9", "3f9"])
async def test_one_is_shown_by_enough_of_its_id(beginning: str, capsys: Captured) -> None:
    async with admin_of(Desk(FOUND, OTHER)) as url:
        assert await stillgate("show", beginning, "--admin", url) == 0
    out = capsys.readouterr().out
    for said in (
        "weight (nats)",
        "dealt-out",
        "+10.0",
        "m-large",
        "reasoning-traces",
        "acct_7*, acct_0, acct_1,",
        "210 others",
        "< confirmed",
    ):
        assert said in out, said


async def test_as_json_all_of_it_comes_back(capsys: Captured) -> None:
    async with admin_of(Desk(FOUND, OTHER)) as url:
        assert await stillgate("show", FOUND.id, "--json", "--admin", url) == 0
        one = json.loads(capsys.readouterr().out)
        assert await stillgate("--json", "--admin", url) == 0
        assert [told["id"] for told in json.loads(capsys.readouterr().out)] == [FOUND.id, OTHER.id]
    assert replace(recovered(one), members=FOUND.members) == FOUND


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["show", "3f"], "3f may be c-3f9a01b2c4d5, c-3fff00000000; give more of the id"),
        (["show", "zz"], "there is no campaign zz; stillgate campaigns lists them"),
        (["show", ""], "there is no campaign"),
        (["release", "zz", "--by", "ada"], "there is no campaign zz"),
    ],
)
async def test_an_id_that_names_none_or_several_is_told_with_what_to_do(
    arguments: list[str], fault: str, capsys: Captured
) -> None:
    async with admin_of(Desk(FOUND, OTHER)) as url:
        assert await stillgate(*arguments, "--admin", url) == 1
    assert fault in capsys.readouterr().err


async def test_words_are_said_and_taken_back_by_whoever_runs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("LOGNAME", "grace")
    desk = Desk(FOUND)
    async with admin_of(desk) as url:
        for action in ("release", "hold", "confirm"):
            assert await stillgate(action, "3f9", "--by", "ada", "--admin", url) == 0
            assert f"{FOUND.id}: {action} by ada" in capsys.readouterr().out
        assert await stillgate("undo", "3f9", "--admin", url) == 0
        assert "confirmed" in capsys.readouterr().out
    words = [*((FOUND.id, word, "ada") for word in (Word.RELEASE, Word.HOLD, Word.CONFIRM)), (FOUND.id, None, "grace")]
    assert desk.said == words


async def test_where_nobody_answers_it_says_which_port_and_what_else_there_is(capsys: Captured) -> None:
    async with admin_of(Desk()) as url:
        pass
    assert await stillgate("--admin", url) == 1
    told = capsys.readouterr().err
    assert url in told
    assert "--admin" in told
    assert "--from" in told


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "{}"),
        (200, '{"campaigns": null}'),
        (200, '{"campaigns": ["c-1"]}'),
        (200, "[]"),
        (200, "<html>"),
        (200, "{broken"),
        (404, '{"error": {"type": "not_found_error"}}'),
        (404, '{"detail": "no"}'),
    ],
)
async def test_what_is_no_admin_port_of_stillgates_is_told(status: int, text: str, capsys: Captured) -> None:
    async def page(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text=text)

    async with RawTestServer(page) as other:
        url = str(other.make_url(""))
        assert await stillgate("--admin", url) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{url.rstrip('/')}/-/campaigns is no page of stillgate's admin port; give --admin" in line


async def test_with_detection_off_it_says_so(capsys: Captured) -> None:
    async with admin_of(None) as url:
        assert await stillgate("--admin", url) == 1
    assert "Detection is off" in capsys.readouterr().err


def test_a_replays_report_is_read_like_a_running_proxy(report: str, capsys: Captured) -> None:
    assert main(["campaigns", "--from", report]) == 0
    assert OTHER.id in capsys.readouterr().out
    assert main(["campaigns", "show", "3f9", "--from", report]) == 0
    out = capsys.readouterr().out
    assert "< confirmed" in out
    assert "2026-04-24T00:00:00Z" in out


@pytest.mark.parametrize(
    ("flags", "start"), [(["--format", "html"], "<!doctype html>"), ([], "# Distillation campaign")]
)
def test_the_report_goes_to_standard_output(flags: list[str], start: str, report: str, capsys: Captured) -> None:
    assert main(["campaigns", "report", "3f9", *flags, "--from", report]) == 0
    assert capsys.readouterr().out.startswith(start)


@pytest.mark.parametrize(
    ("name", "start"),
    [("r.html", "<!doctype html>"), ("r.md", "# Distillation campaign"), ("r", "# Distillation campaign")],
)
def test_the_report_goes_to_a_file_in_the_format_of_its_name(
    name: str, start: str, report: str, tmp_path: Path
) -> None:
    assert main(["campaigns", "report", "3f9", "--out", str(tmp_path / name), "--from", report]) == 0
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--from", "{folder}/none.json"], "none.json: cannot be read"),
        (["--from", "{folder}/empty.json"], "is no report of a replay"),
        (["--from", "{report}", "--admin", "127.0.0.1:1"], "give one"),
        (["--from", "{report}", "release", "3f9"], "leave out --from"),
        (["--json", "--from", "{report}", "report", "3f9"], "--json goes with list and show"),
        (["--admin", "ftp://example", "list"], "give HOST:PORT"),
        (["report", "3f9", "--from", "{report}", "--out", "{folder}/none/r.md"], "--out"),
        (["report", "3f9", "--from", "{report}", "--out", "{folder}/r.pdf"], "r.pdf: name it .html, .htm or .md"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_to_do(
    arguments: list[str], fault: str, report: str, tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "empty.json").write_text("{}", encoding="utf-8")
    given = [argument.format(folder=tmp_path, report=report) for argument in arguments]
    assert main(["campaigns", *given]) == 2
    assert fault in capsys.readouterr().err


def test_names_from_clients_reach_the_terminal_as_plain_text(tmp_path: Path, capsys: Captured) -> None:
    hostile = replace(
        FOUND,
        members=("\x1b[2Jacct", "[red]b"),
        models={"[bold]m\x1b]0;x": 1},
        evidence=(Evidence("f", "[s]", 1.0, "\x07d"),),
    )
    path = tmp_path / "report.json"
    path.write_text(json.dumps(Report("aa").as_json(set(), [hostile])), encoding="utf-8")
    assert main(["campaigns", "show", "3f9", "--from", str(path)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    for shown in ("[red]b", "[bold]m", "[s]"):
        assert shown in out
