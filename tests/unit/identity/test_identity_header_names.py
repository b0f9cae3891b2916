"""A head's names are judged once for each way to spell and order them, and no flood of them is remembered."""

from __future__ import annotations

from proxy.identity.header_names import HeadTable, names_of, paired, picker, places_of


def test_names_are_judged_once_for_each_spelling_and_order() -> None:
    judged: list[tuple[str, ...]] = []

    def joined(names: tuple[str, ...]) -> str:
        judged.append(names)
        return "|".join(names)

    table = HeadTable(joined)
    heads = [("X-A", "b"), ("b", "X-A"), ("x-a", "b"), ("X-A", "b", "b"), ()]
    for _ in range(2):
        assert [table[head] for head in heads] == ["X-A|b", "b|X-A", "x-a|b", "X-A|b|b", ""]
    assert judged == heads


def test_a_flood_of_heads_makes_it_forget_and_no_long_one_is_remembered() -> None:
    table: HeadTable[str, int] = HeadTable(len)
    for number in range(5_000):
        assert table[f"X-{number}", "Host"] == 2
        assert len(table) < 1_000
    remembered = dict(table)
    assert table[("x" * 100,) * 100] == 100
    assert table == remembered


def test_headers_tell_their_names_whatever_holds_them() -> None:
    headers = paired(("A", "b", "A"), ["1", "2", "3"])
    assert headers == [("A", "1"), ("b", "2"), ("A", "3")]
    assert names_of(headers) == names_of(tuple(headers)) == ("A", "b", "A")


def test_a_name_is_found_in_any_spelling_wherever_it_stands() -> None:
    assert places_of(("A", "b", "a", "ab"), "a") == (0, 2)
    assert places_of(("b",), "a") == ()


def test_a_picker_takes_out_as_many_as_it_was_told_of() -> None:
    assert [picker(places)("abc") for places in ((), (1,), (2, 0))] == [(), ("b",), ("c", "a")]
