"""Whatever a client sends is read, or is a DialectError; what is read agrees with an ordinary JSON parser."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.dialects.dialect import Dialect
from proxy.dialects.table import DIALECTS
from proxy.errors import DialectError

dialects = st.sampled_from(sorted(DIALECTS.values(), key=lambda dialect: dialect.name))
UNSTREAMED = ("opaque", "openai_embeddings", "gemini_generate", "gemini_embeddings")
"""By their bodies, at least: Google's say it in the path."""
asking = st.sampled_from([DIALECTS[name] for name in ("openai_chat", "openai_completions")])
NAMES = (  # noqa: SIM905 - one name a line would fill a page
    "model stream max_tokens max_completion_tokens max_output_tokens n best_of prompt metadata user_id user input "
    "stream_options include_usage cache_control data generationConfig maxOutputTokens candidate_count requests"
).split()


def json_values(*, allow_nan: bool) -> st.SearchStrategy[object]:
    numbers = st.integers() | st.floats(allow_nan=allow_nan, allow_infinity=allow_nan)
    return st.recursive(
        st.none() | st.booleans() | numbers | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
        max_leaves=12,
    )


def json_objects(*, allow_nan: bool) -> st.SearchStrategy[dict[str, object]]:
    names = st.sampled_from(NAMES) | st.text(max_size=3)
    return st.dictionaries(names, json_values(allow_nan=allow_nan), max_size=8)


objects = json_objects(allow_nan=True)


@given(
    dialects, st.text(max_size=20), st.binary(max_size=80) | objects.map(lambda body: json.dumps(body).encode()[:60])
)
@example(DIALECTS["openai_completions"], "/", b'{"prompt":[')
@example(DIALECTS["anthropic_messages"], "/", b'{"max_tokens":{},"model":"\xff"}')
def test_any_bytes_are_a_request_or_a_dialect_error(dialect: Dialect, path: str, body: bytes) -> None:
    try:
        request = dialect.parse(path, body)
    except DialectError:
        return
    assert request.dialect == dialect.name
    assert 0 <= request.text_bytes <= len(body)
    assert request.max_tokens is None or request.max_tokens >= 0


@given(dialects, objects, st.booleans())
def test_any_object_is_read_with_the_model_that_it_names(
    dialect: Dialect, body: dict[str, object], ascii_: bool
) -> None:
    raw = json.dumps(body, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    model = body.get("model")
    request = dialect.parse("/", raw)
    assert request.model == (model if isinstance(model, str) else None)
    assert request.stream is (body.get("stream") is True and dialect.name not in UNSTREAMED)


@given(asking, json_objects(allow_nan=False), json_values(allow_nan=False), st.none() | st.integers(0, 3))
def test_asking_for_usage_changes_nothing_but_the_stream_options(
    dialect: Dialect, body: dict[str, object], options: object, indent: int | None
) -> None:
    raw = json.dumps(body | {"stream_options": options, "stream": True}, indent=indent).encode()
    asked = dialect.ask_usage(raw)
    if options is None or isinstance(options, dict):
        expected = json.loads(raw) | {"stream_options": (options or {}) | {"include_usage": True}}
        assert json.dumps(json.loads(asked), sort_keys=True) == json.dumps(expected, sort_keys=True)
        assert dialect.parse("/", asked).asks_usage
    else:
        assert asked == raw


@given(dialects, st.sampled_from([b"[", b'{"a":', b'[{"model":']), st.integers(1, 3000))
def test_nesting_of_any_depth_is_read_or_refused(dialect: Dialect, opening: bytes, depth: int) -> None:
    with pytest.raises(DialectError):
        dialect.parse("/", b'{"model":"m","a":' + opening * depth)
