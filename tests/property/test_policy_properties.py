"""Properties of the policy language's parts: patterns, networks, bucket keys, what is covered."""

from __future__ import annotations

import re
from fnmatch import translate
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.globs import text_test
from proxy.policy.issues import Position
from proxy.policy.keys import part_of
from proxy.policy.prefixes import PrefixSet, parse_prefix
from proxy.policy.reach import covers
from proxy.policy.shapes import Place
from proxy.policy.terms import Matcher

PATTERNS = st.text("ab*?", min_size=1, max_size=8)
IPV4 = st.integers(0, 2**32 - 1)
IPV6 = st.integers(2**96, 2**128 - 1)
NETWORKS = st.one_of(
    st.builds(lambda value, length: IPv4Network((value, length), strict=False), IPV4, st.integers(0, 32)),
    st.builds(lambda value, length: IPv6Network((value, length), strict=False), IPV6, st.integers(33, 128)),
)


@given(st.lists(PATTERNS, min_size=1, max_size=3), st.text("abc\n", max_size=8))
def test_patterns_mean_what_the_shell_means(patterns: list[str], text: str) -> None:
    expected = any(re.match(translate(pattern), text) for pattern in patterns)

    assert text_test(patterns)(text) == expected


@given(st.lists(NETWORKS, max_size=6), st.data())
def test_a_set_of_networks_contains_what_any_of_them_contains(
    networks: list[IPv4Network | IPv6Network], data: st.DataObject
) -> None:
    anywhere = st.one_of(st.ip_addresses(v=4), IPV6.map(IPv6Address))
    inside = [
        st.integers(int(network.network_address), int(network.broadcast_address)).map(type(network.network_address))
        for network in networks
    ]
    address: IPv4Address | IPv6Address = data.draw(st.one_of(anywhere, *inside))

    contains = PrefixSet(parse_prefix(str(network)) for network in networks).contains(address)

    assert contains == any(address in network for network in networks)


@given(NETWORKS, NETWORKS)
def test_a_network_covers_exactly_its_subnets(
    wide: IPv4Network | IPv6Network, narrow: IPv4Network | IPv6Network
) -> None:
    is_subnet = wide.version == narrow.version and narrow.subnet_of(wide)  # type: ignore[arg-type]

    assert parse_prefix(str(wide)).covers(parse_prefix(str(narrow))) == is_subnet


@given(st.text(), st.text())
def test_two_values_never_share_a_part_of_a_key(one: str, other: str) -> None:
    assert (part_of(one) == part_of(other)) == (one == other)


@given(st.text(st.characters(codec=None)))
def test_a_part_of_a_key_is_short_plain_text_with_one_bar(value: str) -> None:
    part = part_of(value)

    assert part.startswith("|")
    assert part.count("|") == 1
    assert part.isascii()
    assert part.isprintable()
    assert len(part) <= 65


@given(
    st.lists(PATTERNS, min_size=1, max_size=3), st.lists(PATTERNS, min_size=1, max_size=3), st.text("abc", max_size=8)
)
def test_what_is_said_to_be_covered_is_covered(wide: list[str], narrow: list[str], text: str) -> None:
    where: dict[Place, Position] = {(): Position("p"), ("model",): Position("p")}

    if covers(Matcher(where=where, model=tuple(wide)), Matcher(where=where, model=tuple(narrow))) and text_test(narrow)(
        text
    ):
        assert text_test(wide)(text)
