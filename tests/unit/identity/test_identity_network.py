"""Which hop is the client, and which network it belongs to."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest

from proxy.identity.network import MAX_HOPS, client_behind, network_of, parse_address, parse_hop
from proxy.identity.principal import Address


class Nets:
    """Trusts the networks it was given."""

    def __init__(self, *networks: str) -> None:
        self.networks = [ip_network(network) for network in networks]

    def contains(self, address: Address) -> bool:
        return any(self._holds(network, address) for network in self.networks)

    @staticmethod
    def _holds(network: IPv4Network | IPv6Network, address: Address) -> bool:
        return address.version == network.version and address in network


INSIDE = Nets("10.0.0.0/8", "fc00::/7")
EDGE = ip_address("10.0.0.1")


def behind(*x_forwarded_for: str) -> str:
    return str(client_behind(EDGE, x_forwarded_for, (), INSIDE))


def behind_forwarded(*forwarded: str) -> str:
    return str(client_behind(EDGE, (), forwarded, INSIDE))


def test_without_forwarding_headers_the_trusted_peer_is_the_client() -> None:
    assert str(client_behind(EDGE, (), (), INSIDE)) == "10.0.0.1"


def test_the_first_untrusted_hop_from_the_right_is_the_client() -> None:
    assert behind("198.51.100.9, 203.0.113.7, 10.0.0.3") == "203.0.113.7"


def test_all_occurrences_of_the_header_are_one_list_in_wire_order() -> None:
    assert behind("198.51.100.9", "203.0.113.7", "10.0.0.3, 10.0.0.2") == "203.0.113.7"


def test_where_every_hop_is_trusted_the_leftmost_is_the_client() -> None:
    assert behind("10.9.9.9, 10.0.0.3") == "10.9.9.9"


@pytest.mark.parametrize(
    "bad",
    ["unknown", "1.2.3", "256.1.1.1", "_hidden", "203.0.113.7 203.0.113.8", "[10.0.0.9]", '"', '""', '"203.0.113.8'],
)
def test_a_malformed_hop_ends_the_walk_at_the_last_valid_one(bad: str) -> None:
    assert behind(f"203.0.113.7, {bad}, 10.0.0.3") == "10.0.0.3"
    assert behind(f"203.0.113.7, {bad}") == "10.0.0.1"


@pytest.mark.parametrize(
    "value",
    [
        "203.0.113.7,",
        "203.0.113.7, , 10.0.0.3,\t,",
        ",203.0.113.7",
        '"203.0.113.7"',
        '198.51.100.9, "203.0.113.7:4711" , "10.0.0.3"',
    ],
)
def test_empty_elements_and_quotes_around_a_hop_hide_no_client(value: str) -> None:
    assert behind(value) == "203.0.113.7"


def test_a_flood_of_empty_elements_is_walked_no_further_than_the_bound() -> None:
    assert behind("203.0.113.7" + "," * (MAX_HOPS + 1)) == "10.0.0.1"
    assert behind(",", "") == "10.0.0.1"


def test_x_forwarded_for_wins_over_forwarded() -> None:
    assert str(client_behind(EDGE, ["203.0.113.7"], ["for=198.51.100.9"], INSIDE)) == "203.0.113.7"


def test_a_chain_that_is_too_long_is_walked_no_further_than_the_bound() -> None:
    chain = ["203.0.113.7", *(f"10.1.0.{n}" for n in range(MAX_HOPS, 0, -1))]
    assert behind(", ".join(chain[1:])) == f"10.1.0.{MAX_HOPS}"
    assert behind(", ".join(["10.8.8.8", *chain])) == f"10.1.0.{MAX_HOPS}"
    elements = [f"for={hop}" for hop in chain]
    assert behind_forwarded(", ".join(elements)) == f"10.1.0.{MAX_HOPS}"


@pytest.mark.parametrize(
    ("hop", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1:8080\t", "192.0.2.1"),
        ("192.0.2.1:_gazonk", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:c000:201]:80", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
    ],
)
def test_a_hop_is_read_with_ports_brackets_and_zones(hop: str, address: str) -> None:
    assert str(parse_hop(hop)) == address


@pytest.mark.parametrize(
    "hop", ["192.0.2.1:", "192.0.2.1:123456", "[2001:db8::1", "2001:db8::1]", "[192.0.2.1]", "1" * 4000]
)
def test_what_is_no_hop_has_no_address(hop: str) -> None:
    assert parse_hop(hop) is None


def test_an_ipv4_mapped_address_is_its_ipv4_address() -> None:
    assert parse_address("::ffff:203.0.113.7") == ip_address("203.0.113.7")
    assert parse_address("fe80::1%7") == IPv6Address("fe80::1")
    assert parse_address("9" * 1000) is None


@pytest.mark.parametrize(
    "value",
    [
        "for=203.0.113.7",
        "For=203.0.113.7;proto=https;by=10.0.0.1",
        'proto=https; for="203.0.113.7:4711" ;host=a',
        r'for="203.0.113\.7"',
        ";;for=203.0.113.7;",
        'for=_secret, for="[2001:db8::9]", for=203.0.113.7',
        'for=198.51.100.1;host="a,b\\",for=10.1.1.1", for=203.0.113.7, for=10.0.0.2',
    ],
)
def test_forwarded_is_read_as_rfc_7239_writes_it(value: str) -> None:
    assert behind_forwarded(value) == "203.0.113.7"


def test_forwarded_gives_ipv6_addresses_with_and_without_port() -> None:
    assert behind_forwarded('for="[2001:db8:cafe::17]:4711"') == "2001:db8:cafe::17"
    assert behind_forwarded('for="[2001:db8:cafe::17]", for="[fc00::1]"') == "2001:db8:cafe::17"


def test_occurrences_of_forwarded_are_one_list_in_wire_order() -> None:
    assert behind_forwarded("for=198.51.100.9", "for=203.0.113.7", "for=10.0.0.2") == "203.0.113.7"


@pytest.mark.parametrize(
    "bad",
    [
        *("for=unknown", "for=_x", "proto=https", "for=1.2.3.4;for=1.2.3.5", "for", "for=a b", ""),
        *('for=""', r'for="\"203.0.113.8\""'),
    ],
)
def test_an_element_of_forwarded_without_an_address_ends_the_walk(bad: str) -> None:
    assert behind_forwarded(f"for=203.0.113.7, {bad}, for=10.0.0.2") == "10.0.0.2"


@pytest.mark.parametrize("smuggled", ['for="', 'for="\\', '"', 'for=1.2.3.4;x="a', "\\"])
def test_a_quote_that_the_client_leaves_open_does_not_hide_what_the_edge_appends(smuggled: str) -> None:
    assert behind_forwarded(f"{smuggled}, for=203.0.113.7") == "203.0.113.7"
    assert behind_forwarded(smuggled, "for=203.0.113.7") == "203.0.113.7"


@pytest.mark.parametrize(
    ("address", "ipv4_prefix", "ipv6_prefix", "network"),
    [
        ("203.0.113.7", 24, 64, "203.0.113.0/24"),
        ("203.0.113.7", 32, 64, "203.0.113.7/32"),
        ("203.0.113.7", 0, 64, "0.0.0.0/0"),
        ("2001:db8:0:1:ffff::1", 24, 64, "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::1", 24, 48, "2001:db8::/48"),
    ],
)
def test_a_network_is_the_prefix_of_an_address(address: str, ipv4_prefix: int, ipv6_prefix: int, network: str) -> None:
    assert network_of(ip_address(address), ipv4_prefix, ipv6_prefix) == network
