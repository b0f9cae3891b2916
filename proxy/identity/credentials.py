"""Owns what is made of credentials and end users' names: keyed hashes, and nothing else ever leaves this module.

Knows no header's place in the request, no address and no policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from urllib.parse import unquote_plus

CREDENTIAL_HEADERS = ("x-api-key", "authorization", "api-key", "x-goog-api-key")
"""What a key may come in, in lower case. The first of them that holds one counts; no other may pass with it."""
_URL_KEYS = frozenset({"key", "$key"})
"""Parameters of a query that are a key to Google's APIs."""
_DOMAINS = b"stillgate-key", b"stillgate-user"


class Pseudonyms:
    """Names under one secret; two deployments that share the secret give the same names."""

    __slots__ = ("_keys", "_users")

    def __init__(self, hash_key: bytes) -> None:
        """`hash_key` is a secret of any length. ValueError where it is empty: the hashes could be guessed."""
        if not hash_key:
            raise ValueError("the key of the hashes must not be empty")
        secret = blake2b(hash_key, digest_size=32).digest()
        # Their copies are fed: to begin anew each time would take twice as long.
        self._keys, self._users = [blake2b(digest_size=8, key=secret, person=domain) for domain in _DOMAINS]

    def of_key(self, credential: str) -> str:
        """`key-<16 hex>` of an API key."""
        return "key-" + _hash(self._keys, credential)

    def of_user(self, name: str) -> str:
        """`u-<16 hex>` of an end user's name; never equal to what the same text gives as a key."""
        return "u-" + _hash(self._users, name)


def _hash(beginning: blake2b, text: str) -> str:
    hasher = beginning.copy()
    # surrogatepass: header bytes that are no UTF-8 arrive as lone surrogates, and every text must have a hash.
    hasher.update(text.encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


def credential_of(values: Mapping[str, str]) -> str:
    """The key that counts of these headers, by their names; '' where none holds one."""
    for name in CREDENTIAL_HEADERS:
        if name in values and (key := credential_in(name, values[name])):
            return key
    return ""


def credential_in(name: str, value: str) -> str:
    """The key in one of the `CREDENTIAL_HEADERS`, or ''.

    `authorization` is read without its `Bearer ` (in any case); another scheme counts with its name. A token has
    no blanks: of several words the first counts that is no `Bearer` again, as upstreams commonly have it, so that one
    key is one account whatever stands beside it.
    """
    value = value.strip()
    if name != "authorization":
        return value
    if value[:6].lower() == "bearer" and (len(value) == 6 or value[6] in " \t"):
        return next((word for word in value.split() if word.lower() != "bearer"), "")
    return value


def key_in_url(target: str) -> str:
    """The key in the query of a request target; '' where there is none, or several: which of them counts, only the
    upstream could say.
    """
    keys = [pair.partition("=")[2] for pair in target.partition("?")[2].split("&") if _is_key(pair)]
    return unquote_plus(keys[0]).strip() if len(keys) == 1 else ""


def without_url_keys(target: str) -> str:
    """The target less all keys in its query, and else as it is written."""
    path, _, query = target.partition("?")
    kept = [pair for pair in query.split("&") if not _is_key(pair)]
    return f"{path}?{'&'.join(kept)}" if kept else path


def _is_key(pair: str) -> bool:
    return unquote_plus(pair.partition("=")[0]) in _URL_KEYS
