"""Owns where an address is: its autonomous system and country, from MMDB files in MaxMind's schema.

Knows no header and no policy. The files are mapped into memory: replace one by renaming, never by writing into it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import maxminddb

from proxy.errors import UsageError
from proxy.identity.attributes import country_code
from proxy.identity.principal import Address

_CACHED = 16_384


@dataclass(frozen=True, slots=True)
class Location:
    asn: int | None = None
    country: str | None = None
    """ISO 3166-1 alpha-2, upper case."""


class Geo:
    """Locations of addresses; either file may be absent, and what it would tell is then None."""

    def __init__(self, asn_file: Path | None = None, country_file: Path | None = None) -> None:
        """UsageError where a file that is named is missing, not readable or not an MMDB."""
        self._asn = _open(asn_file)
        self._country = _open(country_file)
        self._cached = lru_cache(maxsize=_CACHED)(self._read)

    def locate(self, address: Address) -> Location:
        """Never raises: what a file does not know, or has in an odd shape, is None."""
        return self._cached(address)

    def close(self) -> None:
        for reader in (self._asn, self._country):
            if reader is not None:
                reader.close()

    def _read(self, address: Address) -> Location:
        number = _record(self._asn, address, ("autonomous_system_number",))
        country = _record(self._country, address, ("country", "iso_code"))
        return Location(asn=number if type(number) is int else None, country=country_code(country))


def _open(file: Path | None) -> maxminddb.Reader | None:
    if file is None:
        return None
    try:
        return maxminddb.open_database(str(file))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror or error}); name an MMDB file") from error
    except (maxminddb.InvalidDatabaseError, ValueError) as error:
        raise UsageError(f"{file}: is not an MMDB file ({error}); name one in MaxMind's format") from error


def _record(reader: maxminddb.Reader | None, address: Address, path: Iterable[str]) -> object:
    if reader is None:
        return None
    try:
        record: object = reader.get(address)
    except (maxminddb.InvalidDatabaseError, ValueError):  # damaged data; an IPv6 address in a file of IPv4 only
        return None
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record
