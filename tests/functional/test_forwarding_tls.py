"""An upstream behind TLS is believed only with a certificate of a CA that the operator trusts, for its own name."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.errors import UsageError
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import Message, RawUpstream, answer_bytes, connect, request_bytes

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2")


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two CAs, and a certificate of the first for 127.0.0.1 and localhost."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ca", "other-ca"):
        openssl(folder, "req", "-x509", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}")
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    openssl(
        folder, "req", "-x509", *KEY, "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "api.key", "-out", "api.pem",
        "-subj", "/CN=api", "-addext", names, "-addext", "basicConstraints=critical,CA:FALSE",
    )  # fmt: skip
    return folder


@asynccontextmanager
async def tls_upstream(keys: Path) -> AsyncIterator[RawUpstream]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "api.pem", keys / "api.key")
    upstream = RawUpstream()
    server = await asyncio.start_server(upstream.take, "127.0.0.1", 0, ssl=context)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        upstream.close()
        await asyncio.sleep(0)


async def told(url: str, folder: Path, ca: Path | str, upstream: RawUpstream, answered: bool) -> Message:
    async with proxy_before(url, folder, upstream_ca=str(ca)) as proxy, await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", body=b"{}"))
        if answered:
            await upstream.answer(answer_bytes(body=b"over TLS"))
        return await client.message()


async def test_an_upstream_with_a_certificate_of_the_given_ca_is_forwarded_to(keys: Path, tmp_path: Path) -> None:
    async with tls_upstream(keys) as upstream:
        for host in ("127.0.0.1", "localhost"):
            answer = await told(f"https://{host}:{upstream.port}", tmp_path, keys / "ca.pem", upstream, answered=True)
            assert (answer.status, answer.body) == (200, b"over TLS")


async def test_kept_tls_connections_are_used_again(keys: Path, tmp_path: Path) -> None:
    async with tls_upstream(keys) as upstream:
        url = f"https://localhost:{upstream.port}"
        async with (
            proxy_before(url, tmp_path, upstream_ca=str(keys / "ca.pem")) as proxy,
            await connect(proxy.url) as client,
        ):
            for number in range(3):
                await client.send(request_bytes("POST /v1/messages", body=b"{}"))
                wire = upstream.wires[0] if number else await upstream.next()
                await wire.message()
                await wire.send(answer_bytes())
                assert (await client.message()).status == 200
        assert upstream.accepted == 1


@pytest.mark.parametrize("ca", ["other-ca.pem", ""], ids=["another CA", "the system's CAs"])
async def test_an_upstream_that_is_not_who_it_should_be_is_a_502(keys: Path, tmp_path: Path, ca: str) -> None:
    async with tls_upstream(keys) as upstream:
        url = f"https://localhost:{upstream.port}"
        assert (await told(url, tmp_path, keys / ca if ca else "", upstream, answered=False)).status == 502
        assert upstream.accepted == 0


async def test_an_upstream_that_does_not_speak_tls_is_a_502(keys: Path, tmp_path: Path, model_api: RawUpstream) -> None:
    async with (
        proxy_before(f"https://localhost:{model_api.port}", tmp_path) as proxy,
        await connect(proxy.url) as client,
    ):
        await client.send(request_bytes("POST /v1/messages", body=b"{}"))
        wire = await model_api.next()
        await wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        assert (await client.message()).status == 502


@pytest.mark.parametrize("content", [None, "not PEM"], ids=["missing", "garbage"])
async def test_a_ca_bundle_that_cannot_be_read_is_told_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match="--upstream-ca"):
        async with proxy_before("https://localhost:1", tmp_path, upstream_ca=str(path)):
            pass
