"""Owns the operators' HTTP side: /metrics, /livez, /readyz and what stands below /-/. Knows no exchange.

What it tells comes from a `Status`, so that one process and a supervisor of several serve the very same pages.
"""

from __future__ import annotations

import json
from typing import Any, Protocol

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from proxy.admin.campaigns import PAGE


class Status(Protocol):
    """What the admin pages show and do."""

    async def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether traffic may come, and why (JSON)."""

    async def reload(self) -> tuple[bool, dict[str, Any]]:
        """Reads the policy again; False where the old one stays in force because of issues (JSON)."""

    async def explain(self, line: bytes) -> tuple[bool, dict[str, Any]]:
        """What the policy in force and the buckets as they are say of a line of the exchange log; False: a bad line."""

    async def campaigns(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """The HTTP status and the JSON for a page of `admin.campaigns`."""


_STATUS = web.AppKey("status", Status)


def admin_app(status: Status) -> web.Application:
    """The admin pages over `status`."""
    app = web.Application()
    app[_STATUS] = status
    app.router.add_get("/", _index)
    app.router.add_get("/metrics", _metrics)
    app.router.add_get("/livez", _livez)
    app.router.add_get("/readyz", _readyz)
    app.router.add_post("/-/reload", _reload)
    app.router.add_post("/-/explain", _explain)
    app.router.add_get(PAGE, _campaigns)
    app.router.add_get(f"{PAGE}/{{id}}", _campaigns)
    app.router.add_post(f"{PAGE}/{{id}}/word", _campaigns)
    return app


async def _index(_: web.Request) -> web.Response:
    pages = "/metrics  /livez  /readyz  /-/campaigns  POST /-/reload  POST /-/explain"
    return web.Response(text=f"stillgate admin: {pages}\n")


async def _metrics(request: web.Request) -> web.Response:
    body = await request.app[_STATUS].exposition()
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _livez(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    ready, detail = await request.app[_STATUS].readiness()
    return _json(200 if ready else 503, detail)


async def _reload(request: web.Request) -> web.Response:
    if "Origin" in request.headers:
        return _json(403, {"error": "Reload is for operators' tools, not for web pages."})
    accepted, detail = await request.app[_STATUS].reload()
    return _json(200 if accepted else 422, detail)


async def _explain(request: web.Request) -> web.Response:
    understood, detail = await request.app[_STATUS].explain(await request.read())
    return _json(200 if understood else 400, detail)


async def _campaigns(request: web.Request) -> web.Response:
    if request.method == "POST" and "Origin" in request.headers:
        return _json(403, {"error": "Verdicts are for operators' tools, not for web pages."})
    status, detail = await request.app[_STATUS].campaigns(
        request.method, request.rel_url.raw_path, await request.read()
    )
    return _json(status, detail)


def _json(status: int, detail: dict[str, Any]) -> web.Response:
    return web.Response(status=status, text=json.dumps(detail, indent=2) + "\n", content_type="application/json")
