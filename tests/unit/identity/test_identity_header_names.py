"""A name is judged once for each way to spell it, and no flood of names is remembered."""

from __future__ import annotations

from proxy.identity.header_names import NameTable


def test_a_name_means_what_it_means_in_lower_case_and_is_judged_once_for_each_spelling() -> None:
    judged: list[str] = []

    def length(name: str) -> int:
        judged.append(name)
        return len(name)

    table = NameTable(length)
    assert [table[name] for name in ("X-A", "x-a", "X-A", "x-a")] == [3, 3, 3, 3]
    assert judged == ["x-a", "x-a"]


def test_no_flood_of_names_is_remembered_and_no_long_one() -> None:
    table = NameTable(len)
    for number in range(5_000):
        assert table[f"X-{number}"] == len(f"X-{number}")
    remembered = len(table)
    assert table["x" * 500] == 500
    assert len(table) == remembered < 2_000
