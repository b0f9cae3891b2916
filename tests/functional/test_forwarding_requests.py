"""What a client sends is what the upstream gets: method, target, body and headers, but for the hop's own."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.serving.process import Proxy
from tests.functional.proxy_in_process import proxy_before
from tests.functional.raw_http import Message, RawUpstream, answer_bytes, chunk_bytes, connect, request_bytes

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "QUERY"]
TARGETS = [
    "/",
    "/v1/models",
    "/v1/models?",
    "/v1/models?limit=1&after=%20a+b",
    "//double//slashes///",
    "/dots/./and/../more/..",
    "/percent/%2F%2e%2E%7euser/%c3%A9",
    "/odd;p=1/a:b@c!$&'()*+,=~[]|^`{}\"<>",
    "/?a=b?c=d??",
    "/v1/models?x=http://other.example/y//z",
]
BINARY = bytes(range(256)) * 17


async def forwarded(
    proxy: Proxy, model_api: RawUpstream, start: str, *headers: tuple[str, str], body: bytes = b""
) -> Message:
    """What the upstream gets for one request."""
    async with await connect(proxy.url) as client:
        await client.send(request_bytes(start, *headers, body=body))
        _, request = await model_api.answer(answer_bytes())
        assert (await client.message()).status == 200
    return request


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_passes(proxy: Proxy, model_api: RawUpstream, method: str) -> None:
    request = await forwarded(proxy, model_api, f"{method} /v1/things/7?x=1")
    assert request.start == f"{method} /v1/things/7?x=1 HTTP/1.1"


@pytest.mark.parametrize("target", TARGETS)
async def test_a_target_passes_byte_for_byte(proxy: Proxy, model_api: RawUpstream, target: str) -> None:
    assert (await forwarded(proxy, model_api, f"GET {target}")).target == target


@pytest.mark.parametrize(
    ("absolute", "origin"),
    [
        ("http://gateway.example/v1//models?x=1", "/v1//models?x=1"),
        ("HTTPS://user@gateway.example:8443/", "/"),
        ("http://gateway.example", "/"),
        ("http://gateway.example?x=/y", "/?x=/y"),
        ("http://gateway.example/a?x=http://b/c", "/a?x=http://b/c"),
    ],
)
async def test_an_absolute_target_passes_as_its_path_and_query(
    proxy: Proxy, model_api: RawUpstream, absolute: str, origin: str
) -> None:
    assert (await forwarded(proxy, model_api, f"GET {absolute}")).target == origin


async def test_options_for_the_server_as_a_whole_stay_that(proxy: Proxy, model_api: RawUpstream) -> None:
    assert (await forwarded(proxy, model_api, "OPTIONS *")).start == "OPTIONS * HTTP/1.1"


async def test_a_target_goes_below_the_path_of_the_upstreams_url(model_api: RawUpstream, tmp_path: Path) -> None:
    async with proxy_before(model_api.url + "/prefix/", tmp_path) as proxy:
        assert (await forwarded(proxy, model_api, "GET //v1/a%2Fb?")).target == "/prefix//v1/a%2Fb?"


async def test_a_target_speaks_what_it_speaks_below_the_path_of_the_upstreams_url(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    policy = (
        "version: 1\nquotas:\n"
        "  - {id: otpm, key: [account], unit: output_tokens, budget: 1k/day, reserve: max_tokens}\n"
    )
    async with proxy_before(model_api.url + "/v1", tmp_path, policy) as proxy:
        for target in ("/chat/completions", "/v1/chat/completions", "/messages"):
            async with await connect(proxy.url) as client:
                await client.send(request_bytes(f"POST {target}", body=b'{"model": "m", "max_tokens": 5000}'))
                assert (await client.message()).status == 429


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/files"], ids=["read", "passed through"])
@pytest.mark.parametrize("size", [0, 1, 1 << 20], ids=["empty", "a byte", "a MiB"])
async def test_a_body_of_known_length_passes_byte_for_byte(
    proxy: Proxy, model_api: RawUpstream, target: str, size: int
) -> None:
    body = (BINARY * (size // len(BINARY) + 1))[:size]
    request = await forwarded(proxy, model_api, f"POST {target}", ("Content-Length", str(size)), body=body)
    assert (request.body, request.values("Content-Length"), request.chunked) == (body, [str(size)], False)


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/files"], ids=["read", "passed through"])
async def test_a_chunked_body_passes_byte_for_byte(proxy: Proxy, model_api: RawUpstream, target: str) -> None:
    body = b"".join(chunk_bytes(part) for part in (BINARY, b"x", BINARY * 300)) + b"0\r\n\r\n"
    request = await forwarded(proxy, model_api, f"POST {target}", ("Transfer-Encoding", "chunked"), body=body)
    assert request.body == BINARY + b"x" + BINARY * 300
    assert len(request.values("Content-Length")) + request.chunked == 1


async def test_a_body_that_is_passed_through_is_not_held_back(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/files", ("Transfer-Encoding", "chunked")))
        wire = None
        for part in (b"one", b"two", b"three"):
            await client.send(chunk_bytes(part))
            if wire is None:
                wire = await model_api.next()
                await wire.head()
            assert await wire.chunk() == part
        assert wire is not None
        await client.send(b"0\r\n\r\n")
        assert await wire.chunk() == b""
        await wire.send(answer_bytes())
        assert (await client.message()).status == 200


async def test_a_body_that_is_not_json_reaches_the_upstream_that_shall_judge_it(
    proxy: Proxy, model_api: RawUpstream
) -> None:
    request = await forwarded(
        proxy, model_api, "POST /v1/messages", ("Content-Type", "application/json"), body=b'{"model": \xff'
    )
    assert request.body == b'{"model": \xff'


async def test_where_a_rule_is_about_models_a_body_that_is_not_json_is_refused_in_the_dialects_shape(
    model_api: RawUpstream, tmp_path: Path
) -> None:
    policy = "version: 1\naccess:\n  - {id: no-frontier, deny: {model: '*-frontier-*'}}\n"
    async with proxy_before(model_api.url, tmp_path, policy) as proxy, await connect(proxy.url) as client:
        await client.send(request_bytes("POST /v1/messages", body=b'{"model": "m-frontier-1",}'))
        refused = await client.message()
    assert refused.status == 400
    assert json.loads(refused.body)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
async def test_a_compressed_body_passes_as_it_is_and_hides_no_model(
    model_api: RawUpstream, tmp_path: Path, compress: Callable[[bytes], bytes]
) -> None:
    policy = "version: 1\naccess:\n  - {id: no-frontier, deny: {model: '*-frontier-*'}}\n"
    encoding = ("Content-Encoding", "gzip" if compress is gzip.compress else "deflate")
    async with proxy_before(model_api.url, tmp_path, policy) as proxy:
        async with await connect(proxy.url) as client:
            await client.send(request_bytes("POST /v1/messages", encoding, body=compress(b'{"model": "m-frontier-1"}')))
            assert (await client.message()).status == 403
        body = compress(b'{"model": "m-small"}')
        request = await forwarded(proxy, model_api, "POST /v1/messages", encoding, body=body)
    assert request.body == body
    assert request.values("content-encoding") == [encoding[1]]


async def test_a_get_may_have_a_body(proxy: Proxy, model_api: RawUpstream) -> None:
    request = await forwarded(proxy, model_api, "GET /search", ("Content-Type", "application/json"), body=b'{"q": 1}')
    assert (request.start, request.body) == ("GET /search HTTP/1.1", b'{"q": 1}')


@pytest.mark.parametrize("target", ["/v1/messages", "/v1/files"], ids=["read", "passed through"])
async def test_a_client_that_expects_100_continue_is_invited_and_the_upstream_never_sees_it(
    proxy: Proxy, model_api: RawUpstream, target: str
) -> None:
    async with await connect(proxy.url) as client:
        await client.send(request_bytes(f"POST {target}", ("Expect", "100-continue"), ("Content-Length", "5")))
        assert (await client.message()).start == "HTTP/1.1 100 Continue"
        await client.send(b"hello")
        _, request = await model_api.answer(answer_bytes())
        assert (request.body, request.values("Expect")) == (b"hello", [])
        assert (await client.message()).status == 200


async def test_headers_pass_in_order_and_case_with_their_repetitions(proxy: Proxy, model_api: RawUpstream) -> None:
    mine = [
        ("User-Agent", "a client/1.0"),
        ("X-B", "2"),
        ("x-a", "1"),
        ("X-B", "3"),
        ("ANTHROPIC-Beta", "a,b"),
        ("Cookie", "a=1; b=2"),
        ("X-Empty", ""),
        ("X-Utf8", "gr\u00fc\u00df"),
    ]
    request = await forwarded(proxy, model_api, "GET /v1/models", *mine)
    names = {name for name, _ in mine}
    assert [pair for pair in request.headers if pair[0] in names] == mine


async def test_a_name_repeated_in_another_case_keeps_all_its_values(proxy: Proxy, model_api: RawUpstream) -> None:
    request = await forwarded(proxy, model_api, "GET /v1/models", ("X-Tag", "1"), ("x-tag", "2"), ("X-TAG", "3"))
    assert request.values("x-tag") == ["1", "2", "3"]


async def test_the_proxy_adds_no_more_than_it_must(proxy: Proxy, model_api: RawUpstream) -> None:
    request = await forwarded(proxy, model_api, "GET /v1/models")
    assert request.headers == [
        ("Host", f"127.0.0.1:{model_api.port}"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("Via", "1.1 stillgate"),
    ]


async def test_what_belongs_to_one_hop_ends_at_the_proxy(proxy: Proxy, model_api: RawUpstream) -> None:
    request = await forwarded(
        proxy,
        model_api,
        "GET /v1/models",
        ("Connection", "keep-alive, X-Private"),
        ("Connection", "upgrade, TE"),
        ("X-Private", "for the proxy"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("Proxy-Authorization", "Basic eA=="),
        ("Proxy-Connection", "keep-alive"),
        ("X-Kept", "yes"),
    )
    assert [name for name, _ in request.headers] == ["Host", "X-Kept", "X-Forwarded-For", "Via"]


async def test_what_says_how_to_read_the_body_is_never_of_one_hop(proxy: Proxy, model_api: RawUpstream) -> None:
    kept = [("Content-Type", "application/json"), ("Content-Encoding", "gzip")]
    named = ("Connection", "content-encoding, Content-Type, X-Private")
    request = await forwarded(
        proxy, model_api, "POST /v1/messages", *kept, named, ("X-Private", "x"), body=gzip.compress(b"{}")
    )
    assert [pair for pair in request.headers if pair in kept] == kept
    assert not request.values("X-Private")


async def test_the_via_of_an_earlier_hop_stays_before_the_proxys_own(proxy: Proxy, model_api: RawUpstream) -> None:
    request = await forwarded(proxy, model_api, "GET /", ("Via", "1.1 edge"))
    assert request.values("Via") == ["1.1 edge", "1.1 stillgate"]


async def test_pipelined_requests_are_answered_in_order(proxy: Proxy, model_api: RawUpstream) -> None:
    async with await connect(proxy.url) as client:
        await client.send(b"".join(request_bytes(f"POST /v1/files/{n}", body=b"%d" % n) for n in range(3)))
        wire = await model_api.next()
        for number in range(3):
            request = await wire.message()
            assert (request.target, request.body) == (f"/v1/files/{number}", b"%d" % number)
            await wire.send(answer_bytes(body=b"answer %d" % number))
            assert (await client.message()).body == b"answer %d" % number
    assert model_api.accepted == 1


async def test_more_requests_than_are_kept_waiting_are_answered_in_order(proxy: Proxy, model_api: RawUpstream) -> None:
    count = 50
    async with await connect(proxy.url) as client:
        for number in range(count):
            await client.send(request_bytes(f"POST /v1/files/{number}", body=bytes(10_000)))
        wire = await model_api.next()
        for number in range(count):
            assert (await wire.message()).target == f"/v1/files/{number}"
            await wire.send(answer_bytes(body=b"answer %d" % number))
            assert (await client.message()).body == b"answer %d" % number


@pytest.mark.parametrize("framing", ["Content-Length", "Transfer-Encoding"])
async def test_a_request_that_offers_another_protocol_passes_with_its_body_and_without_the_offer(
    proxy: Proxy, model_api: RawUpstream, framing: str
) -> None:
    offer = (("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk"))
    headers, body = (*offer, ("Content-Length", "5")), b"hello"
    if framing == "Transfer-Encoding":
        headers, body = (*offer, ("Transfer-Encoding", "chunked")), chunk_bytes(b"hello") + b"0\r\n\r\n"
    request = await forwarded(proxy, model_api, "POST /v1/messages", *headers, body=body)
    assert request.body == b"hello"
    assert not {"Connection", "Upgrade", "HTTP2-Settings"} & {name for name, _ in request.headers}


async def test_requests_of_many_clients_do_not_mix(proxy: Proxy, model_api: RawUpstream) -> None:
    async def ask(number: int) -> bytes:
        async with await connect(proxy.url) as client:
            await client.send(request_bytes(f"POST /v1/files/{number}", body=b"%d" % number))
            return (await client.message()).body

    async def play() -> None:
        wire, request = await model_api.request()
        await wire.send(answer_bytes(body=request.target.encode() + b" " + request.body))

    answers, _ = await asyncio.gather(
        asyncio.gather(*map(ask, range(50))), asyncio.gather(*(play() for _ in range(50)))
    )
    assert answers == [b"/v1/files/%d %d" % (number, number) for number in range(50)]
