"""A reasoning signature that comes back is known again, however the log of the answer names it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest

from proxy.dialects.conversation import Conversation
from proxy.events.signatures import MOST, name_of
from proxy.events.sketching import Sketcher

OURS, FOREIGN = Sketcher(b"a key"), Sketcher(b"a key", foreign_names=True)
SIGNATURE = "ErUBCkYIBhgCIkA+/zq=="


def carried(sketcher: Sketcher, *signatures: str) -> tuple[int, ...]:
    return sketcher.content(Conversation(signatures=signatures)).signatures


def test_what_serve_has_logged_is_known_again() -> None:
    assert OURS.signature_ids([name_of(SIGNATURE)]) == carried(OURS, SIGNATURE)
    assert set(carried(OURS, SIGNATURE)) < set(carried(FOREIGN, SIGNATURE))


@pytest.mark.parametrize(
    "named",
    [
        lambda data: data.decode(),
        lambda data: hashlib.sha256(data).hexdigest(),
        lambda data: hashlib.sha256(data).hexdigest().upper(),
        lambda data: "sha256:" + hashlib.sha256(data).hexdigest(),
        lambda data: hashlib.sha256(data).hexdigest()[:32],
        lambda data: hashlib.sha256(data).hexdigest()[:24],
        lambda data: hashlib.sha256(data).hexdigest()[:16],
        lambda data: hashlib.sha256(data).hexdigest()[:12],
        lambda data: hashlib.sha1(data).hexdigest(),
        lambda data: hashlib.md5(data).hexdigest(),
        lambda data: hashlib.sha512(data).hexdigest(),
        lambda data: hashlib.blake2b(data).hexdigest(),
        lambda data: hashlib.blake2b(data, digest_size=8).hexdigest(),
        lambda data: hashlib.blake2b(data, digest_size=16).hexdigest(),
        lambda data: base64.b64encode(hashlib.sha256(data).digest()).decode(),
        lambda data: base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("="),
    ],
)
def test_a_foreign_log_may_name_it_by_any_likely_hash(named: Callable[[bytes], str]) -> None:
    (issued,) = FOREIGN.signature_ids([named(SIGNATURE.encode())])
    assert issued in carried(FOREIGN, "another", SIGNATURE)
    assert issued not in carried(FOREIGN, "another")


def test_ids_stay_ids_and_each_counts_once() -> None:
    (issued,) = OURS.signature_ids([name_of(SIGNATURE)])
    assert OURS.signature_ids([7, name_of(SIGNATURE), 7, name_of(SIGNATURE)]) == (7, issued)
    assert carried(OURS, SIGNATURE, SIGNATURE) == (issued,)


def test_the_last_signatures_count_where_there_are_too_many() -> None:
    many = [f"signature {number}" for number in range(3 * MOST)]
    assert carried(OURS, *many) == OURS.signature_ids([name_of(one) for one in many[-MOST:]])
