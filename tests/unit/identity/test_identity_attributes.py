"""Which values of the attribute headers are sound."""

from __future__ import annotations

import pytest

from proxy.identity.attributes import ATTRIBUTE_HEADERS, MAX_LENGTH, Attributes, read_attributes


def test_every_attribute_header_has_its_field() -> None:
    attributes = read_attributes(
        {
            "x-account-id": " acct_17 ",
            "x-account-org": "org_3",
            "x-account-tier": "scale",
            "x-account-created": "2026-01-02T03:04:05Z",
            "x-account-payment": "pm-5f3a",
            "x-account-country": "de",
            "x-account-verified": "true",
            "x-ja4": "t13d1516h2_8daaf6152771_02713d6af862",
        }
    )
    assert attributes == Attributes(
        account="acct_17",
        org="org_3",
        tier="scale",
        verified=True,
        country="DE",
        created_us=1_767_323_045_000_000,
        payment="pm-5f3a",
        ja4="t13d1516h2_8daaf6152771_02713d6af862",
    )


def test_absent_headers_tell_nothing() -> None:
    assert read_attributes({}) == Attributes()


@pytest.mark.parametrize("header", sorted(ATTRIBUTE_HEADERS))
@pytest.mark.parametrize("value", ["", "  ", "a\x00b", "a\r\nb", "a\x7f", "\udcff", "a" * (MAX_LENGTH + 1), "\u2028"])
def test_a_malformed_value_counts_as_absent(header: str, value: str) -> None:
    assert read_attributes({header: value}) == Attributes()


def test_an_identifier_of_the_greatest_length_is_kept_whole() -> None:
    assert read_attributes({"x-account-id": "a" * MAX_LENGTH}).account == "a" * MAX_LENGTH


@pytest.mark.parametrize("value", ["D", "DEU", "D1", "ΔΕ", "d e", "276"])
def test_a_country_is_two_ascii_letters(value: str) -> None:
    assert read_attributes({"x-account-country": value}).country is None


@pytest.mark.parametrize("value", ["false", "1", "yes", "truely", ""])
def test_only_true_is_verified(value: str) -> None:
    assert not read_attributes({"x-account-verified": value}).verified
    assert read_attributes({"x-account-verified": "TRUE"}).verified


@pytest.mark.parametrize(
    ("value", "created_us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01.5z", 1_500_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T23:59:59Z", -1_000_000),
        ("0001-01-01T00:00:00+23:59", -62_135_683_140_000_000),
    ],
)
def test_a_creation_time_is_read_as_rfc_3339(value: str, created_us: int) -> None:
    assert read_attributes({"x-account-created": value}).created_us == created_us


@pytest.mark.parametrize(
    "value",
    [
        "yesterday",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-02-30T00:00:00Z",
        "2026-W01-1T00:00:00Z",
        "20260102T030405Z",
        "1767323045",
    ],
)
def test_a_bad_creation_time_counts_as_absent(value: str) -> None:
    assert read_attributes({"x-account-created": value}).created_us is None
