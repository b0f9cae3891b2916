import json

import pytest

from proxy.dialects.table import dialect_for
from proxy.errors import DialectError

ASKING = ("/v1/chat/completions", "/v1/completions")


@pytest.mark.parametrize("path", ASKING)
@pytest.mark.parametrize(
    ("options", "asks"),
    [
        (b"", False),
        (b',"stream_options":null', False),
        (b',"stream_options":{}', False),
        (b',"stream_options":{"include_usage":false}', False),
        (b',"stream_options":{"include_usage":null}', False),
        (b',"stream_options":"all"', False),
        (b',"stream_options":{"include_usage":true}', True),
    ],
)
def test_a_stream_that_will_not_report_usage_is_noticed(path: str, options: bytes, asks: bool) -> None:
    dialect = dialect_for("POST", path)
    assert dialect.parse(path, b'{"stream":true' + options + b"}").asks_usage is asks
    assert dialect.parse(path, b'{"stream":false' + options + b"}").asks_usage


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses", "/v1/embeddings", "/v1/models"])
def test_other_dialects_report_usage_unasked(path: str) -> None:
    dialect = dialect_for("POST", path)
    body = b'{ "stream" : true }'
    assert dialect.parse(path, body).asks_usage
    assert dialect.ask_usage(body) is body


@pytest.mark.parametrize("path", ASKING)
@pytest.mark.parametrize(
    ("body", "asked"),
    [
        (b'{"stream": true}\n', b'{"stream": true,"stream_options":{"include_usage":true}}\n'),
        (
            b' { "a":[ 1 ],\n "stream":true } ',
            b' { "a":[ 1 ],\n "stream":true ,"stream_options":{"include_usage":true}} ',
        ),
        (b"{ }", b'{ "stream_options":{"include_usage":true}}'),
        (b'{"stream_options": null , "a":1}', b'{"stream_options": {"include_usage":true} , "a":1}'),
        (b'{"stream_options": { }, "a":1}', b'{"stream_options": { "include_usage":true}, "a":1}'),
        (
            b'{"a":"\\u00e9 \xc3\xa9","stream_options" : {"include_obfuscation" :false} }',
            b'{"a":"\\u00e9 \xc3\xa9","stream_options" : {"include_obfuscation" :false,"include_usage":true} }',
        ),
        (b'{"stream_options":{"include_usage" : false,"x":0}}', b'{"stream_options":{"include_usage" : true,"x":0}}'),
    ],
)
def test_usage_is_asked_for_and_every_other_byte_stays(path: str, body: bytes, asked: bytes) -> None:
    assert dialect_for("POST", path).ask_usage(body) == asked


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream":true,"stream\\u005foptions":{"include_usage":false}}',
        b'{"stream":true,"stream_options":{},"stream_options":{}}',
        b'{"stream":true,"stream_options":{"include\\u005fusage":false}}',
        b'{"stream":true,"a":{"stream_options":{"x":1}},"stream_options":{"x":1}}',
        b'{"stream":true,"a":"\\"stream_options\\":{}"}',
        b'{"stream":true,"x":"\\ud800"}',
    ],
)
def test_usage_is_asked_for_however_oddly_the_request_is_written(body: bytes) -> None:
    dialect = dialect_for("POST", "/v1/chat/completions")
    assert not dialect.parse("/", body).asks_usage
    asked = dialect.ask_usage(body)
    assert dialect.parse("/", asked).asks_usage
    assert json.loads(asked) == json.loads(body) | {"stream_options": json.loads(asked)["stream_options"]}


def test_options_that_are_no_object_are_left_for_the_upstream_to_refuse() -> None:
    body = b'{"stream":true,"stream_options":"all"}'
    assert dialect_for("POST", "/v1/chat/completions").ask_usage(body) == body


def test_a_body_that_is_no_object_cannot_ask() -> None:
    with pytest.raises(DialectError):
        dialect_for("POST", "/v1/chat/completions").ask_usage(b"[]")
