"""What crosses the proxy and what ends at it."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.dialects.llm import Family
from proxy.upstream.headers import Forwarding, request_headers, request_target, response_headers

TO = Forwarding("api.example.com:8443")


def sent(
    *headers: tuple[str, str],
    to: Forwarding = TO,
    trusted: bool = True,
    family: Family = Family.OPENAI,
    length: int | None = None,
    unencoded: bool = False,
    charged_key: bool = False,
    verdict: str | None = None,
) -> list[tuple[str, str]]:
    return request_headers(
        headers,
        to,
        peer_ip="10.0.0.9",
        peer_trusted=trusted,
        family=family,
        body_length=length,
        unencoded=unencoded,
        charged_key=charged_key,
        verdict=verdict,
    )


def received(
    *headers: tuple[str, str],
    by: Forwarding = TO,
    limits: Sequence[tuple[str, str]] = (),
    own_id: tuple[str, str] | None = None,
    keep_limits: bool = False,
) -> list[tuple[str, str]]:
    """What a client gets of an answer's `headers`, without an id that is not asked about."""
    own = own_id or ("x-request-id", "req_0")
    got = response_headers(headers, by, limits=limits, own_id=own, keep_limits=keep_limits)
    return [pair for pair in got if own_id is not None or pair != own]


def test_end_to_end_headers_keep_order_case_and_repetition() -> None:
    mine = [("X-Custom", "1"), ("x-custom", "2"), ("User-Agent", "me")]
    assert [pair for pair in sent(*mine) if pair[0].lower() in ("x-custom", "user-agent")] == mine


def test_hop_by_hop_headers_and_those_named_by_connection_end_at_the_proxy() -> None:
    names = {
        name.lower()
        for name, _ in sent(
            ("Connection", "keep-alive, X-Private"),
            ("X-Private", "hop"),
            ("Keep-Alive", "timeout=5"),
            ("TE", "trailers"),
            ("Transfer-Encoding", "chunked"),
            ("Upgrade", "h2c"),
            ("Proxy-Authorization", "Basic eA=="),
        )
    }
    assert names == {"host", "x-forwarded-for", "via"}


def test_the_host_is_the_upstreams_and_the_proxy_names_itself_in_via() -> None:
    headers = sent(("Host", "gateway.example"))
    assert ("Host", "api.example.com:8443") in headers
    assert ("Via", "1.1 stillgate") in headers
    assert ("Host", "gateway.example") not in headers


def test_a_trusted_peers_forwarding_chain_is_continued_and_an_untrusted_ones_is_dropped() -> None:
    chain = ("X-Forwarded-For", "203.0.113.7, 10.1.1.1")
    assert ("X-Forwarded-For", "203.0.113.7, 10.1.1.1, 10.0.0.9") in sent(chain)
    assert ("X-Forwarded-For", "10.0.0.9") in sent(chain, ("Forwarded", "for=1.2.3.4"), trusted=False)
    assert "forwarded" not in {name.lower() for name, _ in sent(("Forwarded", "for=1.2.3.4"), trusted=False)}


def test_what_the_edge_tells_of_an_account_ends_at_the_proxy_however_it_is_spelt() -> None:
    told = [("X-Account-Id", "acct_1"), ("x_account_payment", "visa"), ("X-JA4", "t13d"), ("x-account-mail", "a@b.c")]
    assert not set(told) & set(sent(*told))


def test_the_upstream_sees_the_attributes_of_trusted_peers_where_it_shall() -> None:
    told, showing = [("X-Account-Id", "acct_1"), ("X-JA4", "t13d")], Forwarding("h", passes_attributes=True)
    assert [pair for pair in sent(*told, to=showing) if pair in told] == told
    assert not set(told) & set(sent(*told, to=showing, trusted=False))


def test_the_upstream_is_told_no_address_of_a_client_where_it_shall_not() -> None:
    chain = [
        ("X-Forwarded-For", "203.0.113.7"),
        ("x_forwarded_for", "203.0.113.7"),
        ("Forwarded", "for=203.0.113.7"),
        ("X-Real-IP", "203.0.113.7"),
        ("True-Client-IP", "203.0.113.7"),
        ("X-Envoy-External-Address", "203.0.113.7"),
    ]
    silent = Forwarding("h", tells_addresses=False)
    for trusted in (True, False):
        assert sent(*chain, ("X-Forwarded-Proto", "https"), to=silent, trusted=trusted) == [
            ("Host", "h"),
            *([("X-Forwarded-Proto", "https")] if trusted else []),
            ("Via", "1.1 stillgate"),
        ]


def test_only_the_proxy_tells_the_upstream_of_a_verdict_whoever_the_peer_is() -> None:
    forged = ("X-Stillgate-Verdict", "v=1;level=none")
    for trusted in (True, False):
        assert forged not in sent(forged, trusted=trusted)
        told = [pair for pair in sent(forged, trusted=trusted, verdict="v=1;…") if "verdict" in pair[0].lower()]
        assert told == [("x-stillgate-verdict", "v=1;…")]
    named = sent(("Connection", "x-stillgate-verdict"), verdict="v=1;…")
    assert ("x-stillgate-verdict", "v=1;…") in named, "a client cannot have it taken off"


def test_the_operators_key_replaces_the_clients_in_the_header_that_the_family_uses() -> None:
    theirs = (("x-api-key", "sk-client"), ("Authorization", "Bearer sk-client"))
    own = Forwarding("h", "sk-operator")
    openai = sent(*theirs, to=own)
    anthropic = sent(*theirs, to=own, family=Family.ANTHROPIC)
    assert ("Authorization", "Bearer sk-operator") in openai
    assert ("x-api-key", "sk-operator") in anthropic
    assert "sk-client" not in repr(openai) + repr(anthropic)
    assert set(theirs) <= set(sent(*theirs))


def test_with_a_key_of_the_operators_no_client_chooses_whose_project_it_bills() -> None:
    qualifying = [
        ("OpenAI-Organization", "org-other"),
        ("openai_project", "proj-other"),
        ("x-goog-user-project", "billing-x"),
        ("Cookie", "session=abc"),
    ]
    assert not set(qualifying) & set(sent(*qualifying, to=Forwarding("h", "sk-operator")))
    assert set(qualifying) <= set(sent(*qualifying, charged_key=True)), "of the client's own key it is its own"


def test_with_a_key_of_the_operators_no_answer_says_whose_it_is() -> None:
    telling = [
        ("openai-organization", "acme"),
        ("OpenAI-Project", "proj"),
        ("anthropic-organization-id", "a"),
        ("Set-Cookie", "__cf_bm=1"),
    ]
    assert received(*telling, by=Forwarding("h", "sk-operator")) == []
    assert received(*telling) == telling


def test_an_answer_without_an_id_gets_the_exchanges_and_one_that_has_one_keeps_it() -> None:
    own = ("x-request-id", "req_1")
    assert received(("Server", "vllm"), own_id=own) == [("Server", "vllm"), own]
    for theirs in (("request-id", "r"), ("X-Request-Id", "r"), ("X-Request-Id", "")):
        assert received(theirs, own_id=own) == [theirs]


def test_only_encodings_that_can_be_metered_are_asked_for() -> None:
    assert ("Accept-Encoding", "gzip;q=0.9, deflate") in sent(("accept-encoding", "br, gzip;q=0.9, zstd, deflate"))
    assert ("Accept-Encoding", "identity") in sent(("accept-encoding", "br"))
    assert ("Accept-Encoding", "identity") in sent(("accept-encoding", "gzip"), unencoded=True)
    assert "accept-encoding" not in {name.lower() for name, _ in sent()}


def test_the_length_is_that_of_the_body_that_is_sent() -> None:
    assert ("Content-Length", "7") in sent(("Content-Length", "5"), length=7)
    assert "content-length" not in {name.lower() for name, _ in sent(("Content-Length", "5"))}


def test_own_limit_headers_take_the_place_of_all_of_the_upstreams() -> None:
    theirs = [("x-ratelimit-limit-requests", "9"), ("X-RateLimit-Extra", "1"), ("request-id", "r")]
    own = [("x-ratelimit-limit-requests", "50")]
    assert received(*theirs, limits=own) == [("request-id", "r"), *own]


def test_the_upstreams_own_refusal_keeps_its_own_limit_headers() -> None:
    theirs = [("retry-after", "3"), ("x-ratelimit-limit-requests", "9"), ("Connection", "close")]
    limits = [("x-ratelimit-limit-requests", "50")]
    assert received(*theirs, limits=limits, keep_limits=True) == theirs[:2]


def test_only_the_credential_that_is_charged_passes_on() -> None:
    def credentials(*headers: tuple[str, str]) -> list[tuple[str, str]]:
        kept = sent(*headers, charged_key=True)
        names = ("x-api-key", "authorization", "api-key", "x-goog-api-key")
        return [pair for pair in kept if pair[0].lower() in names]

    invented, real = ("x-api-key", "sk-invented"), ("Authorization", "Bearer sk-real")
    assert credentials(real, invented) == [invented]
    assert credentials(real) == [real]
    assert credentials(("x-api-key", " "), real) == [real]
    assert credentials(("x-api-key", ""), ("x-api-key", "second"), real) == [real]
    assert credentials(("X-Api-Key", "one"), ("x-api-key", "two")) == [("X-Api-Key", "one")]
    azure, google = ("api-key", "sk-real"), ("x-goog-api-key", "sk-real")
    assert credentials(azure, google, invented) == [invented]
    assert credentials(azure, google, real) == [real]
    assert credentials(azure, google, ("Authorization", "Bearer ")) == [azure]
    assert credentials(google) == [google]


def test_the_operators_key_goes_to_google_in_the_header_that_its_apis_read() -> None:
    headers = sent(("x-goog-api-key", "AIza-client"), to=Forwarding("api.example.com", "AIza"), family=Family.GOOGLE)
    assert [pair for pair in headers if "key" in pair[0]] == [("x-goog-api-key", "AIza")]


def target(written: str, *headers: tuple[str, str], key: str = "", charged_key: bool = True) -> str:
    return request_target(written, headers, Forwarding("api.example.com", key), Family.GOOGLE, charged_key)


def test_a_url_whose_key_names_the_account_passes_as_it_is_written() -> None:
    for written in ("/v1beta/models/m:x?alt=sse&key=AI%7Aa", "/m:x?k%65y=a&a=b&&c", "/m:x?", "/m:x"):
        assert target(written) == written
        assert target(written, charged_key=False) == written
        assert request_target(written, [("x-api-key", "sk")], TO, Family.OPENAI, True) == written


def test_no_key_in_the_url_passes_beside_the_one_that_counts() -> None:
    for key, header in (("", ("x-api-key", "sk-invented")), ("sk-operator", ("x-other", "1"))):
        for written in ("/m:x?alt=sse&key=AIza&x=%20", "/m:x?k%65y=AIza&alt=sse&x=%20&%24key=b"):
            assert target(written, header, key=key) == "/m:x?alt=sse&x=%20"
    assert target("/m:x?key=one&key=two") == "/m:x"
