"""The reference: a reverse proxy on aiohttp as people write it, with nothing on.

`python -m tests.bench.bare_proxy PORT UPSTREAM`.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

NOT_FORWARDED = {"host", "connection", "content-length", "transfer-encoding"}
PORT, UPSTREAM = int(sys.argv[1]), sys.argv[2]
SESSION = web.AppKey("session", ClientSession)


def forwarded(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() not in NOT_FORWARDED]


async def handle(request: web.Request) -> web.StreamResponse:
    body, headers = await request.read(), forwarded(request.headers)
    url = UPSTREAM + request.path_qs
    async with request.app[SESSION].request(request.method, url, headers=headers, data=body) as answer:
        response = web.StreamResponse(status=answer.status, headers=forwarded(answer.headers))
        response.content_length = answer.content_length
        await response.prepare(request)
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
        await response.write_eof()
        return response


async def session(app: web.Application) -> AsyncIterator[None]:
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, timeout=ClientTimeout(total=None), auto_decompress=False) as opened:
        app[SESSION] = opened
        yield


app = web.Application(client_max_size=2**25)
app.cleanup_ctx.append(session)
app.router.add_route("*", "/{path:.*}", handle)
web.run_app(app, host="127.0.0.1", port=PORT, print=None)
