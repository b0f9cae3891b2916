"""Owns what is made of credentials and end users' names: keyed hashes, and nothing else ever leaves this module.

Knows no header's place in the request, no address and no policy.
"""

from __future__ import annotations

from hashlib import blake2b

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


def credential_of(api_key: str, authorization: str) -> str:
    """The key in the values of `x-api-key` and `authorization` ('' where absent); '' where neither holds one.

    `authorization` is read without its `Bearer ` (in any case); another scheme counts with its name.
    """
    key = api_key.strip()
    if key:
        return key
    value = authorization.strip()
    if value[:6].lower() == "bearer" and (len(value) == 6 or value[6] in " \t"):
        return value[6:].strip()
    return value
