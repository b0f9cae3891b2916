"""Whom the client connects to, and whom it believes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import UpstreamError
from proxy.upstream.client import ClientOptions, HttpUpstream
from tests.functional.raw_http import RawUpstream, answer_bytes
from tests.functional.test_forwarding_tls import tls_upstream
from tests.functional.upstream.asking import asked, request


async def test_small_writes_do_not_wait_for_each_other(upstream: HttpUpstream, model_api: RawUpstream) -> None:
    asking = asyncio.ensure_future(asked(upstream))
    await model_api.answer(answer_bytes())
    await asking
    (connection,) = upstream._pool._open
    sock = connection._open_transport().get_extra_info("socket")
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_an_ipv6_address_can_be_the_upstream() -> None:
    model_api = RawUpstream()
    server = await asyncio.start_server(model_api.take, "::1", 0)
    upstream = HttpUpstream(ClientOptions(f"http://[::1]:{server.sockets[0].getsockname()[1]}", 5.0, 5.0))
    asking = asyncio.ensure_future(asked(upstream))
    await model_api.answer(answer_bytes(body=b"six"))
    assert await asking == b"six"
    await upstream.close()
    server.close()
    model_api.close()


class Resolving:
    """An event loop that finds every host at `places`, of either family."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *places: tuple[str, int]) -> None:
        self._loop, self._places = loop, places

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def getaddrinfo(self, *_: object, **__: object) -> list[object]:
        families = [socket.AF_INET6 if ":" in host else socket.AF_INET for host, _ in self._places]
        return [
            (family, socket.SOCK_STREAM, 6, "", place) for family, place in zip(families, self._places, strict=True)
        ]


def found_at(upstream: HttpUpstream, *places: tuple[str, int]) -> None:
    upstream._pool._loop = Resolving(upstream._pool._loop, *places)  # type: ignore[assignment]


async def test_the_second_address_of_a_host_is_tried_where_the_first_refuses(model_api: RawUpstream) -> None:
    upstream = HttpUpstream(ClientOptions("http://api.example", 5.0, 5.0))
    found_at(upstream, ("::1", model_api.port), ("127.0.0.1", model_api.port))
    asking = asyncio.ensure_future(asked(upstream))
    await model_api.answer(answer_bytes(body=b"four"))
    assert await asking == b"four"
    await upstream.close()


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", "http://" + "a" * 70 + ".example"])
async def test_a_host_without_an_address_is_a_fault_that_tells_no_query(url: str) -> None:
    upstream = HttpUpstream(ClientOptions(url, 5.0, 5.0))
    with pytest.raises(UpstreamError) as caught:
        await asked(upstream, request("GET", None, ("x-api-key", "sk-canary")))
    assert "canary" not in str(caught.value)
    await upstream.close()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_requests_and_answers_of_any_size_pass_over_tls(keys: Path, host: str) -> None:
    async with tls_upstream(keys) as model_api:
        upstream = HttpUpstream(ClientOptions(f"https://{host}:{model_api.port}", 5.0, 5.0, str(keys / "ca.pem")))
        for number, size in enumerate([0, 1000, 3 * 2**20]):
            body = bytes(range(256)) * (size // 256)
            asking = asyncio.ensure_future(asked(upstream, request("POST", body)))
            wire = model_api.wires[0] if number else await model_api.next()
            assert (await wire.message()).body == body
            wire.writer.write(answer_bytes(body=body))
            assert await asking == body
        assert model_api.accepted == 1
        await upstream.close()


@pytest.mark.parametrize(
    ("host", "ca"), [("localhost", "other-ca.pem"), ("api.example", "ca.pem")], ids=["another CA", "another name"]
)
async def test_a_certificate_that_is_not_the_upstreams_is_not_believed(keys: Path, host: str, ca: str) -> None:
    async with tls_upstream(keys) as model_api:
        upstream = HttpUpstream(ClientOptions(f"https://{host}:{model_api.port}", 5.0, 5.0, str(keys / ca)))
        found_at(upstream, ("127.0.0.1", model_api.port))
        with pytest.raises(UpstreamError, match="CERTIFICATE_VERIFY_FAILED"):
            await asked(upstream)
        await upstream.close()
        assert model_api.accepted == 0


async def test_the_upstream_is_told_by_which_name_it_is_asked_for(keys: Path) -> None:
    named: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "api.pem", keys / "api.key")
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.sni_callback = lambda _, name, __: named.append(name)
    model_api = RawUpstream()
    server = await asyncio.start_server(model_api.take, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    upstream = HttpUpstream(ClientOptions(f"https://localhost:{port}", 5.0, 5.0, str(keys / "ca.pem")))
    asking = asyncio.ensure_future(asked(upstream))
    wire, _ = await model_api.answer(answer_bytes())
    await asking
    assert named == ["localhost"]
    assert wire.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
    await upstream.close()
    server.close()
    model_api.close()
