"""Where an address is, from MMDB files that the tests write themselves."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from proxy.errors import UsageError
from proxy.identity.geo import Geo, Location

UINT16, UINT32, UINT64 = 5, 6, 9


def encode_number(value: int, kind: int) -> bytes:
    raw = value.to_bytes(8, "big").lstrip(b"\0")
    return (bytes([kind << 5 | len(raw)]) if kind < 8 else bytes([len(raw), kind - 7])) + raw


def encode(value: object) -> bytes:
    """One value of the MMDB data format: maps, short strings, unsigned integers, booleans, an empty list."""
    match value:
        case bytes():  # encoded already
            return value
        case bool():
            return bytes([value, 14 - 7])
        case int():
            return encode_number(value, UINT32)
        case str():
            return bytes([2 << 5 | len(value)]) + value.encode()
        case dict():
            return bytes([7 << 5 | len(value)]) + b"".join(encode(key) + encode(item) for key, item in value.items())
        case []:
            return bytes([0, 11 - 7])
        case _:
            raise TypeError(value)


def tree_of(networks: Mapping[str, object], bits: int) -> list[list[int | bytes | None]]:
    """Nodes whose branches are another node's number, the bytes of a record, or None for nothing."""
    nodes: list[list[int | bytes | None]] = [[None, None]]
    for network, record in networks.items():
        cut = ip_network(network)
        prefix = cut.prefixlen + bits - cut.max_prefixlen
        path = f"{int(cut.network_address):0{bits}b}"[:prefix]
        node = 0
        for branch in path[:-1]:
            child = nodes[node][int(branch)]
            if not isinstance(child, int):
                child = len(nodes)
                nodes[node][int(branch)] = child
                nodes.append([None, None])
            node = child
        nodes[node][int(path[-1])] = encode(record)
    return nodes


def write_mmdb(file: Path, networks: Mapping[str, object], bits: int = 128) -> Path:
    """A file in MaxMind's format 2.0 with records of 32 bits; IPv4 networks lie within ::/96."""
    nodes = tree_of(networks, bits)
    tree = data = b""
    for branches in nodes:
        for branch in branches:
            if isinstance(branch, bytes):
                tree += struct.pack(">I", len(nodes) + 16 + len(data))
                data += branch
            else:
                tree += struct.pack(">I", len(nodes) if branch is None else branch)
    metadata = {
        "binary_format_major_version": encode_number(2, UINT16),
        "binary_format_minor_version": encode_number(0, UINT16),
        "build_epoch": encode_number(1_700_000_000, UINT64),
        "database_type": "Test",
        "description": {"en": "test"},
        "ip_version": encode_number(6 if bits == 128 else 4, UINT16),
        "languages": [],
        "node_count": encode_number(len(nodes), UINT32),
        "record_size": encode_number(32, UINT16),
    }
    file.write_bytes(tree + b"\0" * 16 + data + b"\xab\xcd\xefMaxMind.com" + encode(metadata))
    return file


ASN = {"203.0.113.0/24": {"autonomous_system_number": 64500}, "2001:db8::/32": {"autonomous_system_number": 64501}}
COUNTRY = {"203.0.113.0/25": {"country": {"iso_code": "NL"}}, "2001:db8::/32": {"country": {"iso_code": "de"}}}


def test_an_address_has_the_system_and_the_country_of_its_network(tmp_path: Path) -> None:
    geo = Geo(write_mmdb(tmp_path / "asn.mmdb", ASN), write_mmdb(tmp_path / "country.mmdb", COUNTRY))
    assert geo.locate(ip_address("203.0.113.7")) == Location(64500, "NL")
    assert geo.locate(ip_address("203.0.113.200")) == Location(64500, None)
    assert geo.locate(ip_address("2001:db8::1")) == Location(64501, "DE")
    assert geo.locate(ip_address("198.51.100.1")) == Location()
    geo.close()


def test_either_file_may_be_absent(tmp_path: Path) -> None:
    asn_only = Geo(asn_file=write_mmdb(tmp_path / "asn.mmdb", ASN))
    country_only = Geo(country_file=write_mmdb(tmp_path / "country.mmdb", COUNTRY))
    assert asn_only.locate(ip_address("203.0.113.7")) == Location(64500, None)
    assert country_only.locate(ip_address("203.0.113.7")) == Location(None, "NL")
    assert Geo().locate(ip_address("203.0.113.7")) == Location()
    asn_only.close()
    country_only.close()


@pytest.mark.parametrize(
    "record",
    [
        "text",
        7,
        {},
        {"autonomous_system_number": "AS7"},
        {"autonomous_system_number": True},
        {"country": "NL"},
        {"country": {"iso_code": 7}},
    ],
)
def test_odd_records_tell_nothing(tmp_path: Path, record: object) -> None:
    file = write_mmdb(tmp_path / "odd.mmdb", {"203.0.113.0/24": record})
    geo = Geo(file, file)
    assert geo.locate(ip_address("203.0.113.7")) == Location()
    geo.close()


def test_an_ipv6_address_in_a_file_of_ipv4_is_nowhere(tmp_path: Path) -> None:
    geo = Geo(write_mmdb(tmp_path / "four.mmdb", {"203.0.113.0/24": {"autonomous_system_number": 64500}}, bits=32))
    assert geo.locate(ip_address("203.0.113.7")) == Location(64500, None)
    assert geo.locate(ip_address("2001:db8::1")) == Location()
    geo.close()


def test_damaged_data_tell_nothing(tmp_path: Path) -> None:
    file = write_mmdb(tmp_path / "asn.mmdb", ASN)
    record = encode({"autonomous_system_number": 64500})
    file.write_bytes(file.read_bytes().replace(record, b"\xff" * len(record)))
    geo = Geo(file)
    assert geo.locate(ip_address("203.0.113.7")) == Location()
    geo.close()


def test_a_missing_file_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.mmdb: cannot be read"):
        Geo(asn_file=tmp_path / "gone.mmdb")


@pytest.mark.parametrize(
    "content", [b"", b"not a database", b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xe1"]
)
def test_a_file_that_is_no_mmdb_is_a_usage_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "wrong.mmdb"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"wrong\.mmdb: is not an MMDB file"):
        Geo(country_file=file)


def test_a_folder_is_a_usage_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read|is not an MMDB"):
        Geo(asn_file=tmp_path)
