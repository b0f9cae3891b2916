"""Owns issues as a SARIF 2.1.0 log, which code hosts and editors show beside the lines they are about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from proxy.policy.issues import Code, Issue

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif_log(issues: Sequence[Issue], version: str) -> dict[str, Any]:
    """One run of one tool, as a JSON object; `version` is the tool's. Every code is among its rules."""
    indices = {code: index for index, code in enumerate(Code)}
    driver = {"name": "stillgate", "version": version, "rules": [_rule(code) for code in Code]}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(issue, indices[issue.code]) for issue in issues],
            }
        ],
    }


def _rule(code: Code) -> dict[str, Any]:
    return {
        "id": code.value,
        "name": "".join(word.capitalize() for word in code.value.split("-")),
        "shortDescription": {"text": code.explanation},
        "help": {"text": f"{code.explanation} {code.advice}".strip()},
    }


def _result(issue: Issue, index: int) -> dict[str, Any]:
    location = {
        "artifactLocation": {"uri": _uri(issue.path)},
        "region": {"startLine": issue.line, "startColumn": issue.col},
    }
    return {
        "ruleId": issue.code.value,
        "ruleIndex": index,
        "level": issue.severity.value,
        "message": {"text": issue.message},
        "locations": [{"physicalLocation": location}],
    }


def _uri(path: str) -> str:
    """Relative paths stay so, because a code host resolves them against the root of the repository."""
    file = Path(path)
    return file.as_uri() if file.is_absolute() else quote(file.as_posix(), errors="surrogateescape")
