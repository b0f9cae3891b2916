"""Owns client software: which headers each kind sends, in which order and case, and the parameters that people set.

Credentials and account attributes are not among the headers. Nothing here tells one party's intentions from another's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random  # noqa: TID251 - seeded, and handed on as a parameter
from typing import Any

from proxy.simulate.traffic.bodies import PATHS, Dialect

Headers = tuple[tuple[str, str], ...]

_RETRY = "x-stainless-retry-count"
_OS = (("Linux", "x64", 6), ("MacOS", "arm64", 3), ("Windows", "x64", 2), ("Linux", "arm64", 1))
_HOSTS = {Dialect.ANTHROPIC: "api.anthropic.example", Dialect.OPENAI: "api.openai.example"}
_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36"
_BROWSERS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT}",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT}",
    f"Mozilla/5.0 (X11; Linux x86_64) {_WEBKIT}",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{n}.0) Gecko/20100101 Firefox/{n}.0",
)
_BACKENDS = (
    "Go-http-client/2.0",
    "okhttp/4.12.0",
    "python-requests/2.32.{m}",
    "Python/3.1{k} aiohttp/3.1{k}.{m}",
    "axios/1.{k}.{m}",
    "Apache-HttpClient/5.{k}.{m} (Java/21.0.{m})",
    "GuzzleHttp/7",
    "Ruby",
    "reqwest/0.12.{m}",
    "node",
    "python-httpx/0.2{k}.0",
)


@dataclass(frozen=True, slots=True)
class Client:
    """Client software as it is installed somewhere."""

    kind: str
    dialect: Dialect
    fixed: Headers
    """What it sends with every request."""
    ja4: str
    """Of its TLS stack: alike for everybody who runs the same one."""

    @property
    def path(self) -> str:
        """Where its requests go."""
        return PATHS[self.dialect]

    def headers(self, attempt: int = 0) -> Headers:
        """The headers of a request; `attempt` counts the SDK's own retries of it."""
        if not attempt:
            return self.fixed
        return tuple((name, str(attempt) if name == _RETRY else value) for name, value in self.fixed)


def install(rng: Random, kind: str | None = None, dialect: Dialect | None = None) -> Client:
    """Software of that kind (see KINDS), or of any kind by how common it is; versions and systems vary.

    A kind that speaks one dialect only keeps to it, whatever `dialect` says.
    """
    if kind is None:
        kind = rng.choices(list(KINDS), [share for share, _, _ in KINDS.values()])[0]
    _, spoken, make = KINDS[kind]
    speaks = spoken or dialect or rng.choice((Dialect.ANTHROPIC, Dialect.OPENAI))
    headers = make(rng, speaks)
    told = {name.lower(): value for name, value in headers}
    stack = told.get("x-stainless-runtime-version") or told["user-agent"]
    return Client(kind, speaks, headers, _ja4(f"{kind.split('-')[0]} {stack}"))


def parameters(rng: Random, dialect: Dialect, *, thinks: bool = False) -> dict[str, Any]:
    """The parameters that a program sets once and for all: mostly the defaults, an odd few of its own."""
    most = rng.choice((256, 512, 800, 1000, 1024, 1500, 2000, 2048, 4000, 4096, 8000, 8192, 16000, 16384))
    found: dict[str, Any] = {}
    if dialect is Dialect.ANTHROPIC:
        found["max_tokens"] = most
    elif rng.random() < 0.5:
        found[rng.choice(("max_tokens", "max_completion_tokens"))] = most
    if rng.random() < 0.5:
        found["temperature"] = rng.choice((0, 0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.7, 0.8, 1, 1.0))
    if rng.random() < 0.12:
        found["top_p"] = rng.choice((0.8, 0.9, 0.95, 1))
    if rng.random() < 0.5:
        found["stream"] = True
    if thinks and rng.random() < 0.5:
        if dialect is Dialect.ANTHROPIC:
            found["max_tokens"] = max(most, 4096)
            found["thinking"] = {"type": "enabled", "budget_tokens": rng.choice((1024, 2048, 3000))}
            found.pop("temperature", None)
        else:
            found["reasoning_effort"] = rng.choice(("low", "medium", "high"))
    return found


def _ja4(stack: str) -> str:
    digest = hashlib.sha256(stack.encode()).hexdigest()
    ciphers, extensions = 10 + int(digest[:2], 16) % 10, 10 + int(digest[2:4], 16) % 8
    return f"t13d{ciphers}{extensions}h{1 + int(digest[4], 16) % 2}_{digest[8:20]}_{digest[20:32]}"


def _system(rng: Random) -> tuple[str, str]:
    name, arch, _ = rng.choices(_OS, [share for _, _, share in _OS])[0]
    return name, arch


def _python_sdk(rng: Random, dialect: Dialect) -> Headers:
    system, arch = _system(rng)
    vendor = "Anthropic" if dialect is Dialect.ANTHROPIC else "OpenAI"
    version = (
        f"0.{rng.randint(60, 86)}.0"
        if vendor == "Anthropic"
        else f"{rng.randint(1, 2)}.{rng.randint(10, 109)}.{rng.randint(0, 3)}"
    )
    asynchronous = rng.random() < 0.4
    headers = [
        ("Host", _HOSTS[dialect]),
        ("Accept-Encoding", rng.choice(("gzip, deflate", "gzip, deflate, br", "gzip, deflate, br, zstd"))),
        ("Connection", "keep-alive"),
        ("Accept", "application/json"),
        ("Content-Type", "application/json"),
        ("User-Agent", f"{'Async' if asynchronous else ''}{vendor}/Python {version}"),
        ("X-Stainless-Lang", "python"),
        ("X-Stainless-Package-Version", version),
        ("X-Stainless-OS", system),
        ("X-Stainless-Arch", arch),
        ("X-Stainless-Runtime", "CPython"),
        ("X-Stainless-Runtime-Version", f"3.{rng.randint(9, 13)}.{rng.randint(0, 14)}"),
        ("X-Stainless-Async", "async:asyncio" if asynchronous else "false"),
    ]
    if dialect is Dialect.ANTHROPIC:
        headers.append(("anthropic-version", "2023-06-01"))
    return (*headers, (_RETRY, "0"), ("x-stainless-read-timeout", "600"))


def _node_sdk(rng: Random, dialect: Dialect, agent: str | None = None) -> Headers:
    system, arch = _system(rng)
    vendor = "Anthropic" if dialect is Dialect.ANTHROPIC else "OpenAI"
    version = f"{rng.randint(0, 6)}.{rng.randint(2, 77)}.{rng.randint(0, 9)}"
    headers = [
        ("host", _HOSTS[dialect]),
        ("connection", "keep-alive"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", agent or f"{vendor}/JS {version}"),
        (_RETRY, "0"),
        ("x-stainless-timeout", "600"),
        ("x-stainless-lang", "js"),
        ("x-stainless-package-version", version),
        ("x-stainless-os", system),
        ("x-stainless-arch", arch),
        ("x-stainless-runtime", "node"),
        (
            "x-stainless-runtime-version",
            f"v{rng.choice((18, 20, 20, 22, 22, 24))}.{rng.randint(0, 20)}.{rng.randint(0, 3)}",
        ),
    ]
    if dialect is Dialect.ANTHROPIC:
        headers.append(("anthropic-version", "2023-06-01"))
    return (*headers, ("accept-language", "*"), ("sec-fetch-mode", "cors"), ("accept-encoding", "gzip, deflate"))


def _agent_cli(rng: Random, dialect: Dialect) -> Headers:
    agent = f"claude-cli/2.{rng.randint(0, 1)}.{rng.randint(1, 99)} (external, cli)"
    return (
        *_node_sdk(rng, dialect, agent),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-app", "cli"),
        (
            "anthropic-beta",
            rng.choice(("claude-code-20250219", "claude-code-20250219,interleaved-thinking-2025-05-14")),
        ),
    )


def _editor(rng: Random, dialect: Dialect) -> Headers:
    return (
        ("host", _HOSTS[dialect]),
        ("content-type", "application/json"),
        (
            "user-agent",
            f"ai-sdk/{dialect} {rng.randint(1, 3)}.0.{rng.randint(0, 60)} runtime/node.js/{rng.choice((20, 22, 24))}",
        ),
        *((("anthropic-version", "2023-06-01"),) if dialect is Dialect.ANTHROPIC else ()),
        ("accept", "*/*"),
        ("accept-language", "*"),
        ("sec-fetch-mode", "cors"),
        ("accept-encoding", "gzip, deflate"),
    )


def _langchain(rng: Random, dialect: Dialect) -> Headers:
    return tuple(
        (
            name,
            f"langchain-{dialect}/{rng.randint(0, 1)}.{rng.randint(0, 4)}.{rng.randint(0, 30)}"
            if name == "User-Agent"
            else value,
        )
        for name, value in _python_sdk(rng, dialect)
    )


def _curl(rng: Random, dialect: Dialect) -> Headers:
    return (
        ("Host", _HOSTS[dialect]),
        ("User-Agent", f"curl/{rng.choice(('7.81.0', '7.88.1', '8.4.0', '8.5.0', '8.7.1', '8.12.1'))}"),
        ("Accept", "*/*"),
        *((("anthropic-version", "2023-06-01"),) if dialect is Dialect.ANTHROPIC else ()),
        ("content-type", "application/json"),
    )


def _browser(rng: Random, dialect: Dialect) -> Headers:
    return (
        ("Host", _HOSTS[dialect]),
        ("Connection", "keep-alive"),
        ("User-Agent", rng.choice(_BROWSERS).format(n=rng.randint(120, 142), m=rng.randint(0, 6))),
        ("content-type", "application/json"),
        *((("anthropic-version", "2023-06-01"),) if dialect is Dialect.ANTHROPIC else ()),
        ("Accept", "*/*"),
        ("Origin", f"https://{rng.getrandbits(28):07x}.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "cors"),
        ("Accept-Encoding", "gzip, deflate, br, zstd"),
        (
            "Accept-Language",
            rng.choice(("en-US,en;q=0.9", "de-DE,de;q=0.9", "ja", "zh-CN,zh;q=0.9", "es-ES,es;q=0.8", "fr")),
        ),
    )


def _backend(rng: Random, dialect: Dialect) -> Headers:
    headers = [
        ("Host", _HOSTS[dialect]),
        ("User-Agent", rng.choice(_BACKENDS).format(k=rng.randint(0, 9), m=rng.randint(0, 9))),
        ("Accept-Encoding", rng.choice(("gzip", "gzip, deflate", "identity"))),
        ("Accept", rng.choice(("*/*", "application/json", "application/json, text/plain, */*"))),
        ("Content-Type", rng.choice(("application/json", "application/json; charset=utf-8"))),
    ]
    if dialect is Dialect.ANTHROPIC:
        headers.append(("anthropic-version", "2023-06-01"))
    tail = headers[1:]
    rng.shuffle(tail)
    return (headers[0], *tail)


KINDS: dict[str, tuple[float, Dialect | None, Callable[[Random, Dialect], Headers]]] = {
    "python-sdk": (34, None, _python_sdk),
    "node-sdk": (18, None, _node_sdk),
    "agent-cli": (8, Dialect.ANTHROPIC, _agent_cli),
    "editor": (7, None, _editor),
    "langchain": (8, None, _langchain),
    "curl": (5, None, _curl),
    "browser": (5, None, _browser),
    "backend": (15, None, _backend),
}
"""Name: share of an ordinary population, the one dialect that it speaks or None for either, and the making of it."""
