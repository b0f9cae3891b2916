"""Where an upstream's URL points."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from proxy.errors import UsageError
from proxy.upstream.wire.endpoint import endpoint_of


@pytest.mark.parametrize(
    ("url", "host", "port", "encrypted", "prefix"),
    [
        ("http://api.example.com", "api.example.com", 80, False, ""),
        ("https://api.example.com/", "api.example.com", 443, True, ""),
        ("http://127.0.0.1:8081/v1/", "127.0.0.1", 8081, False, "/v1"),
        ("https://[2001:db8::1]:8443//a//", "2001:db8::1", 8443, True, "//a"),
    ],
)
def test_an_upstreams_url_names_host_port_and_prefix(
    url: str, host: str, port: int, encrypted: bool, prefix: str
) -> None:
    endpoint = endpoint_of(url, "")
    assert (endpoint.host, endpoint.port, endpoint.tls is not None, endpoint.prefix) == (host, port, encrypted, prefix)


def test_a_certificate_is_verified_and_has_to_be_the_hosts() -> None:
    context = endpoint_of("https://api.example.com", "").tls
    assert context is not None
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_ca_bundle_that_cannot_be_read_is_told_even_where_it_is_not_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--upstream-ca"):
        endpoint_of("http://api.example.com", str(tmp_path / "missing.pem"))
