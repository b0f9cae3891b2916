"""Real prompts through the proxy: the SDKs get what the model API gives them without it.

The prompts are no part of the project. Where they do not lie beside it the test is skipped; nothing else needs them.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.functional.conftest import Running
from tests.functional.sdk_ways import Way

CORPORA = Path(__file__).parents[3] / "shared" / "corpora"
PROMPTS_A_FILE = 3
AT_ONCE = 16

Prompt = dict[str, Any]


def sample() -> list[Prompt]:
    """A few prompts of every file, always the same ones."""
    chosen: list[Prompt] = []
    for path in sorted(CORPORA.glob("*/*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        chosen += [json.loads(line) for line in random.Random(path.name).sample(lines, PROMPTS_A_FILE)]
    return chosen


def turns(prompt: Prompt) -> list[dict[str, str]]:
    """What was said in words; a prompt without a conversation is its only turn."""
    said = [
        {"role": message["role"], "content": message["content"]}
        for message in prompt.get("messages", ())
        if message["role"] in ("user", "assistant") and message["content"]
    ]
    return said or [{"role": "user", "content": prompt["prompt"]}]


def functions(prompt: Prompt) -> list[dict[str, Any]]:
    return [tool.get("function", tool) for tool in prompt.get("tools", ())]


def for_messages(prompt: Prompt) -> dict[str, Any]:
    fields: dict[str, Any] = {"max_tokens": 200, "messages": turns(prompt)}
    if prompt.get("system"):
        fields["system"] = prompt["system"]
    if functions(prompt):
        fields["tools"] = [
            {"name": tool["name"], "description": tool.get("description", ""), "input_schema": tool["parameters"]}
            for tool in functions(prompt)
        ]
    return fields


def for_chat(prompt: Prompt) -> dict[str, Any]:
    system = [{"role": "system", "content": prompt["system"]}] if prompt.get("system") else []
    fields: dict[str, Any] = {"max_completion_tokens": 200, "messages": [*system, *turns(prompt)]}
    if functions(prompt):
        fields["tools"] = [{"type": "function", "function": tool} for tool in functions(prompt)]
    return fields


async def answers(endpoint: str, fields: dict[str, Any], url: str) -> list[Any]:
    """Plain, then streamed; under a key of its own, so that no other prompt's cache is seen."""
    key = f"sk-{uuid.uuid4().hex}"
    return [await Way(endpoint, True, streamed).ask(url, key=key, **fields) for streamed in (False, True)]


@pytest.mark.skipif(not CORPORA.is_dir(), reason="no ../shared/corpora beside the project")
async def test_real_prompts_get_the_same_answers_with_the_proxy_as_without(
    mock_api: Running, sdk_proxy: Running
) -> None:
    prompts = sample()
    assert len(prompts) >= 40
    few = asyncio.Semaphore(AT_ONCE)

    async def check(endpoint: str, prompt: Prompt) -> None:
        fields = for_messages(prompt) if endpoint == "messages" else for_chat(prompt)
        async with few:
            direct = await answers(endpoint, fields, mock_api.url)
            assert await answers(endpoint, fields, sdk_proxy.url) == direct, prompt["id"]

    sample_name = 'stillgate_settlements_total{usage="reported"}'
    before = sdk_proxy.metric(sample_name)
    await asyncio.gather(*(check(endpoint, prompt) for endpoint in ("messages", "chat") for prompt in prompts))
    assert sdk_proxy.metric(sample_name) - before == 4 * len(prompts), "every answer was metered"
