"""Owns what the upstream's URL says: host, port, TLS and the path before every target. Opens no connection."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from proxy.errors import UsageError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`host` is a name or an address, without brackets. `tls` None: plain TCP. `prefix` has no '/' at its end."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    prefix: str


def endpoint_of(base_url: str, ca_file: str) -> Endpoint:
    """Where `base_url` points. `ca_file`: PEM bundle, '' for the system's; UsageError where it cannot be read."""
    parts = urlsplit(base_url)
    context = _context(ca_file)
    encrypted = parts.scheme == "https"
    return Endpoint(
        host=parts.hostname or "",
        port=parts.port or (443 if encrypted else 80),
        tls=context if encrypted else None,
        prefix=parts.path.rstrip("/"),
    )


def _context(ca_file: str) -> ssl.SSLContext:
    """Verifies the certificate, and that it is the host's."""
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as fault:
        raise UsageError(f"--upstream-ca {ca_file}: not a PEM bundle that can be read: {fault}") from fault
    context.set_alpn_protocols(["http/1.1"])
    return context
