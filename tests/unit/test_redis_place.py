"""What the URL of a Redis store may say, and how the keys there begin."""

from __future__ import annotations

import pytest

from proxy.errors import UsageError
from proxy.redis_place import check_redis_url, key_prefix


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1",
        "redis://127.0.0.1:6379/",
        "redis://user:p%2Fw@[::1]:6379/15",
        "rediss://r/0?ssl_ca_certs=/etc/ca.pem&ssl_certfile=c&ssl_keyfile=k",
        "rediss://r?ssl_cert_reqs=none&ssl_check_hostname=false",
    ],
)
def test_what_names_a_redis_is_taken(url: str) -> None:
    check_redis_url(url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://r", "give redis://"),
        ("redis://r:port/0", "give redis://"),
        ("redis://r/prod", "the database 'prod' is no number; environments on one Redis need a --store-prefix each"),
        ("redis://r/0/1", "the database '0/1' is no number"),
        ("redis://r/²", "is no number"),
        ("redis://r/0?foo=bar", "the option 'foo' is not known; there are ssl_ca_certs, "),
        ("redis://r?db=3", "the option 'db' is not known"),
        ("redis://r/0?foo", "the option 'foo' is not known"),
        ("redis://r/0?ssl_ca_certs=/etc/ca.pem", "the option ssl_ca_certs is for rediss://"),
        ("rediss://r/0?ssl_ca_certs=", "ssl_ca_certs names no file"),
        ("rediss://r/0?ssl_cert_reqs=maybe", "ssl_cert_reqs=maybe: give required or optional or none"),
        ("rediss://r/0?ssl_check_hostname=", "ssl_check_hostname=: give true or false"),
    ],
)
def test_what_nobody_would_heed_is_refused_with_what_to_do(url: str, said: str) -> None:
    with pytest.raises(UsageError) as fault:
        check_redis_url(url)
    assert str(fault.value).startswith("--store: ")
    assert said in str(fault.value)


@pytest.mark.parametrize(
    "url", ["redis://u:1/hunter2@r", "redis://u:1?hunter2=1@r", "redis://u:1#hunter2@r", "redis://u:hunter2/1"]
)
def test_a_password_that_is_not_written_as_it_has_to_be_is_not_told(url: str) -> None:
    with pytest.raises(UsageError) as fault:
        check_redis_url(url)
    assert "hunter2" not in str(fault.value)


def test_keys_begin_with_a_hash_tag() -> None:
    assert (key_prefix(), key_prefix("acme.staging_1:eu-west")) == ("{stillgate}:", "{acme.staging_1:eu-west}:")


@pytest.mark.parametrize("name", ["", " ", "a{b", "a}b", "ä", "a" * 65, "a\n"])
def test_what_would_be_no_hash_tag_is_no_prefix(name: str) -> None:
    with pytest.raises(UsageError, match="--store-prefix"):
        key_prefix(name)
