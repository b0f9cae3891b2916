"""Makes a raw exchange log from real arrivals: the Azure LLM inference traces, with real prompts in the bodies.

    python tests/tools/azure_log.py --traces ../shared/traces --corpora ../shared/corpora > azure.jsonl

Arrival times, context and generated tokens are the traces' own (Azure/AzurePublicDataset, CC-BY 4.0; one hour of a chat
and of a code service). Who asks is not in them, so accounts are invented: few of them send most, as in production.
The same input gives the same bytes. Neither traces nor corpora are part of this project; see their own licences.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

SERVICES = {"azure_llm_conv.csv": "m-chat", "azure_llm_code.csv": "m-code"}
ACCOUNTS = 400
TIERS = ("free", "free", "free", "build", "build", "scale")
TOKENS_A_SECOND = 40.0


class Asked(NamedTuple):
    """One request of a trace; `at` is seconds since the epoch."""

    at: float
    model: str
    context_tokens: int
    generated_tokens: int


def trace(path: Path, model: str) -> Iterator[Asked]:
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            stamp, _, fraction = row["TIMESTAMP"].partition(".")
            second = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
            at = second + float(f"0.{fraction or 0}")
            yield Asked(at, model, int(row["ContextTokens"]), int(row["GeneratedTokens"]))


def prompts(folder: Path) -> list[str]:
    found = []
    for path in sorted(folder.rglob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            found += [prompt for line in file if (prompt := json.loads(line).get("prompt"))]
    return found


def exchanges(asked: list[Asked], texts: list[str], seed: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(seed)
    accounts = [f"acct_{number}" for number in range(ACCOUNTS)]
    weights = [1 / (rank + 1) for rank in range(ACCOUNTS)]
    for number, one in enumerate(asked):
        account = chance.choices(accounts, weights)[0]
        place = int(account.removeprefix("acct_"))
        prompt = chance.choice(texts)
        wanted = one.context_tokens * 4
        prompt = (prompt * (wanted // max(len(prompt), 1) + 1))[:wanted]
        yield {
            "ts": round(one.at, 6),
            "id": f"e-{number}",
            "method": "POST",
            "path": "/v1/messages",
            "peer_ip": "10.0.0.1",
            "headers": [
                ["x-forwarded-for", f"203.0.{place % 120}.{place % 200 + 1}"],
                ["x-account-id", account],
                ["x-account-tier", TIERS[place % len(TIERS)]],
                ["user-agent", "Anthropic/Python 2.11.0"],
            ],
            "body": {
                "model": one.model,
                "max_tokens": max(1024, one.generated_tokens),
                "messages": [{"role": "user", "content": prompt}],
            },
            "response": {
                "status": 200,
                "input_tokens": one.context_tokens,
                "output_tokens": one.generated_tokens,
                "duration_s": round(0.3 + one.generated_tokens / TOKENS_A_SECOND, 3),
            },
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--corpora", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of who asks what (default: %(default)s)")
    chosen = parser.parse_args()
    asked = sorted(one for name, model in SERVICES.items() for one in trace(chosen.traces / name, model))
    for exchange in exchanges(asked, prompts(chosen.corpora), chosen.seed):
        sys.stdout.write(json.dumps(exchange, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
