"""What `serve` takes from flags, the environment and files, and how it says no."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from proxy.cli.flags import add_flags
from proxy.errors import UsageError
from proxy.settings import Settings, from_arguments, split_address, variable_of
from proxy.settings import flag as flag_of


def settings(*arguments: str, **environment: str) -> Settings:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    return from_arguments(vars(parser.parse_args(arguments)), {"STILLGATE_UPSTREAM": "http://up", **environment})


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_default() -> None:
    assert settings().drain_seconds == 60.0
    assert settings(STILLGATE_DRAIN_SECONDS="5").drain_seconds == 5.0
    assert settings("--drain-seconds", "7", STILLGATE_DRAIN_SECONDS="5").drain_seconds == 7.0


def test_what_is_either_so_or_not_is_said_with_yes_or_no() -> None:
    assert (settings().pass_attributes, settings().pass_addresses) == (False, True)
    assert settings("--pass-attributes", "yes").pass_attributes is True
    assert settings(STILLGATE_PASS_ADDRESSES="no").pass_addresses is False


def test_a_flag_that_is_given_twice_is_refused_rather_than_half_forgotten() -> None:
    with pytest.raises(UsageError, match=r"^--policy is given twice; keep one; the files of one folder are one policy"):
        settings("--policy", "a.yaml", "--policy=b.yaml")
    with pytest.raises(UsageError, match="^--upstream-key is given twice; keep one$"):
        settings("--upstream-key", "sk-1", "--upstream-key", "sk-1")


def test_a_secret_may_come_from_a_file_and_loses_the_files_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("s3cret\n")
    assert settings(STILLGATE_HASH_KEY_FILE=str(path)).hash_key == "s3cret"


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    path = tmp_path / "policy"
    path.write_text("p.yaml")
    assert settings(STILLGATE_POLICY_FILE=str(path)).policy == ""


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (("--upstream", ""), {}, "--upstream URL is missing"),
        (("--upstream", "ftp://x"), {}, "give http://HOST"),
        (("--upstream", "http://user:pw@x"), {}, "without user"),
        (("--listen", "8080"), {}, "--listen '8080': give HOST:PORT"),
        (("--admin", "a:99999"), {}, "--admin"),
        (("--store", "mysql://x"), {}, "give memory://, redis://"),
        (("--store", "redis://r/prod"), {}, "--store: the database 'prod' is no number"),
        (("--store", "rediss://r/0?foo=bar"), {}, "--store: the option 'foo' is not known"),
        (("--store-prefix", "{prod}"), {}, "--store-prefix '{prod}': give a name"),
        (("--workers", "2"), {}, "--workers 2 needs --store redis"),
        (("--replicas", "2"), {}, "--replicas 2 needs --store redis"),
        (("--replicas", "0"), {}, "--replicas must be 1 or more"),
        (("--workers", "0"), {}, "--workers must be 1 or more"),
        (("--workers", "two"), {}, "--workers 'two': expected a whole number"),
        (("--drain-seconds", "soon"), {}, "--drain-seconds 'soon': expected a number"),
        (("--drain-seconds", "nan"), {}, "--drain-seconds must not be negative"),
        (("--upstream-keepalive-seconds", "-1"), {}, "--upstream-keepalive-seconds must not be negative"),
        (("--connect-timeout-seconds", "0"), {}, "must be greater than zero"),
        (("--log-level", "loud"), {}, "use debug, info"),
        (("--ask-stream-usage", "always"), {}, "--ask-stream-usage always: use auto or never"),
        (("--pass-attributes", "true"), {}, "--pass-attributes 'true': expected yes or no"),
        ((), {"STILLGATE_PASS_ADDRESSES": ""}, "--pass-addresses '': expected yes or no"),
        ((), {"STILLGATE_HASH_KEY": "a", "STILLGATE_HASH_KEY_FILE": "/x"}, "are both set; keep one"),
        ((), {"STILLGATE_HASH_KEY_FILE": "/nowhere"}, "STILLGATE_HASH_KEY_FILE=/nowhere: cannot be read"),
    ],
)
def test_a_setting_that_cannot_work_is_named(
    arguments: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said.replace("(", r"\(")):
        settings(*arguments, **environment)


@pytest.mark.parametrize("blank", ["", " \n"])
@pytest.mark.parametrize("name", ["upstream_key", "hash_key", "verdict_key", "store_password"])
def test_a_secret_that_is_given_but_blank_is_refused_wherever_it_comes_from(
    name: str, blank: str, tmp_path: Path
) -> None:
    path, variable, flag = tmp_path / "key", variable_of(name), flag_of(name)
    path.write_text(blank)
    for arguments, environment, named in (
        ((), {variable: blank}, variable),
        ((), {f"{variable}_FILE": blank}, f"{variable}_FILE"),
        ((), {f"{variable}_FILE": str(path)}, f"{variable}_FILE={path}"),
        ((flag, blank), {}, flag),
    ):
        with pytest.raises(UsageError, match=f"^{re.escape(named)} is empty; "):
            settings(*arguments, **environment)


def test_a_secret_that_is_not_given_is_none() -> None:
    chosen = settings(STILLGATE_POLICY="")
    assert (chosen.upstream_key, chosen.hash_key, chosen.verdict_key, chosen.store_password) == ("", "", "", "")


def test_addresses_may_be_v6_or_leave_out_the_host() -> None:
    assert split_address("[::1]:80", "--listen") == ("::1", 80)
    assert split_address(":80", "--listen") == ("0.0.0.0", 80)
