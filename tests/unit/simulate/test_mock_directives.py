"""How a request scripts its answer."""

from __future__ import annotations

import pytest

from proxy.simulate.mock.directives import DirectiveError, Directives, parse_directives


def test_without_directives_the_answer_is_ordinary() -> None:
    assert parse_directives("", "Hi") == Directives()


def test_a_header_lists_directives() -> None:
    assert parse_directives("status=529, retry-after=2; times=1", "") == Directives(529, "2", 1)
    assert parse_directives("delay=0.2,tokens=300,pace=0.005,id=a1", "") == Directives(
        delay=0.2, tokens=300, pace=0.005, name="a1"
    )
    assert parse_directives("garbage, gzip, usage=none, tool=f", "") == Directives(
        garbage=True, gzip=True, usage=False, tool="f"
    )


@pytest.mark.parametrize(("value", "count"), [("=after 5 events", 5), ("=5", 5), ("", 0), ("=0", 0)])
def test_faults_in_a_stream_count_its_events(value: str, count: int) -> None:
    assert parse_directives(f"cut{value}", "").cut == count
    assert parse_directives(f"hang{value}", "").hang == count
    assert parse_directives(f"error{value}", "").error == count


def test_a_marker_in_the_prompt_is_a_directive_and_gives_way_to_the_header() -> None:
    prompt = "Write [[mock tokens=9, pace=0]] a poem."
    assert parse_directives("", prompt) == Directives(tokens=9, pace=0.0)
    assert parse_directives("tokens=3", prompt) == Directives(tokens=3, pace=0.0)


def test_faults_end_after_the_tries_they_are_for() -> None:
    header = "status=529, cut, hang, error, garbage, delay=1, times=2, tokens=7"
    assert parse_directives(header, "", retries=1).status == 529
    assert parse_directives(header, "", retries=2) == Directives(times=2, tokens=7)


@pytest.mark.parametrize(
    "header", ["stauts=529", "status=fine", "status=200", "tokens=", "cut=soon", "usage=some", "gzip=9", "delay=x"]
)
def test_a_directive_that_cannot_be_read_is_an_error(header: str) -> None:
    with pytest.raises(DirectiveError, match="x-mock"):
        parse_directives(header, "")
