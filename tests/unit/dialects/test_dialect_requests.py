import base64
import json

import pytest

from proxy.dialects.llm import LlmRequest
from proxy.dialects.request_body import MOST_TOKENS
from proxy.dialects.table import dialect_for
from proxy.errors import DialectError

PATHS = (
    "/v1/messages",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/completions",
    "/v1/embeddings",
    ":generateContent",
    ":batchEmbedContents",
)
CHAT = "/v1/chat/completions"


def parse(path: str, body: object) -> LlmRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return dialect_for("POST", path).parse(path, raw)


def test_an_anthropic_request_is_read() -> None:
    body = {
        "model": "m",
        "max_tokens": 64,
        "stream": True,
        "metadata": {"user_id": "u"},
        "messages": [{"role": "user"}],
    }
    request = parse("/v1/messages?beta=true", body)
    assert request == LlmRequest(
        dialect="anthropic_messages",
        path="/v1/messages",
        model="m",
        stream=True,
        max_tokens=64,
        end_user="u",
        text_bytes=len(json.dumps(body)),
    )


def test_a_chat_request_is_read() -> None:
    body = {"model": "m", "max_completion_tokens": 7, "max_tokens": 9, "n": 3, "user": "u", "messages": []}
    assert parse(CHAT, body) == LlmRequest(
        dialect="openai_chat",
        path=CHAT,
        model="m",
        max_tokens=21,
        end_user="u",
        text_bytes=len(json.dumps(body)),
    )


def test_max_tokens_bounds_a_chat_that_has_no_max_completion_tokens() -> None:
    assert parse(CHAT, {"max_tokens": 9}).max_tokens == 9
    assert parse(CHAT, {"max_tokens": 9, "max_completion_tokens": None}).max_tokens == 9


def test_a_responses_request_is_read() -> None:
    request = parse("/v1/responses", {"model": "m", "max_output_tokens": 5, "safety_identifier": "s", "user": "u"})
    assert (request.model, request.max_tokens, request.end_user) == ("m", 5, "s")


@pytest.mark.parametrize(
    ("body", "bound"),
    [
        ({"prompt": "a"}, 16),
        ({"prompt": "a", "n": 2}, 32),
        ({"prompt": "a", "n": 2, "best_of": 3}, 48),
        ({"prompt": ["a", "b"], "n": 2}, 64),
        ({"prompt": [[1, 2], [3]]}, 32),
        ({"prompt": [1, 2, 3]}, 16),
        ({"prompt": []}, 16),
        ({"prompt": ["a" * 2_000_000]}, 16),
        ({"prompt": ['a, "[\\'] * 5_000}, 80_000),
        ({"prompt": [[1, 2]] * 5_000}, 80_000),
        ({"prompt": list(range(5_000))}, 16),
    ],
)
def test_a_completion_is_bounded_over_all_its_prompts_and_choices(body: dict[str, object], bound: int | None) -> None:
    assert parse("/v1/completions", body | {"max_tokens": 16}).max_tokens == bound


def test_an_embedding_generates_nothing() -> None:
    request = parse("/v1/embeddings", {"model": "e", "input": "text", "user": "u"})
    assert (request.model, request.max_tokens, request.end_user, request.stream) == ("e", 0, "u", False)


@pytest.mark.parametrize("path", PATHS)
def test_absent_and_ill_typed_fields_are_none(path: str) -> None:
    ill_typed: dict[str, object] = dict.fromkeys(("model", "user", "metadata", "n", "stream_options"), [1, {"a": 2}])
    ill_typed |= dict.fromkeys(("generationConfig", "generation_config", "requests", "content"), 7)
    ill_typed |= dict.fromkeys(("max_tokens", "max_completion_tokens", "max_output_tokens", "stream"), {"x": 1})
    for body in ({}, ill_typed, dict.fromkeys(ill_typed)):
        request = parse(path, body)
        assert (request.model, request.stream, request.end_user, request.asks_usage) == (None, False, None, True)
        assert request.max_tokens == (0 if "mbed" in path else None)


@pytest.mark.parametrize("path", PATHS)
def test_one_ill_typed_field_does_not_hide_the_others(path: str) -> None:
    assert parse(path, {"model": "m", "stream": "maybe", "max_tokens": [], "metadata": 7, "user": {}}).model == "m"


@pytest.mark.parametrize("written", [b"64", b"64.0", b"6.4e1", b'"64"'])
def test_a_number_means_the_same_however_it_is_written(written: bytes) -> None:
    assert parse("/v1/messages", b'{"max_tokens":' + written + b"}").max_tokens == 64


def test_counts_nobody_can_mean_are_bounded() -> None:
    for absurd in (10**12, 10**30):
        assert parse("/v1/messages", {"max_tokens": absurd}).max_tokens == MOST_TOKENS
        assert parse(CHAT, {"max_tokens": 100, "n": absurd}).max_tokens == MOST_TOKENS
    assert parse("/v1/messages", b'{"max_tokens":' + b"9" * 5000 + b"}").max_tokens is None
    assert parse("/v1/messages", {"max_tokens": -1}).max_tokens is None
    assert parse(CHAT, {"max_tokens": 5, "n": -3}).max_tokens == 5


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","x":"\\ud83d"}',
        b'{"model":"m","x":"\xff\xfe","max_tokens":{}}',
        b'{"x":"\xff","model":"m","y":NaN,"z":-Infinity}',
        b'\xef\xbb\xbf{"model":"m"}',
        b'{"model":"m","x":"a\nb"}',
        '{"model":"m"}'.encode("utf-16"),
        b'{"mod\\u0065l":"m"}',
        b'{"model":"other","model":"m"}',
        b'{"model":7,"model":"m"}',
        b' \n{"model":"m"} ',
    ],
)
def test_no_way_of_writing_json_hides_the_model_from_its_quota(body: bytes) -> None:
    assert parse("/v1/messages", body).model == "m"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"model"', b"null", b"model=m", b'{"model":"m"', b'{"model":"m"}}', b"\x1f\x8b\x08", b"\xff" * 9],
)
def test_what_is_no_json_object_is_a_dialect_error(path: str, body: bytes) -> None:
    with pytest.raises(DialectError):
        parse(path, body)


@pytest.mark.parametrize("path", PATHS)
def test_deep_nesting_is_read_or_refused_and_never_crashes(path: str) -> None:
    assert parse(path, b'{"a":' + b"[" * 200 + b"]" * 200 + b',"model":"m"}').model == "m"
    for bottomless in (b'{"a":' * 100_000, b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"):
        with pytest.raises(DialectError):
            parse(path, bottomless)


def test_cache_breakpoints_are_noticed_in_the_structure_and_not_in_the_text() -> None:
    block = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    assert parse("/v1/messages", {"system": [block]}).caches
    assert not parse("/v1/messages", {"system": 'what is "cache_control"?'}).caches


@pytest.mark.parametrize(
    ("path", "part"),
    [
        ("/v1/messages", {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "@"}}),
        ("/v1/messages", {"type": "document", "source": {"data": "@", "type": "base64"}}),
        (CHAT, {"type": "image_url", "image_url": {"url": "data:image/png;base64,@"}}),
        (CHAT, {"type": "input_audio", "input_audio": {"data": "@", "format": "wav"}}),
        (CHAT, {"type": "file", "file": {"file_data": "data:application/pdf;base64,@"}}),
        ("/v1/responses", {"type": "input_image", "image_url": "data:image/png;base64,@"}),
        ("/v1/responses", {"type": "input_file", "file_data": "data:application/pdf;base64,@"}),
    ],
)
def test_base64_data_is_no_text(path: str, part: dict[str, object]) -> None:
    data = base64.b64encode(bytes(range(256)) * 40).decode()
    without = json.dumps({"messages": [part, part]})
    with_data = without.replace("@", data)
    assert parse(path, with_data.encode()).text_bytes == len(without) - without.count("@")


def test_text_stays_text_beside_images() -> None:
    document = {"type": "document", "source": {"type": "text", "data": "Plain words, " * 50}}
    talk = {"type": "text", "text": "Decode this base64: " + "QUJD" * 100 + " or data:image/png;base64," + "QUJD" * 100}
    body = {"messages": [document, talk]}
    assert parse("/v1/messages", body).text_bytes == len(json.dumps(body))


def test_a_request_without_a_body_is_known_by_its_path_alone() -> None:
    for path in PATHS:
        dialect = dialect_for("POST", path)
        assert dialect.parse(path + "?a=b", None) == LlmRequest(dialect.name, path)


def test_an_opaque_request_tells_its_model_if_it_can() -> None:
    assert parse("/v1/messages/count_tokens", {"model": "m", "messages": ["a"]}) == LlmRequest(
        "opaque", "/v1/messages/count_tokens", model="m"
    )
    for body in (b"", b"--boundary\r\n", b"[1]", b'{"model":7}', b'{"a":1}\n{"a":2}'):
        assert parse("/v1/files", body) == LlmRequest("opaque", "/v1/files")
    assert parse("/v1/files", b'{"model":"m"}\n{').model == "m"


def test_an_opaque_request_that_begins_as_an_object_and_is_none_is_not_read() -> None:
    for body in (b'{"model":', b'{"model":"m"} x', b'{\n"model":"m"}\nx', b'{"model":' * 100_000):
        with pytest.raises(DialectError):
            parse("/v1/files", body)
