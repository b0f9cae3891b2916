"""Owns where in which Redis stillgate is: what the store's URL may say, and how all keys there begin.

Knows no connection. It says no to what the client of Redis would take for something else: a database that is no number
for database 0, an unknown option for one of a connection, which then cannot be made.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

from proxy.errors import UsageError

DEFAULT_NAME = "stillgate"
_FORM = "give redis://[user:password@]HOST:PORT/DB or rediss://…"
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_WORDS = {"ssl_cert_reqs": ("required", "optional", "none"), "ssl_check_hostname": ("true", "false")}
_is_name = re.compile(r"[A-Za-z0-9._:-]{1,64}").fullmatch


def key_prefix(name: str = DEFAULT_NAME) -> str:
    """How every key begins that belongs to `name`. UsageError for what is no name.

    It is a hash tag: on Redis Cluster one node has all of them, and a script may touch them together.
    """
    if _is_name(name) is None:
        raise UsageError(f"--store-prefix {name!r}: give a name of up to 64 letters, digits or any of . _ : -")
    return f"{{{name}}}:"


PREFIX = key_prefix()


def check_redis_url(url: str) -> None:
    """UsageError for a URL that is none or says what nobody would heed; it never tells the password."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise _fault(_FORM) from None
    if parts.scheme not in ("redis", "rediss"):
        raise _fault(_FORM)
    if "@" in parts.path + parts.query or parts.fragment:
        raise _fault(f"{_FORM}; within a password / ? and # are written %2F %3F and %23")
    database = parts.path.removeprefix("/")
    if database and not (database.isascii() and database.isdigit()):
        raise _fault(f"the database {database!r} is no number; environments on one Redis need a --store-prefix each")
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        _check_option(parts.scheme, name, value)


def _check_option(scheme: str, name: str, value: str) -> None:
    if name not in (*_FILES, *_WORDS):
        raise _fault(f"the option {name!r} is not known; there are {', '.join((*_FILES, *_WORDS))}")
    if scheme != "rediss":
        raise _fault(f"the option {name} is for rediss://")
    if name in _WORDS and value not in _WORDS[name]:
        raise _fault(f"{name}={value}: give {' or '.join(_WORDS[name])}")
    if not value:
        raise _fault(f"{name} names no file")


def _fault(text: str) -> UsageError:
    return UsageError(f"--store: {text}")
