"""What holds for the whole house, beside what import-linter checks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "proxy").rglob("*.py"))
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_is_short_enough_to_be_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", [path for path in MODULES if path.name != "__init__.py"], ids=str)
def test_a_module_says_first_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=str)
def test_a_package_file_holds_no_logic(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert all(isinstance(node, ast.Expr | ast.Assign) for node in body)


def test_scripts_for_redis_live_in_lua_files_and_nowhere_else() -> None:
    assert list((ROOT / "proxy" / "admission" / "lua").glob("*.lua"))
    assert [name for name, path in zip(NAMES, MODULES, strict=True) if "redis.call(" in path.read_text()] == []


def test_every_logger_is_one_of_stillgates_so_that_one_name_selects_them_all() -> None:
    named = {
        f"{name}: {ast.unparse(call.args[0])}"
        for name, path in zip(NAMES, MODULES, strict=True)
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("getLogger") and call.args
    }
    assert named
    assert [place for place in sorted(named) if not re.search(r": 'stillgate(\.[a-z_]+)?'$", place)] == []
