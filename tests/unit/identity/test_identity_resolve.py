"""Who a request comes from, as a whole."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from proxy.identity.geo import Geo, Location
from proxy.identity.principal import Address, Principal
from proxy.identity.resolve import Resolved, Resolver

RESOLVER = Resolver(b"secret", None)


class Loopback:
    def contains(self, address: Address) -> bool:
        return address.is_loopback


class Everybody:
    def contains(self, address: Address) -> bool:
        return True


def resolve(peer_ip: str, *headers: tuple[str, str]) -> Resolved:
    return RESOLVER.resolve(peer_ip, headers, Loopback(), 24, 64)


def principal(peer_ip: str, *headers: tuple[str, str]) -> Principal:
    return resolve(peer_ip, *headers).principal


def test_an_account_is_the_trusted_account_header() -> None:
    assert principal("127.0.0.1", ("x-api-key", "sk"), ("X-Account-Id", "acct_17")).account == "acct_17"


def test_an_account_is_else_the_hash_of_its_key_whichever_header_brings_it() -> None:
    account = principal("203.0.113.7", ("x-api-key", "sk-1")).account
    assert account.startswith("key-")
    assert principal("198.51.100.9", ("Authorization", "Bearer sk-1")).account == account
    assert principal("127.0.0.1", ("x-api-key", "sk-1"), ("x-account-id", "\x00")).account == account


def test_a_key_in_the_url_names_the_account_that_nothing_else_names() -> None:
    def account(target: str, *headers: tuple[str, str]) -> str:
        return RESOLVER.resolve("127.0.0.1", headers, Loopback(), 24, 64, target).principal.account

    by_header = account("/", ("x-goog-api-key", "AIza"))
    assert account("/v1beta/models/m:generateContent?alt=sse&key=AIza") == by_header
    assert account("/?key=AIzaOther", ("x-goog-api-key", "AIza")) == by_header
    assert account("/?key=AIza", ("x-account-id", "acct_17")) == "acct_17"
    assert account("/?key=one&key=two") == "anonymous@127.0.0.0/24"


def test_without_credentials_the_account_is_anonymous_of_its_network() -> None:
    assert principal("203.0.113.7").account == "anonymous@203.0.113.0/24"
    assert principal("127.0.0.1", ("X-Forwarded-For", "2001:db8::1")).account == "anonymous@2001:db8::/64"


def test_attributes_from_an_untrusted_peer_are_dropped() -> None:
    headers = [("x-account-id", "victim"), ("x-account-tier", "scale"), ("x-account-verified", "true"), ("x-ja4", "t")]
    assert principal("203.0.113.7", *headers) == principal("203.0.113.7")


def test_of_repeated_attributes_the_last_one_counts_even_if_malformed() -> None:
    first, last = ("x-account-id", "smuggled"), ("x-account-id", "acct_17")
    assert principal("127.0.0.1", first, last).account == "acct_17"
    assert principal("127.0.0.1", first, ("x-account-id", "\x01")).account == "anonymous@127.0.0.0/24"


def test_of_repeated_credentials_the_first_one_counts() -> None:
    once = principal("203.0.113.7", ("x-api-key", "sk-1")).account
    assert principal("203.0.113.7", ("x-api-key", "sk-1"), ("X-Api-Key", "sk-2")).account == once


def test_it_tells_whether_the_peer_was_trusted() -> None:
    assert resolve("127.0.0.1").peer_trusted
    assert resolve("::ffff:127.0.0.1").peer_trusted
    assert not resolve("203.0.113.7").peer_trusted


def test_a_unix_socket_is_loopback() -> None:
    resolved = resolve("", ("X-Forwarded-For", "203.0.113.7"))
    assert resolved.peer_trusted
    assert str(resolved.principal.address) == "203.0.113.7"


def test_a_peer_that_is_no_address_is_the_callers_error() -> None:
    with pytest.raises(ValueError, match="'nowhere' is not an IP address"):
        resolve("nowhere")


def test_an_end_users_name_is_hashed() -> None:
    assert RESOLVER.pseudonym("alice").startswith("u-")


class Atlas(Geo):
    """Knows one network."""

    def locate(self, address: Address) -> Location:
        return Location(64500, "NL") if address in ip_network("203.0.113.0/24") else Location()


def test_a_location_is_of_the_client_and_gives_way_to_the_verified_country() -> None:
    resolver = Resolver(b"secret", Atlas())
    located = resolver.resolve("127.0.0.1", [("X-Forwarded-For", "203.0.113.7")], Everybody(), 24, 64).principal
    assert (located.address, located.asn, located.country) == (ip_address("203.0.113.7"), 64500, "NL")
    verified = resolver.resolve("203.0.113.7", [("x-account-country", "DE")], Everybody(), 24, 64).principal
    assert (verified.asn, verified.country) == (64500, "DE")
