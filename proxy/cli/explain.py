"""Explain what the proxy does with a request, rule by rule, without charging anything.

Which rules match it and why the others do not, what each bucket holds, who would deny, and when it would pass. It is
one line of an exchange log, or an account that asks for something. Without a Redis store all buckets are full.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from proxy import settings
from proxy.cli.flags import add_flags
from proxy.errors import StoreError, UsageError

if TYPE_CHECKING:
    from proxy.admission.store import BucketStore
    from proxy.dialects.llm import LlmRequest
    from proxy.explain.explanation import Explanation
    from proxy.identity.geo import Geo
    from proxy.identity.principal import Address, Principal
    from proxy.identity.resolve import Resolver
    from proxy.policy.match import Policy
    from proxy.simulate.lines import Recorded

_OF_STORE = ("store", "store_password", "store_prefix", "store_timeout_ms")
_SETTINGS = ("policy", *_OF_STORE, "hash_key", "geoip_country", "geoip_asn")
_OF_ACCOUNT = ("org", "tier", "model", "network", "country", "asn", "verified", "end_user", "max_tokens", "body_bytes")
_NUMBERS = {"asn": 2**32 - 1, "max_tokens": inf, "body_bytes": inf}
"""The most that each may be."""
_OWN_KEY = b"stillgate explain"
_NOWHERE = "192.0.2.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    asked = parser.add_mutually_exclusive_group(required=True)
    asked.add_argument("--request", metavar="FILE", help="one line of an exchange log; - is standard input")
    asked.add_argument("--account", metavar="ID", help="an account instead, asking for what the flags below say")
    parser.add_argument("--org", metavar="ID")
    parser.add_argument("--tier", metavar="NAME")
    parser.add_argument("--model", metavar="NAME")
    parser.add_argument("--network", metavar="CIDR|ADDRESS", help=f"where it asks from (default: {_NOWHERE})")
    parser.add_argument("--country", metavar="CODE")
    parser.add_argument("--asn", type=int, metavar="N")
    parser.add_argument("--verified", action="store_true", default=None)
    parser.add_argument("--end-user", metavar="NAME", help="as the client sends it")
    parser.add_argument("--max-tokens", type=int, metavar="N")
    parser.add_argument("--body-bytes", type=int, metavar="N", help="of the prompt (default: 0)")
    parser.add_argument("--path", metavar="PATH", default="/v1/messages", help="default: %(default)s")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")
    add_flags(parser, _SETTINGS)


def run(arguments: argparse.Namespace) -> int:
    from proxy.explain.text import explanation_text

    given = [name for name in _OF_ACCOUNT if getattr(arguments, name) is not None]
    if arguments.request is not None and given:
        raise UsageError(f"{settings.flag(given[0])} goes with --account; a request says so itself")
    logging.getLogger().addHandler(logging.NullHandler())  # a lost store is told once, by this command itself
    chosen = settings.values_of(vars(arguments), os.environ, _SETTINGS)
    try:
        explanation = asyncio.run(_explained(arguments, chosen))
    except StoreError as fault:
        print(f"stillgate explain: --store {urlsplit(chosen['store']).hostname}: {fault}", file=sys.stderr)
        return 1
    if arguments.format == "json":
        print(json.dumps(explanation.as_json(), indent=2))
    else:
        print(explanation_text(explanation))
    return 0


async def _explained(arguments: argparse.Namespace, chosen: dict[str, Any]) -> Explanation:
    from proxy.clock import SystemClock
    from proxy.dialects.estimate import Estimator
    from proxy.explain.explainer import explain
    from proxy.identity.geo import Geo
    from proxy.identity.resolve import Resolver
    from proxy.policy.load import load_policy
    from proxy.policy.shipped import default_policy
    from proxy.simulate.asked import asked

    policy = load_policy(chosen["policy"] or default_policy())
    recorded = None if arguments.request is None else _read(arguments.request)
    now_us = SystemClock().wall_us() if recorded is None else recorded.ts_us
    geo = Geo(*(Path(chosen[name]) if chosen[name] else None for name in ("geoip_asn", "geoip_country")))
    async with _opened(chosen, now_us) as (store, hash_key):
        resolver = Resolver(hash_key, geo)
        if recorded is None:
            principal, request = _of_account(arguments, policy, resolver, geo)
        else:
            principal, request = await asked(recorded, policy, resolver)
        explanation = await explain(policy, principal, request, store, Estimator())
    if explanation.store_fault is not None:
        raise StoreError(explanation.store_fault)
    return explanation


@asynccontextmanager
async def _opened(chosen: dict[str, Any], now_us: int) -> AsyncIterator[tuple[BucketStore, bytes]]:
    """The store, and the key of the hashes: the one given, else the one that replicas share there."""
    from proxy.admission.memory import MemoryStore
    from proxy.admission.redis import HASH_KEY, RedisStore
    from proxy.redis_place import key_prefix

    hash_key: bytes = chosen["hash_key"].encode()
    if chosen["store"].startswith("memory:"):
        yield MemoryStore(lambda: now_us), hash_key or _OWN_KEY
        return
    store = RedisStore(
        chosen["store"],
        password=chosen["store_password"],
        prefix=key_prefix(chosen["store_prefix"]),
        timeout_seconds=chosen["store_timeout_ms"] / 1000,
    )
    try:
        yield store, hash_key or await store.shared_secret(HASH_KEY)
    finally:
        await store.close()


def _read(name: str) -> Recorded:
    from proxy.simulate.lines import BadLineError, LineReader

    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return LineReader().read(data.strip())
    except OSError as fault:
        raise UsageError(f"--request {name}: cannot be read: {fault.strerror or fault}") from fault
    except BadLineError as fault:
        raise UsageError(f"--request {name}: {fault}; give one line of an exchange log") from fault


def _of_account(
    arguments: argparse.Namespace, policy: Policy, resolver: Resolver, geo: Geo
) -> tuple[Principal, LlmRequest]:
    from proxy.dialects.llm import LlmRequest
    from proxy.dialects.table import dialect_for
    from proxy.identity.attributes import country_code
    from proxy.identity.network import network_of
    from proxy.identity.principal import Principal

    for name, most in _NUMBERS.items():
        given = getattr(arguments, name)
        if given is not None and not 0 <= given <= most:
            raise UsageError(f"{settings.flag(name)} {given}: give 0 {'or more' if most == inf else f'to {most}'}")
    if arguments.country is not None and country_code(arguments.country) is None:
        raise UsageError(f"--country {arguments.country}: give a code of two letters such as US")
    address = _address(arguments.network or _NOWHERE)
    location = geo.locate(address)
    principal = Principal(
        account=arguments.account,
        address=address,
        network=network_of(address, policy.ipv4_prefix, policy.ipv6_prefix),
        client="",
        org=arguments.org,
        tier=arguments.tier,
        verified=bool(arguments.verified),
        country=country_code(arguments.country) or location.country,
        asn=location.asn if arguments.asn is None else arguments.asn,
    )
    request = LlmRequest(
        dialect=dialect_for("POST", arguments.path).name,
        path=arguments.path,
        model=arguments.model,
        max_tokens=arguments.max_tokens,
        end_user=None if arguments.end_user is None else resolver.pseudonym(arguments.end_user),
        text_bytes=arguments.body_bytes or 0,
    )
    return principal, request


def _address(text: str) -> Address:
    """The address, or the first one of the network."""
    from proxy.identity.network import parse_address

    first, slash, length = text.partition("/")
    address = parse_address(first)
    if address is None or (slash and not (length.isdecimal() and int(length) <= address.max_prefixlen)):
        raise UsageError(f"--network {text}: give an address or a network such as 203.0.113.0/24")
    return address
