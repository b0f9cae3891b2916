"""What nobody outside the trusted hops can change, and what never fails."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from proxy.identity.attributes import ATTRIBUTE_HEADERS
from proxy.identity.network import network_of, parse_address
from proxy.identity.principal import Address, Principal
from proxy.identity.resolve import Resolver

RESOLVER = Resolver(b"secret", None)
NAMES = sorted(ATTRIBUTE_HEADERS | {"x-forwarded-for", "forwarded", "x-api-key", "authorization", "user-agent"})

any_text = st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape")) | st.text(max_size=60)
addresses = st.builds(IPv4Address, st.integers(0, 2**32 - 1)) | st.builds(IPv6Address, st.integers(0, 2**128 - 1))
hops = addresses.map(str) | st.sampled_from(
    ["unknown", "_x", "", '"', "\\", "10.0.0.9", "for=10.1.1.1", 'for="10.0.0.7"']
)
chains = st.lists(hops | any_text, max_size=6).map(", ".join)
names = st.sampled_from(NAMES) | any_text
headers = st.lists(st.tuples(names | names.map(str.upper), any_text | chains), max_size=12)
spoofs = st.lists(
    st.tuples(st.sampled_from(sorted(ATTRIBUTE_HEADERS | {"x-forwarded-for", "forwarded"})), any_text | chains),
    max_size=8,
)


class Ten:
    """Trusts 10.0.0.0/8."""

    def contains(self, address: Address) -> bool:
        return address.version == 4 and int(address) >> 24 == 10


def resolve(peer_ip: str, pairs: list[tuple[str, str]]) -> Principal:
    return RESOLVER.resolve(peer_ip, pairs, Ten(), 24, 64).principal


@given(st.sampled_from(["", "10.0.0.1", "203.0.113.7", "2001:db8::1"]), headers)
def test_any_header_bytes_give_a_principal_whose_parts_agree(peer_ip: str, pairs: list[tuple[str, str]]) -> None:
    principal = resolve(peer_ip, pairs)
    assert principal.network == network_of(principal.address, 24, 64)
    assert principal.account
    assert len(principal.client) == 12


@given(headers, spoofs)
def test_headers_from_an_untrusted_peer_change_nothing_of_the_principal(
    pairs: list[tuple[str, str]], spoofed: list[tuple[str, str]]
) -> None:
    others = [(name, value) for name, value in pairs if name.lower() not in {name for name, _ in spoofed}]
    assert resolve("203.0.113.7", spoofed + others) == resolve("203.0.113.7", others)


@given(spoofs)
def test_what_a_client_sends_changes_nothing_behind_an_edge_that_appends(spoofed: list[tuple[str, str]]) -> None:
    of_edge = [("x-forwarded-for", "203.0.113.7"), *((name, "") for name in sorted(ATTRIBUTE_HEADERS))]
    assert resolve("10.0.0.1", spoofed + of_edge) == resolve("10.0.0.1", of_edge)


@given(chains)
def test_what_stands_left_of_the_client_in_forwarded_is_never_read(smuggled: str) -> None:
    assert (
        str(resolve("10.0.0.1", [("forwarded", f"{smuggled}, for=203.0.113.7, for=10.0.0.2")]).address) == "203.0.113.7"
    )


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_all_addresses_of_a_64_are_one_network(subnet: int, one: int, other: int) -> None:
    first, second = (IPv6Address(subnet << 64 | host) for host in (one, other))
    assert network_of(first, 24, 64) == network_of(second, 24, 64)


@given(addresses, st.integers(0, 32), st.integers(0, 128))
def test_a_network_holds_its_address_and_is_written_as_the_standard_library_does(
    address: Address, ipv4_prefix: int, ipv6_prefix: int
) -> None:
    text = network_of(address, ipv4_prefix, ipv6_prefix)
    if isinstance(address, IPv6Address):
        assert address in IPv6Network(text)
        assert str(IPv6Network(text)) == text
    else:
        mapped = ip_address(f"::ffff:{address}")
        assert isinstance(mapped, IPv6Address)
        assert parse_address(str(mapped)) == address


@given(st.integers(0, 2**32 - 1), headers)
def test_an_ipv4_mapped_peer_is_its_ipv4_peer(number: int, pairs: list[tuple[str, str]]) -> None:
    peer = IPv4Address(number)
    assert resolve(f"::ffff:{peer}", pairs) == resolve(str(peer), pairs)


@given(st.text(min_size=1, max_size=40).filter(lambda key: key.strip() and key.strip().lower() != "bearer"))
def test_no_principal_shows_its_key(key: str) -> None:
    named = resolve("203.0.113.7", [("x-api-key", key)])
    assert named.account.startswith("key-")
    assert named == replace(resolve("203.0.113.7", [("x-api-key", "")]), account=named.account)
