"""Networks as integers."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from proxy.policy.prefixes import Prefix, PrefixSet, PrefixTable, parse_prefix


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("203.0.113.0/24", Prefix(4, 24, 0xCB0071)),
        ("203.0.113.7", Prefix(4, 32, 0xCB007107)),
        ("0.0.0.0/0", Prefix(4, 0, 0)),
        ("2001:db8::/32", Prefix(6, 32, 0x20010DB8)),
        ("::1", Prefix(6, 128, 1)),
    ],
)
def test_a_network_is_its_leading_bits(text: str, prefix: Prefix) -> None:
    assert parse_prefix(text) == prefix


@pytest.mark.parametrize(
    "text",
    ["", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/255.0.0.0", "10.0.0/8", "fe80::1%eth0/64", "::/129", "1.2.3.4 ",
     "::ffff:10.0.0.0/104", "10.0.0.1/8", "１.2.3.4"],
)  # fmt: skip
def test_what_is_not_plainly_a_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a network|beyond its prefix|IPv4-mapped"):
        parse_prefix(text)


def test_the_longest_network_that_holds_the_address_decides() -> None:
    table = PrefixTable((parse_prefix(text), text) for text in ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "::/0"))

    assert table.lookup(ip_address("10.1.2.3")) == "10.1.2.3"
    assert table.lookup(ip_address("10.1.2.4")) == "10.1.0.0/16"
    assert table.lookup(ip_address("10.9.9.9")) == "10.0.0.0/8"
    assert table.lookup(ip_address("11.0.0.0")) is None
    assert table.lookup(ip_address("2001:db8::1")) == "::/0"
    assert len(table) == 4


def test_an_ipv4_mapped_address_is_its_ipv4_address() -> None:
    networks = PrefixSet([parse_prefix("10.0.0.0/8")])

    assert networks.contains(ip_address("::ffff:10.0.0.1"))
    assert not networks.contains(ip_address("::ffff:11.0.0.1"))
    assert not networks.contains(ip_address("::10.0.0.1"))
