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
        ("GET", "", Family.OPENAI),
    ],
)
def test_everything_else_is_opaque_in_the_family_it_looks_like(method: str, path: str, family: Family) -> None:
    dialect = dialect_for(method, path)
    assert (dialect.name, dialect.family) == ("opaque", family)


def test_an_anthropic_version_header_makes_an_unknown_path_anthropic_and_leaves_a_known_one() -> None:
    assert dialect_for("GET", "/v1/models", anthropic_version=True).family is Family.ANTHROPIC
    assert dialect_for("POST", "/v1/chat/completions", anthropic_version=True).family is Family.OPENAI


def test_a_dialect_is_found_by_the_name_that_its_requests_carry() -> None:
    for name, dialect in DIALECTS.items():
        assert dialect.parse("/x?y", None).dialect == dialect.name == name
