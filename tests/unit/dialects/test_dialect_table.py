import pytest

from proxy.dialects.llm import Family
from proxy.dialects.table import DIALECTS, dialect_for


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/messages", "anthropic_messages"),
        ("/v1/chat/completions", "openai_chat"),
        ("/v1/responses", "openai_responses"),
        ("/v1/completions", "openai_completions"),
        ("/v1/embeddings", "openai_embeddings"),
        ("/v1/models/m:generateContent", "gemini_generate"),
        ("/v1/models/m:embedContent", "gemini_embeddings"),
    ],
)
def test_a_post_to_a_known_path_speaks_its_dialect_wherever_it_is_mounted(path: str, name: str) -> None:
    for spelling in (path, path + "?beta=true", "/team-a/proxy" + path, "/v1/gateway" + path + "?a=/v1/models"):
        assert dialect_for("POST", spelling).name == name


@pytest.mark.parametrize(
    "path",
    [
        "/v1/messages/",
        "//v1//messages",
        "/v1/./messages",
        "/v1/files/../messages",
        "/v1/messages/v1/..",
        "/V1/Messages",
        "/v1/%6dessages",
        "/v1%2Fmessages?x=1",
    ],
)
def test_another_spelling_of_the_path_does_not_slip_past_the_token_quotas(path: str) -> None:
    assert dialect_for("POST", path).name == "anthropic_messages"


@pytest.mark.parametrize(
    ("method", "path", "family"),
    [
        ("POST", "/v1/messages/count_tokens", Family.ANTHROPIC),
        ("POST", "/v1/messages/batches?limit=1", Family.ANTHROPIC),
        ("GET", "/v1/messages", Family.ANTHROPIC),
        ("GET", "/v1/responses/resp_1", Family.OPENAI),
        ("GET", "/v1/chat/completions", Family.OPENAI),
        ("POST", "/v1/messages-of-mine", Family.OPENAI),
        ("GET", "/v1/models", Family.OPENAI),
        ("GET", "/", Family.OPENAI),
        ("OPTIONS", "*", Family.OPENAI),
        ("POST", "/v1beta/models/m:countTokens", Family.GOOGLE),
        ("POST", "/v1/projects/p/locations/l/publishers/anthropic/models/m:rawPredict", Family.GOOGLE),
        ("GET", "/v1beta/models?pageSize=5", Family.GOOGLE),
        ("POST", "/gateway/upload/v1beta/files", Family.GOOGLE),
        ("GET", "/v1/projects/p/locations/l/models", Family.GOOGLE),
        ("GET", "/v1beta/openai/models", Family.OPENAI),
        ("GET", "/v1/models/ft:m:acme::suffix", Family.OPENAI),
        ("GET", "/v1/organization/projects/p", Family.OPENAI),
        ("GET", "", Family.OPENAI),
    ],
)
def test_everything_else_is_opaque_in_the_family_it_looks_like(method: str, path: str, family: Family) -> None:
    dialect = dialect_for(method, path)
    assert (dialect.name, dialect.family) == ("opaque", family)


def test_an_anthropic_version_header_makes_an_unknown_path_anthropic_and_leaves_a_known_one() -> None:
    assert dialect_for("GET", "/v1/models", anthropic_version=True).family is Family.ANTHROPIC
    assert dialect_for("POST", "/v1/chat/completions", anthropic_version=True).family is Family.OPENAI


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1beta/models/m:generateContent", "gemini_generate"),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", "gemini_generate"),
        ("/v1beta/tunedModels/t:generateContent", "gemini_generate"),
        ("/v1/projects/p/locations/l/publishers/google/models/m:streamGenerateContent", "gemini_generate"),
        ("/v1/publishers/google/models/m:generateContent", "gemini_generate"),
        ("/v1beta1/projects/p/locations/l/endpoints/7:generateContent", "gemini_generate"),
        ("/models/m:generateContent", "gemini_generate"),
        ("/v1beta/models/m%3AgenerateContent", "gemini_generate"),
        ("/v1beta//files/../models/m:GENERATECONTENT/", "gemini_generate"),
        ("/v1beta/models/m:batchEmbedContents?key=k", "gemini_embeddings"),
        ("/v1beta/models/m:generateContent/../../../v1/messages", "anthropic_messages"),
    ],
)
def test_a_method_of_a_google_model_speaks_its_dialect_wherever_the_model_is_and_however_it_is_written(
    path: str, name: str
) -> None:
    assert dialect_for("POST", path).name == name


@pytest.mark.parametrize(
    "path", ["/v1beta/openai/chat/completions", "/v1/projects/p/locations/l/endpoints/openapi/chat/completions?a=b"]
)
def test_where_google_speaks_openais_api_it_is_read_as_that(path: str) -> None:
    assert dialect_for("POST", path).name == "openai_chat"


def test_a_google_method_counts_whatever_the_requests_own_because_a_header_may_override_that() -> None:
    assert dialect_for("GET", "/v1beta/models/m:generateContent").name == "gemini_generate"


def test_a_dialect_is_found_by_the_name_that_its_requests_carry() -> None:
    for name, dialect in DIALECTS.items():
        assert dialect.parse("/x?y", None).dialect == dialect.name == name
