"""Owns the settings of the process: where it listens, what it talks to. Never policy, which is YAML and reloads.

One table: each field is a flag (`--drain-seconds`), an environment variable (`STILLGATE_DRAIN_SECONDS`) and, where it
is a secret, a file named by the variable with `_FILE` appended. A flag wins over the environment, the environment over
the default. A secret that is given but blank is a fault: it was meant to be one, and we would do as if nobody had asked
for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from proxy.errors import UsageError
from proxy.redis_place import DEFAULT_NAME, check_redis_url, key_prefix

YES_OR_NO = ("no", "yes")
_EXPECTED = {bool: "yes or no", int: "a whole number", float: "a number"}


def _setting(default: Any = MISSING, *, text: str, secret: bool = False, metavar: str | None = None) -> Any:
    return field(default=default, metadata={"text": text, "secret": secret, "metavar": metavar})


_PREFIX_TEXT = "all keys in Redis begin with it, in braces; environments that share one Redis need a name each"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `serve` is told from outside. Seconds are seconds, sizes are bytes unless the name says otherwise."""

    upstream: str = _setting("", metavar="URL", text="the model API to forward to, http:// or https:// (required)")
    policy: str = _setting(
        "", metavar="PATH", text="a policy file, or a folder of them (default: the shipped default.yaml)"
    )
    listen: str = _setting("127.0.0.1:8080", metavar="HOST:PORT", text="where clients connect")
    admin: str = _setting(
        "127.0.0.1:9464", metavar="HOST:PORT", text="where /metrics, /livez, /readyz and /-/reload are"
    )
    store: str = _setting(
        "memory://", metavar="URL", text="memory://, redis://[user:password@]host:port/db or rediss://…"
    )
    store_password: str = _setting("", secret=True, text="the store's password, kept out of the URL")
    store_prefix: str = _setting(DEFAULT_NAME, metavar="NAME", text=_PREFIX_TEXT)
    store_timeout_ms: int = _setting(250, text="milliseconds until a silent store counts as lost")
    stream_mb: int = _setting(64, text="MiB of Redis's memory that keep events for `analyse`")
    state: str = _setting(
        "",
        metavar="FILE",
        text="keep the campaigns that were found over restarts; for the memory store, with a --hash-key that stays",
    )
    workers: int = _setting(1, text="worker processes on one port; more than one needs a Redis store")
    replicas: int = _setting(
        1,
        text="proxies that share the store, at least: those that `local` divides limits by before Redis tells of more",
    )
    exchange_log: str = _setting("", metavar="FILE", text="write the content-free log of all exchanges, for `replay`")
    exchange_log_max_mb: int = _setting(256, text="size in MiB at which the exchange log is put aside as FILE.0001, …")
    exchange_log_max_hours: int = _setting(24, text="age in hours at which it is put aside")
    hash_key: str = _setting(
        "", secret=True, text="key of the hashes that stand for API keys; random if absent, shared through Redis"
    )
    upstream_key: str = _setting(
        "",
        secret=True,
        text="send this key upstream instead of the client's own; it serves whoever connects, so that an edge has to "
        "authenticate clients, which the policy names in trusted_proxies",
    )
    verdict_key: str = _setting(
        "",
        secret=True,
        text="key of the signed header x-stillgate-verdict, where the policy tells the upstream of verdicts",
    )
    upstream_ca: str = _setting(
        "", metavar="FILE", text="PEM bundle to verify an https upstream with, instead of the system's"
    )
    ask_stream_usage: str = _setting(
        "auto",
        metavar="auto|never",
        text="auto: streams whose tokens a quota counts get stream_options.include_usage, unless the upstream refuses",
    )
    pass_attributes: bool = _setting(
        False, text="whether the upstream sees what trusted peers send as x-account-…, x-ja4"
    )
    pass_addresses: bool = _setting(True, text="whether it is told clients' addresses (X-Forwarded-For and its like)")
    connect_timeout_seconds: float = _setting(10.0, text="until an upstream that does not accept is given up (504)")
    idle_timeout_seconds: float = _setting(600.0, text="silence of the upstream after which an exchange is given up")
    upstream_keepalive_seconds: float = _setting(
        15.0, text="how long an idle connection to the upstream is kept; give less than the upstream keeps it"
    )
    max_body_mb: int = _setting(
        32, text="the largest request body that is parsed, in MiB; larger ones are refused (413)"
    )
    max_bodies_mb: int = _setting(
        1024, text="MiB of request bodies still coming in that one process keeps; beyond, the slowest gives way (503)"
    )
    drain_seconds: float = _setting(60.0, text="how long open exchanges may take to end after SIGTERM")
    drain_notice_seconds: float = _setting(
        5.0,
        text="how long of the drain new connections are still taken, while /readyz says no and load balancers follow",
    )
    reload_seconds: float = _setting(1.0, text="how often the policy's files are looked at for changes")
    geoip_country: str = _setting("", metavar="FILE", text="MMDB with countries")
    geoip_asn: str = _setting("", metavar="FILE", text="MMDB with autonomous systems")
    log_level: str = _setting("info", metavar="LEVEL", text="debug, info, warning or error")

    def __post_init__(self) -> None:
        _check_upstream(self.upstream)
        _check_store(self.store, self.store_prefix)
        for name in ("workers", "replicas"):
            _check_processes(self, name)
        _check_state(self.state, self.store, self.hash_key)
        for name in ("listen", "admin"):
            split_address(getattr(self, name), f"--{name}")
        _check_log_level(self.log_level)
        if self.ask_stream_usage not in ("auto", "never"):
            raise UsageError(f"--ask-stream-usage {self.ask_stream_usage}: use auto or never")
        for name in (
            "connect_timeout_seconds",
            "idle_timeout_seconds",
            "reload_seconds",
            "max_body_mb",
            "max_bodies_mb",
            "exchange_log_max_mb",
            "exchange_log_max_hours",
            "store_timeout_ms",
            "stream_mb",
        ):
            _check_positive(self, name)
        if self.max_bodies_mb < self.max_body_mb:
            raise UsageError(f"--max-bodies-mb {self.max_bodies_mb} has no room for one body of --max-body-mb")
        for name in ("drain_seconds", "drain_notice_seconds", "upstream_keepalive_seconds"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{flag(name)} must not be negative")


@dataclass(frozen=True, slots=True)
class AnalyserSettings:
    """Everything `analyse` is told from outside."""

    store: str = _setting("", metavar="URL", text="the Redis that the replicas share, redis:// or rediss:// (required)")
    store_password: str = _setting("", secret=True, text="the store's password, kept out of the URL")
    store_prefix: str = _setting(DEFAULT_NAME, metavar="NAME", text=_PREFIX_TEXT)
    policy: str = _setting(
        "", metavar="PATH", text="the replicas' policy, for how long campaigns last (default: the shipped default.yaml)"
    )
    metrics_listen: str = _setting(
        "127.0.0.1:9092", metavar="HOST:PORT", text="where /metrics, /livez and /readyz of the analyser are"
    )
    state_mb: int = _setting(64, text="MiB of Redis's memory that may keep the analyser's state for its successor")
    log_level: str = _setting("info", metavar="LEVEL", text="debug, info, warning or error")

    def __post_init__(self) -> None:
        if self.store.partition("://")[0] not in ("redis", "rediss"):
            raise UsageError(
                f"--store {self.store!r}: give the replicas' redis://HOST:PORT/DB or rediss://HOST:PORT/DB; "
                "with memory:// each replica analyses by itself"
            )
        check_redis_url(self.store)
        _ = key_prefix(self.store_prefix)
        split_address(self.metrics_listen, "--metrics-listen")
        _check_positive(self, "state_mb")
        _check_log_level(self.log_level)


def flag(name: str) -> str:
    """The command-line flag of a field."""
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    """The environment variable of a field."""
    return "STILLGATE_" + name.upper()


def from_arguments(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Settings from parsed flags over the environment over the defaults. UsageError names the flag at fault."""
    return Settings(**values_of(arguments, environment))


def analyser_from_arguments(arguments: Mapping[str, Any], environment: Mapping[str, str]) -> AnalyserSettings:
    """The same for `analyse`."""
    return AnalyserSettings(**values_of(arguments, environment, table=AnalyserSettings))


def values_of(
    arguments: Mapping[str, Any],
    environment: Mapping[str, str],
    names: Collection[str] = (),
    table: type[Any] = Settings,
) -> dict[str, Any]:
    """The value of every setting, or of those of `names`; not checked against each other. UsageError as above."""
    values: dict[str, Any] = {}
    for setting in fields(table):
        if names and setting.name not in names:
            continue
        where, given = flag(setting.name), arguments.get(setting.name)
        if given is None:
            where, given = _from_environment(setting.name, setting.metadata["secret"], environment)
        if given is not None and setting.metadata["secret"] and not given.strip():
            raise UsageError(f"{where} is empty; give the secret, or leave it out to go without")
        values[setting.name] = (
            setting.default if given is None else _converted(setting.name, type(setting.default), given)
        )
    return values


def split_address(text: str, what: str) -> tuple[str, int]:
    """`HOST:PORT`, `[v6]:PORT` or `:PORT` (all interfaces). UsageError says which flag is wrong."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{what} {text!r}: give HOST:PORT, for example 127.0.0.1:8080")
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)  # noqa: S104 - asked for by ':PORT'


def _from_environment(name: str, secret: bool, environment: Mapping[str, str]) -> tuple[str, str | None]:
    """What the value is to be called in a message, and the value."""
    variable = variable_of(name)
    if not secret or (path := environment.get(f"{variable}_FILE")) is None:
        return variable, environment.get(variable)
    if variable in environment:
        raise UsageError(f"{variable} and {variable}_FILE are both set; keep one")
    if not path.strip():
        return f"{variable}_FILE", ""
    try:
        return f"{variable}_FILE={path}", Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise UsageError(f"{variable}_FILE={path}: cannot be read: {fault}") from fault


def _converted(name: str, kind: type, given: Any) -> Any:
    try:
        return YES_OR_NO.index(given) == 1 if kind is bool else kind(given)
    except ValueError:
        raise UsageError(f"{flag(name)} {given!r}: expected {_EXPECTED[kind]}") from None


def _check_positive(settings: object, name: str) -> None:
    if not getattr(settings, name) > 0:
        raise UsageError(f"{flag(name)} must be greater than zero")


def _check_log_level(level: str) -> None:
    if level not in ("debug", "info", "warning", "error"):
        raise UsageError(f"--log-level {level}: use debug, info, warning or error")


def _check_upstream(upstream: str) -> None:
    if not upstream:
        raise UsageError("--upstream URL is missing (or STILLGATE_UPSTREAM): name the model API to forward to")
    parts = urlsplit(upstream)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--upstream {upstream!r}: give http://HOST[:PORT][/PREFIX] or https://…")
    if parts.query or parts.fragment or parts.username:
        raise UsageError(f"--upstream {upstream!r}: without user, query or fragment; the key goes into --upstream-key")


def _check_store(store: str, prefix: str) -> None:
    scheme = store.partition("://")[0]
    if scheme not in ("memory", "redis", "rediss"):
        raise UsageError(f"--store {store!r}: give memory://, redis://HOST:PORT/DB or rediss://HOST:PORT/DB")
    _ = key_prefix(prefix)
    if scheme != "memory":
        check_redis_url(store)


def _check_processes(settings: Settings, name: str) -> None:
    count = getattr(settings, name)
    if count < 1:
        raise UsageError(f"{flag(name)} must be 1 or more")
    if count > 1 and settings.store.startswith("memory:"):
        raise UsageError(
            f"{flag(name)} {count} needs --store redis://…: processes share no memory, "
            "so each would hand out the whole quota"
        )


def _check_state(state: str, store: str, hash_key: str) -> None:
    if not state:
        return
    if not store.startswith("memory:"):
        raise UsageError(f"--state {state}: with {store.partition(':')[0]}:// campaigns are kept there, by `analyse`")
    if not hash_key:
        raise UsageError(
            f"--state {state} needs a --hash-key: campaigns are known by keyed hashes, "
            "and a key that is made anew at each start knows none of them again"
        )
