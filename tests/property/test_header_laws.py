"""What is done with headers by what is remembered of their names is what going through them one by one would do."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.llm import Family
from proxy.handlers.request import MalformedError, Request
from proxy.identity.attributes import ATTRIBUTE_HEADERS
from proxy.identity.credentials import credential_in
from proxy.identity.fingerprint import PLATFORM_HEADERS, UNMARKED_HEADERS
from proxy.identity.header_names import names_of, paired
from proxy.identity.headers import sort_headers
from proxy.upstream.crossing import HOP_BY_HOP, LIMIT_PREFIXES
from proxy.upstream.headers import Forwarding, request_headers, response_headers

Pair = tuple[str, str]

CREDENTIALS = {"x-api-key", "authorization", "api-key", "x-goog-api-key"}
FORWARDING = {"forwarded", "x-real-ip", *(f"x-forwarded-{what}" for what in ("for", "host", "port", "proto", "server"))}


QUALIFYING = {"openai-organization", "openai-project", "x-goog-user-project", "cookie"}
TELLING = {"openai-organization", "openai-project", "anthropic-organization-id", "set-cookie"}
OWN_ID = ("x-request-id", "req_1")


def underscored(name: str) -> str:
    return name.upper().replace("-", "_")


KNOWN = sorted(
    {
        *HOP_BY_HOP,
        *ATTRIBUTE_HEADERS,
        *PLATFORM_HEADERS,
        *UNMARKED_HEADERS,
        *("host", "content-length", "content-type", "content-encoding", "expect", "user-agent", "anthropic-version"),
        *CREDENTIALS,
        *FORWARDING,
        *("accept-encoding", "x-stillgate-verdict", "request-id", *QUALIFYING, *TELLING),
        *("x-ratelimit-limit-requests", "anthropic-ratelimit-tokens-reset", "x-private"),
    }
)
spelled = st.builds(
    lambda name, how: how(name), st.sampled_from(KNOWN), st.sampled_from([str, str.title, underscored])
) | st.from_regex(r"[A-Za-z][A-Za-z-]{0,8}", fullmatch=True)
values = st.sampled_from(
    ["", " ", "a", "a, b", "Bearer k", "gzip, br", "X-Private, close", "keep-alive, Host", "1.2.3.4"]
)
names = st.lists(spelled, max_size=8)
flags = st.booleans()


@st.composite
def two_alike(draw: st.DrawFn) -> tuple[list[Pair], list[Pair]]:
    """Two heads with the same names: the second one meets what is remembered of the first."""
    chosen = draw(names)
    one, other = (draw(st.lists(values, min_size=len(chosen), max_size=len(chosen))) for _ in range(2))
    return list(zip(chosen, one, strict=True)), list(zip(chosen, other, strict=True))


def all_of(headers: Sequence[Pair], wanted: str) -> list[str]:
    return [value for name, value in headers if name.lower() == wanted]


def without_named(headers: list[Pair], connection: list[str]) -> list[Pair]:
    named = {token.strip().lower() for value in connection for token in value.split(",")} - HOP_BY_HOP
    return [pair for pair in headers if pair[0].lower() not in named]


@given(two_alike(), flags, flags, flags, flags, flags)
def test_a_request_crosses_as_if_its_headers_were_looked_at_one_by_one(  # noqa: PLR0917
    heads: tuple[list[Pair], list[Pair]],
    trusted: bool,
    charged_key: bool,
    lends_key: bool,
    attributes: bool,
    addresses: bool,
) -> None:
    forwarding = Forwarding(
        "upstream", "sk-own" if lends_key else "", passes_attributes=attributes, tells_addresses=addresses
    )
    ending = HOP_BY_HOP | {"host", "content-length", "expect", "x-stillgate-verdict", "accept-encoding"}
    ending |= {"x-forwarded-for"}
    spoofing = {"x-stillgate-verdict"} | (CREDENTIALS if charged_key or lends_key else set())
    spoofing |= set() if trusted else ATTRIBUTE_HEADERS | FORWARDING
    spoofing |= QUALIFYING if lends_key else set()
    spoofing |= set() if attributes else ATTRIBUTE_HEADERS
    spoofing |= set() if addresses else {"forwarded", "x-real-ip", "x-forwarded-for"}
    for headers in heads:
        sent = request_headers(
            paired(names_of(headers), [value for _, value in headers]),
            forwarding,
            peer_ip="10.0.0.9",
            peer_trusted=trusted,
            family=Family.OPENAI,
            body_length=None,
            unencoded=True,
            charged_key=charged_key,
        )
        lowered = [name.lower() for name, _ in headers]
        dropped = [name in ending or name.replace("_", "-") in spoofing for name in lowered]
        passing = [pair for pair, is_dropped in zip(headers, dropped, strict=True) if not is_dropped]
        hops = ", ".join([*(all_of(headers, "x-forwarded-for") if trusted else []), "10.0.0.9"])
        expected = [("Host", "upstream"), *without_named(passing, all_of(headers, "connection"))]
        expected += [("X-Forwarded-For", hops)] if addresses else []
        expected += [("Via", "1.1 stillgate")]
        expected += [("Accept-Encoding", "identity")] if all_of(headers, "accept-encoding") else []
        own = [("Authorization", "Bearer sk-own")]
        assert sent == expected + (own if lends_key else charged(headers) if charged_key else [])


def charged(headers: list[Pair]) -> list[Pair]:
    order = ("x-api-key", "authorization", "api-key", "x-goog-api-key")
    firsts = [pair for name in order for pair in [pair for pair in headers if pair[0].lower() == name][:1]]
    keys = [pair for pair in firsts if credential_in(pair[0].lower(), pair[1])]
    return (keys if len(firsts) > 1 else firsts)[:1]


@given(two_alike(), flags, flags, flags, flags)
def test_an_answer_crosses_as_if_its_headers_were_looked_at_one_by_one(
    heads: tuple[list[Pair], list[Pair]], has_own: bool, keep_limits: bool, keep_length: bool, lends_key: bool
) -> None:
    forwarding = Forwarding("upstream", "sk-own" if lends_key else "")
    own = [("x-ratelimit-limit-requests", "50")] if has_own else []
    stand = keep_limits or not own
    ending = HOP_BY_HOP if keep_length else HOP_BY_HOP | {"content-length"}
    ending |= TELLING if lends_key else set()
    for headers in heads:
        passing = [
            pair
            for pair in headers
            if pair[0].lower() not in ending and (stand or not pair[0].lower().startswith(LIMIT_PREFIXES))
        ]
        expected = without_named(passing, all_of(headers, "connection")) + ([] if stand else own)
        named = {name.lower() for name, _ in headers} & {"request-id", "x-request-id"}
        expected += [] if named else [OWN_ID]
        sent = response_headers(
            paired(names_of(headers), [value for _, value in headers]),
            forwarding,
            limits=own,
            own_id=OWN_ID,
            keep_limits=keep_limits,
            keep_length=keep_length,
        )
        assert sent == expected


@given(two_alike())
def test_headers_are_sorted_as_if_they_were_looked_at_one_by_one(heads: tuple[list[Pair], list[Pair]]) -> None:
    read = {*CREDENTIALS, "user-agent", *PLATFORM_HEADERS}
    unmarked = UNMARKED_HEADERS | ATTRIBUTE_HEADERS | {"x-forwarded-for", "forwarded"}
    for headers in heads:
        found = sort_headers(paired(names_of(headers), [value for _, value in headers]))
        assert found == sort_headers(headers)
        lowered = [(name.lower(), value) for name, value in headers]
        assert found.marks == tuple([name for name, _ in headers if name.lower() not in unmarked])
        assert found.values == {name: value for name, value in reversed(lowered) if name in read}
        assert found.attributes == {name: value for name, value in lowered if name in ATTRIBUTE_HEADERS}
        assert found.x_forwarded_for == all_of(headers, "x-forwarded-for")
        assert found.forwarded == all_of(headers, "forwarded")


raw_values = st.sampled_from([b"", b"a", b"a \t", "é ".encode(), b"\xff", b"\xc3", b"12"])
ONCE = {"host", "user-agent", "transfer-encoding", "content-length", "content-type", "content-location"}
ONCE |= {"content-range", "etag", "max-forwards", "server"}


@given(st.lists(st.tuples(spelled, raw_values), max_size=8), st.lists(raw_values, min_size=8, max_size=8), flags)
def test_a_head_is_read_as_if_its_headers_were_looked_at_one_by_one(
    head: list[tuple[str, bytes]], others: list[bytes], has_host: bool
) -> None:
    if has_host:
        head.insert(0, ("Host", b"a"))
    for raw in (head, [(name, other) for (name, _), other in zip(head, others, strict=False)]):
        told, readable = [], True
        for name, value in raw:
            try:
                told.append((name, value.decode().rstrip(" \t")))
            except UnicodeDecodeError:
                readable = False
        is_malformed = not all_of(told, "host") or any(len(all_of(told, name)) > 1 for name in ONCE)
        try:
            request = Request(
                "GET", b"/", True, True, [name.encode() for name, _ in raw], [value for _, value in raw], "::1"
            )
        except MalformedError:
            assert is_malformed
            continue
        assert not is_malformed
        assert request.headers == (told if readable else None)
        for name in ("host", "content-type", "expect", "content-encoding", "anthropic-version"):
            assert request.has(name) is bool(all_of(told, name))
            assert request.noted(name) == (all_of(told, name) or [""])[0]
