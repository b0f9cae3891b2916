"""What a request to Google's API asks for and says, in either spelling of its fields."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from proxy.dialects.conversation import MODEL, TOOL, USER, Conversation, Tool, Turn
from proxy.dialects.llm import LONGEST_NAME, LlmRequest
from proxy.dialects.table import dialect_for
from proxy.errors import DialectError

PATH = "/v1beta/models/gemini-2.5-pro:generateContent"
EMBED, EMBED_MANY = "/v1beta/models/e:embedContent", "/v1beta/models/e:batchEmbedContents"
SCHEMA = {"type": "OBJECT", "properties": {"path": {"type": "STRING"}, "line": {}}}
SEARCH = Tool("search", "Finds text.", ("path", "line"))


def parse(body: object, path: str = PATH) -> LlmRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return dialect_for("POST", path).parse(path, raw)


def read(body: object, path: str = PATH) -> Conversation:
    request, conversation = dialect_for("POST", path).read(path, json.dumps(body).encode())
    assert request == parse(body, path)
    assert conversation is not None
    return conversation


def said(*parts: Any, role: str = "user") -> dict[str, Any]:
    return {"contents": [{"role": role, "parts": list(parts)}]}


def test_a_request_is_read() -> None:
    body = {"contents": [], "generationConfig": {"maxOutputTokens": 64, "candidateCount": 2}}
    assert parse(body, PATH + "?key=k") == LlmRequest(
        dialect="gemini_generate", path=PATH, model="gemini-2.5-pro", max_tokens=128, text_bytes=len(json.dumps(body))
    )
    assert parse({"generation_config": {"max_output_tokens": 9, "candidate_count": 1}}).max_tokens == 9
    assert parse({"generationConfig": {"maxOutputTokens": "9"}}).max_tokens == 9


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent", "gemini-2.5-pro"),
        ("/v1beta/models%2Fgemini-2.5-pro%3astreamGenerateContent", "gemini-2.5-pro"),
        ("/v1beta/files/../models//gemini-2.5-pro:streamGenerateContent/", "gemini-2.5-pro"),
        ("/v1/projects/p/locations/l/publishers/google/models/g@001:streamGenerateContent", "g@001"),
        ("/v1beta/tunedModels/mine:streamGenerateContent", "tunedModels/mine"),
        ("/v1/projects/p/locations/l/endpoints/7:streamGenerateContent", "endpoints/7"),
    ],
)
def test_the_path_names_the_model_and_says_that_the_answer_is_streamed(path: str, model: str) -> None:
    request = parse({}, path)
    assert (request.model, request.stream, request.models) == (model, True, ())


def test_a_model_that_only_the_body_names_is_judged_too() -> None:
    assert parse({"model": "models/gemini-2.5-pro"}).models == ()
    assert parse({"model": "models/frontier"}).models == ("frontier",)
    requests = [{"model": "models/e"}, {"model": "models/frontier"}, {"model": "models/frontier"}, 7]
    request = parse({"requests": requests}, EMBED_MANY)
    assert (request.model, request.models, request.max_tokens) == ("e", ("frontier",), 0)
    counted = parse({"model": "models/frontier"}, "/v1beta/models/m:countTokens")
    assert (counted.dialect, counted.model, counted.models) == ("opaque", "m", ("frontier",))
    assert parse({"model": "models/m"}, "/v1beta/cachedContents").model == "m"


@pytest.mark.parametrize("path", [PATH, EMBED_MANY, "/v1beta/models/m:countTokens"])
def test_a_body_that_names_endless_models_is_a_dialect_error(path: str) -> None:
    with pytest.raises(DialectError):
        parse({"model": "m" * (LONGEST_NAME + 1)}, path)


def test_a_batch_of_endless_models_is_a_dialect_error() -> None:
    with pytest.raises(DialectError):
        parse({"requests": [{"model": str(number)} for number in range(100)]}, EMBED_MANY)


def test_an_opaque_google_request_tells_its_model_without_a_body_that_is_read() -> None:
    for body in (b"", b"--boundary\r\n", b"[1]", b"{}"):
        path = "/v1/projects/p/locations/l/publishers/anthropic/models/claude:rawPredict"
        assert parse(body, path) == LlmRequest("opaque", path, model="claude")


@pytest.mark.parametrize("name", ["inlineData", "inline_data"])
def test_base64_data_is_no_text(name: str) -> None:
    data = base64.b64encode(bytes(range(256)) * 40).decode()
    without = json.dumps(said({"text": "See"}, {name: {"mimeType": "image/png", "data": "@"}}))
    assert parse(without.replace("@", data).encode()).text_bytes == len(without) - 1


@pytest.mark.parametrize("snake", [False, True])
def test_a_conversation_is_read_in_either_spelling(snake: bool) -> None:
    def spelt(camel: str) -> str:
        return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in camel) if snake else camel

    result = {spelt("functionResponse"): {"name": "search", "response": {"result": "found"}}}
    conversation = read(
        {
            spelt("systemInstruction"): {"parts": [{"text": "Be"}, {"text": "brief"}]},
            "contents": [
                {"role": "user", "parts": [{"text": "Look"}, {spelt("fileData"): {spelt("fileUri"): "gs://f"}}]},
                {
                    "role": "model",
                    "parts": [
                        {"text": "hm", "thought": True},
                        {"text": "I will", spelt("thoughtSignature"): "sig+1/"},
                        {spelt("functionCall"): {"name": "search"}, spelt("thoughtSignature"): "sig-2_"},
                    ],
                },
                {"role": "user", "parts": [result]},
                {"parts": [{"text": "a"}, result, {"text": "b", "thought": True}]},
            ],
            "tools": [
                {spelt("googleSearch"): {}},
                {
                    spelt("functionDeclarations"): [
                        {"name": "search", "description": "Finds text.", "parameters": SCHEMA},
                        {"name": "search", "description": "Finds text.", spelt("parametersJsonSchema"): SCHEMA},
                    ]
                },
            ],
            spelt("generationConfig"): {spelt("topP"): 0.5, spelt("responseSchema"): SCHEMA},
        }
    )
    assert conversation.system == "Be\nbrief"
    found = '{"result": "found"}'
    look, *others = conversation.turns
    assert (look.role, look.text, [bytes(raw)[-8:] for raw in look.attached]) == (USER, "Look", [b'gs://f"}'])
    assert others == [
        Turn(MODEL, "I will", attached=[]),
        Turn(TOOL, "", found, True, []),
        Turn(USER, "a\nb", found, True, []),
    ]
    assert conversation.tools == [SEARCH, SEARCH]
    assert conversation.signatures == ["sig+1/", "sig+2/"]
    assert b'"path"' in conversation.form
    assert conversation.sampling.startswith(b",,,,0.5,")


def test_one_thing_is_taken_for_a_list_of_it() -> None:
    conversation = read(
        {
            "contents": {"role": "user", "parts": {"text": "Hi"}},
            "systemInstruction": "Be brief",
            "tools": {"functionDeclarations": {"name": "search", "description": "Finds text.", "parameters": SCHEMA}},
        }
    )
    assert (conversation.system, conversation.turns) == ("Be brief", [Turn(USER, "Hi", attached=[])])
    assert conversation.tools == [SEARCH]


@pytest.mark.parametrize("word", ["skip_thought_signature_validator", "context_engineering_is_the_way_to_go"])
def test_what_everybody_writes_in_place_of_a_signature_is_none(word: str) -> None:
    for written in (word, base64.b64encode(word.encode()).decode(), base64.urlsafe_b64encode(word.encode()).decode()):
        assert read(said({"functionCall": {}, "thoughtSignature": written}, role="model")).signatures == []


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ({"temperature": 0.7, "maxOutputTokens": 9}, {"temperature": 0.7, "maxOutputTokens": 8}),
        ({"thinkingConfig": {"thinkingBudget": 5}}, {"thinkingConfig": {"thinkingBudget": 6}}),
        ({"topP": 1}, {"topK": 1}),
        ({"responseMimeType": "application/json"}, {}),
        ({"candidateCount": 2}, {"stopSequences": ["a"]}),
        ({"responseJsonSchema": SCHEMA}, {"responseLogprobs": True}),
    ],
)
def test_sampling_tells_which_parameters_are_set_and_to_what(one: Any, another: Any) -> None:
    assert read({"generationConfig": one}).sampling != read({"generationConfig": another}).sampling
    labelled = {"generationConfig": one, "labels": {"a": "b"}, "safetySettings": []}
    assert read(labelled).sampling == read({"generationConfig": one}).sampling
    streamed = "/v1beta/models/m:streamGenerateContent"
    assert read({"generationConfig": one}, streamed).sampling != read({"generationConfig": one}).sampling


def test_what_is_ill_typed_hides_nothing_beside_it() -> None:
    conversation = read(
        {
            "contents": [7, {"role": 1, "parts": [{"text": "a"}]}, {"parts": [5, {"text": 6}, {"text": "b"}]}],
            "systemInstruction": 5,
            "tools": [None, {"functionDeclarations": [3, {"name": "t", "parameters": {"properties": []}}]}],
            "generationConfig": {"maxOutputTokens": {}, "topP": []},
        }
    )
    assert [turn.text for turn in conversation.turns] == ["", "a", "b"]
    assert [tool.name for tool in conversation.tools] == ["", "t"]


def test_the_texts_that_are_embedded_are_one_turn_of_the_user() -> None:
    one = {"content": {"parts": [{"text": "one"}, {"text": "two"}]}, "output_dimensionality": 8}
    assert read(one, EMBED) == Conversation(turns=[Turn(USER, "one\ntwo")], sampling=b",8")
    many = {"requests": [one, {"content": {"parts": [{"text": "three"}]}}]}
    assert read(many, EMBED_MANY) == Conversation(turns=[Turn(USER, "one\ntwo\nthree")], sampling=b",,,8")
    assert read({}, EMBED_MANY).turns == ()
