"""Owns the bytes of the benchmark: requests as SDKs send them, each one different, and answers as a model API has them.

A request is a pair of bytes, before and after a serial number of twelve digits that makes it unlike any other, so that
no cache flatters whoever reads it. Built once from a seed; knows no socket.
"""

from __future__ import annotations

import json
import random
from functools import cache

Request = tuple[bytes, bytes]

ACCOUNTS, NETWORKS, PRODUCTS = 400, 300, 50
MODELS = ("m-large", "m-small", "m-quick")
"""Equally long, because LiteLLM puts the one asked for into the answer."""
_SERIAL = "#serial-here"
_SYLLABLES = ("ka", "lo", "mi", "ren", "ta", "vos", "el", "dur", "sha", "pin", "go", "ma", "tri", "on", "qu", "be")
_HEAD = """\
POST {path} HTTP/1.1\r
Host: api.example.com\r
Accept: application/json\r
Content-Type: application/json\r
User-Agent: Anthropic/Python 0.84.0\r
X-Stainless-Lang: python\r
X-Stainless-Package-Version: 0.84.0\r
X-Stainless-OS: Linux\r
X-Stainless-Arch: x64\r
X-Stainless-Runtime: CPython\r
X-Stainless-Runtime-Version: 3.12.4\r
X-Stainless-Retry-Count: 0\r
anthropic-version: 2023-06-01\r
X-Api-Key: sk-bench-{account:06}-{account:032x}\r
X-Forwarded-For: 198.{high}.{low}.{host}\r
Content-Length: {length}\r
\r
"""


def stream_path(deltas: int, gap_ms: int) -> str:
    """The path that has the upstream stream so many pieces of text, one every `gap_ms`."""
    return f"/v1/messages?events={deltas}&gap_ms={gap_ms}"


@cache
def plain_requests(path: str = "/v1/messages", *, stream: bool = False, count: int = 2000) -> tuple[Request, ...]:
    """Single questions with bodies of about 1 KB, under the system prompts of `PRODUCTS`."""
    rng = random.Random(1)
    words = _words(rng)
    products = [_text(rng, words, 200) for _ in range(PRODUCTS)]

    def body(number: int) -> dict[str, object]:
        question = f"{_SERIAL} {_text(rng, words, rng.randint(350, 850))}"
        return {
            "model": rng.choice(MODELS),
            "max_tokens": 1024,
            "system": products[number % ACCOUNTS % PRODUCTS],
            "messages": [{"role": "user", "content": question}],
            **({"stream": True} if stream else {}),
        }

    return tuple(_request(rng, path, number, body(number)) for number in range(count))


@cache
def agent_requests(count: int = 24, size: int = 200_000) -> tuple[Request, ...]:
    """Turns of coding agents: tools, a long system prompt and a conversation of tool calls, `size` bytes together."""
    rng = random.Random(2)
    words = _words(rng)
    tools = [_tool(rng, words) for _ in range(20)]
    system = _text(rng, words, 6000)

    def body() -> dict[str, object]:
        messages: list[dict[str, object]] = [{"role": "user", "content": _text(rng, words, 600)}]
        filled = len(json.dumps([tools, system]))
        while filled < size:
            turn = _tool_turn(rng, words, len(messages))
            filled += len(json.dumps(turn))
            messages += turn
        messages.append({"role": "user", "content": f"{_SERIAL} {_text(rng, words, 200)}"})
        return {"model": MODELS[0], "max_tokens": 8192, "system": system, "tools": tools, "messages": messages}

    return tuple(_request(rng, "/v1/messages", number, body()) for number in range(count))


def _request(rng: random.Random, path: str, number: int, body: dict[str, object]) -> Request:
    account, network = number % ACCOUNTS, rng.randrange(NETWORKS)
    payload = json.dumps(body)
    head = _HEAD.format(
        path=path,
        account=account,
        high=18 + network // 256,
        low=network % 256,
        host=rng.randint(1, 254),
        length=len(payload),
    )
    before, _, after = (head + payload).encode().partition(_SERIAL.encode())
    return before, after


def _words(rng: random.Random) -> list[str]:
    """A vocabulary in which, as in languages, few words are common."""
    words = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 4))) for _ in range(3000)]
    return [word for rank, word in enumerate(words) for _ in range(1 + 1000 // (rank + 1))]


def _text(rng: random.Random, words: list[str], size: int) -> str:
    """Sentences and lines of about `size` bytes, with what JSON has to escape."""
    chosen = rng.choices(words, k=size // 6 + 1)
    for place in range(9, len(chosen), 12):
        chosen[place] += rng.choice((".", ",", ' "so"', ".\n", "\n    "))
    return " ".join(chosen)[:size]


def _tool(rng: random.Random, words: list[str]) -> dict[str, object]:
    properties = {
        f"{rng.choice(words)}_{number}": {"type": "string", "description": _text(rng, words, 80)} for number in range(4)
    }
    return {
        "name": f"{rng.choice(words)}_{rng.choice(words)}",
        "description": _text(rng, words, 300),
        "input_schema": {"type": "object", "properties": properties, "required": list(properties)[:2]},
    }


def _tool_turn(rng: random.Random, words: list[str], number: int) -> list[dict[str, object]]:
    call = {"type": "tool_use", "id": f"toolu_{number:024}", "name": "read", "input": {"path": _text(rng, words, 40)}}
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": _text(rng, words, rng.randint(1000, 9000))}
    said = {"type": "text", "text": _text(rng, words, rng.randint(80, 400))}
    return [{"role": "assistant", "content": [said, call]}, {"role": "user", "content": [result]}]


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


_MESSAGE = {"id": "msg_01", "type": "message", "role": "assistant", "model": "m-large", "stop_sequence": None}
_USAGE = {"input_tokens": 260, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
_COMMON = b"HTTP/1.1 200 OK\r\nDate: Wed, 01 Apr 2026 12:00:00 GMT\r\nrequest-id: req_011CS\r\nServer: bench\r\n"
ANSWER = _json(
    {
        **_MESSAGE,
        "content": [{"type": "text", "text": "Sixteen is the number of syllables that these questions are made of."}],
        "stop_reason": "end_turn",
        "usage": {**_USAGE, "output_tokens": 17},
    }
)
PLAIN_ANSWER = _COMMON + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER


def _event(**data: object) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (str(data["type"]).encode(), _json(data))


def _delta(text: str) -> bytes:
    return _event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_OPENING = (
    _event(type="message_start", message={**_MESSAGE, "content": [], "usage": {**_USAGE, "output_tokens": 1}}),
    _event(type="content_block_start", index=0, content_block={"type": "text", "text": ""}),
    _event(type="ping"),
)
_DELTAS = [_delta(text) for text in (" the", " model", " writes", " a", " word", ", and", " another", ".\n")]
_CLOSING = (
    _event(type="content_block_stop", index=0),
    _event(
        type="message_delta", delta={"stop_reason": "end_turn", "stop_sequence": None}, usage={"output_tokens": 300}
    ),
    _event(type="message_stop"),
)
STREAM_HEAD = (
    _COMMON
    + b"Content-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(map(_chunk, _OPENING))
)
"""What a stream begins with, in one write: the head and the events before the first text."""
DELTA_CHUNKS = [_chunk(delta) for delta in _DELTAS]
"""One after the other and round again, each in a write of its own."""
STREAM_END = b"".join(map(_chunk, _CLOSING)) + b"0\r\n\r\n"


def stream_size(deltas: int) -> tuple[int, int]:
    """Events and bytes of the body of a whole stream."""
    rounds, rest = divmod(deltas, len(_DELTAS))
    text = rounds * sum(map(len, _DELTAS)) + sum(map(len, _DELTAS[:rest]))
    return len(_OPENING) + deltas + len(_CLOSING), text + sum(map(len, _OPENING + _CLOSING))
